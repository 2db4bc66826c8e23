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

/// Everything that the programs need to know each other by, in PEM.
pub(crate) struct Certificates {
    pub(crate) authority: String,
    pub(crate) server: Identity,
    /// Signs and verifies service-account tokens.
    pub(crate) service_account_key: String,
    pub(crate) service_account_public_key: String,
    /// Of the other subjects that were asked for, in their order.
    pub(crate) others: Vec<Identity>,
}

/// A certificate and its private key, in PEM.
pub(crate) struct Identity {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

/// What a certificate is for: a client, and with `names` also a server.
pub(crate) struct Subject<'a> {
    pub(crate) common_name: &'a str,
    /// The group that Kubernetes takes the client for a member of.
    pub(crate) organization: Option<&'a str>,
    /// The addresses and DNS names under which others reach it.
    pub(crate) names: &'a [&'a str],
}

/// Makes the authority and all that it signs: for the API server under `server_names`, and `others`.
///
/// # Errors
/// When the random source or the signing fails.
pub(crate) fn make(server_names: &[&str], others: &[Subject<'_>]) -> Result<Certificates, rcgen::Error> {
    let authority_key = KeyPair::generate()?;
    let mut authority = params(&[], "twinconsent-controlplane")?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let authority_certificate = authority.self_signed(&authority_key)?;
    let issuer = Issuer::new(authority, authority_key);

    let service_account_key = KeyPair::generate()?;
    Ok(Certificates {
        authority: authority_certificate.pem(),
        server: sign(&Subject { common_name: "kube-apiserver", organization: None, names: server_names }, &issuer)?,
        service_account_public_key: service_account_key.public_key_pem(),
        service_account_key: service_account_key.serialize_pem(),
        others: others.iter().map(|subject| sign(subject, &issuer)).collect::<Result<_, _>>()?,
    })
}

fn params(names: &[&str], common_name: &str) -> Result<CertificateParams, rcgen::Error> {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names)?;
    let now = OffsetDateTime::now_utc();
    params.not_before = now - BACKDATED;
    params.not_after = now + LIFETIME;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    Ok(params)
}

fn sign(subject: &Subject<'_>, issuer: &Issuer<'_, KeyPair>) -> Result<Identity, rcgen::Error> {
    let mut params = params(subject.names, subject.common_name)?;
    if let Some(organization) = subject.organization {
        params.distinguished_name.push(DnType::OrganizationName, organization);
    }
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    if !subject.names.is_empty() {
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
    }
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, issuer)?;
    Ok(Identity { certificate: certificate.pem(), key: key.serialize_pem() })
}
