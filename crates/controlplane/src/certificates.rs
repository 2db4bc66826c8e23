//! The keys and certificates of one control plane, made anew at each start.
//!
//! All are X.509 v3 with ECDSA P-256 keys: rustls refuses the v1 client certificates that a plain
//! `openssl x509 -req` makes, and RSA keys would take longer to make than the API server takes to start.

use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use time::{Duration, OffsetDateTime};

/// How long the certificates live; a control plane of a demo may stay up for long.
const LIFETIME: Duration = Duration::days(365);

/// A clock that was set back a little must not make them invalid.
const BACKDATED: Duration = Duration::hours(1);

/// Everything that the programs and the administrator need to know each other by, in PEM.
pub(crate) struct Certificates {
    pub(crate) authority: String,
    pub(crate) server: Identity,
    pub(crate) administrator: Identity,
    /// Signs and verifies service-account tokens.
    pub(crate) service_account_key: String,
    pub(crate) service_account_public_key: String,
}

/// A certificate and its private key, in PEM.
pub(crate) struct Identity {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

/// Makes the authority and all that it signs.
///
/// # Errors
/// When the random source or the signing fails.
pub(crate) fn make() -> Result<Certificates, rcgen::Error> {
    let authority_key = KeyPair::generate()?;
    let mut authority = params(Vec::new(), "twinconsent-controlplane")?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let authority_certificate = authority.self_signed(&authority_key)?;
    let issuer = Issuer::new(authority, authority_key);

    // 10.0.0.1 is the address of the Service `kubernetes` in the range that the API server is started with.
    let names = ["127.0.0.1", "10.0.0.1", "localhost", "kubernetes.default.svc"];
    let mut server = params(names.map(str::to_owned).to_vec(), "kube-apiserver")?;
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];

    let mut administrator = params(Vec::new(), "admin")?;
    administrator.distinguished_name.push(DnType::OrganizationName, "system:masters");
    administrator.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];

    let service_account_key = KeyPair::generate()?;
    Ok(Certificates {
        authority: authority_certificate.pem(),
        server: sign(server, &issuer)?,
        administrator: sign(administrator, &issuer)?,
        service_account_public_key: service_account_key.public_key_pem(),
        service_account_key: service_account_key.serialize_pem(),
    })
}

fn params(subject_alternative_names: Vec<String>, common_name: &str) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(subject_alternative_names)?;
    let now = OffsetDateTime::now_utc();
    params.not_before = now - BACKDATED;
    params.not_after = now + LIFETIME;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    Ok(params)
}

fn sign(mut params: CertificateParams, issuer: &Issuer<'_, KeyPair>) -> Result<Identity, rcgen::Error> {
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, issuer)?;
    Ok(Identity { certificate: certificate.pem(), key: key.serialize_pem() })
}
