//! PURE. Root certificates besides the system's: what `--ca-bundle` holds.
//!
//! They are taken in whole or not at all: a bundle of which one certificate is broken is refused, because the one that is missing
//! would show weeks later and elsewhere, as a HeyGen that cannot be reached.

use std::fmt;

use reqwest::Certificate;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use thiserror::Error;

/// Root certificates that are trusted for HeyGen, and for an HTTPS proxy on the way there, besides the system's. None by default.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ExtraRoots(Vec<CertificateDer<'static>>);

/// A bundle that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RootsError {
    /// There is no PEM section `CERTIFICATE` in it.
    #[error("holds no certificate in PEM form (`-----BEGIN CERTIFICATE-----`)")]
    Empty,
    /// One of its certificates cannot be read; they are counted from 1.
    #[error("holds a broken certificate: number {0}")]
    Broken(usize),
}

impl ExtraRoots {
    /// The certificates of a PEM file, in its order; sections of other kinds and text between them are skipped.
    ///
    /// Whether a certificate has expired is not asked here: the clock is not known, and a root does its work by being named.
    ///
    /// # Errors
    ///
    /// When there is none, or one of them is broken.
    pub fn from_pem(pem: &[u8]) -> Result<Self, RootsError> {
        let mut roots = Vec::new();
        for (index, certificate) in CertificateDer::pem_slice_iter(pem).enumerate() {
            let broken = RootsError::Broken(index + 1);
            let certificate = certificate.map_err(|_| broken)?;
            RootCertStore::empty().add(certificate.clone()).map_err(|_| broken)?;
            roots.push(certificate);
        }
        if roots.is_empty() { Err(RootsError::Empty) } else { Ok(Self(roots)) }
    }

    /// The certificates as the HTTP client takes them.
    pub(crate) fn certificates(&self) -> reqwest::Result<Vec<Certificate>> {
        self.0.iter().map(|certificate| Certificate::from_der(certificate)).collect()
    }
}

impl fmt::Debug for ExtraRoots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ExtraRoots({})", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate() -> String {
        let key = rcgen::KeyPair::generate().unwrap();
        rcgen::CertificateParams::new(vec!["heygen.test".to_owned()]).unwrap().self_signed(&key).unwrap().pem()
    }

    #[test]
    fn every_certificate_of_a_bundle_is_taken_and_the_text_between_them_is_not() {
        let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
        let bundle = format!("# ours\n{}\n{key}\nsubject=theirs\n{}", certificate(), certificate());
        assert_eq!(format!("{:?}", ExtraRoots::from_pem(bundle.as_bytes()).unwrap()), "ExtraRoots(2)");
    }

    #[test]
    fn a_bundle_without_a_certificate_is_refused() {
        let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
        for bundle in ["", "\n", "not a certificate", "\u{0}\u{1}", key.as_str()] {
            assert_eq!(ExtraRoots::from_pem(bundle.as_bytes()), Err(RootsError::Empty), "{bundle:?}");
        }
    }

    #[test]
    fn a_bundle_with_one_broken_certificate_is_refused_and_the_certificate_named() {
        let good = certificate();
        let cut = good.lines().take(3).collect::<Vec<_>>().join("\n");
        let odd = "-----BEGIN CERTIFICATE-----\nbm90IGEgY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n";
        let unprintable = "-----BEGIN CERTIFICATE-----\n????\n-----END CERTIFICATE-----\n";
        for broken in [cut.as_str(), odd, unprintable] {
            assert_eq!(ExtraRoots::from_pem(broken.as_bytes()), Err(RootsError::Broken(1)), "{broken}");
            assert_eq!(ExtraRoots::from_pem(format!("{good}{broken}").as_bytes()), Err(RootsError::Broken(2)), "{broken}");
        }
    }
}
