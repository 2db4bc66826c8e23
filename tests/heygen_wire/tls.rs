//! A private authority, as a company runs one, and servers with its certificates.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

/// An authority that no system knows.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new() -> Self {
        static FOUNDED: AtomicU32 = AtomicU32::new(0);
        Self::called(&format!("authority {}", FOUNDED.fetch_add(1, Ordering::Relaxed)))
    }

    /// One of this name, with a key of its own.
    pub fn called(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Its own certificate, as a bundle holds it.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// The TLS of a server that this authority vouches for; `name` is a host name or an IP address.
    pub fn acceptor(&self, name: &str) -> TlsAcceptor {
        self.vouch_for(&CertificateParams::new(vec![name.to_owned()]).unwrap())
    }

    /// The TLS of a server with a certificate like this one.
    pub fn vouch_for(&self, params: &CertificateParams) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let _ = rustls::crypto::ring::default_provider().install_default();
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key.into()).unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}
