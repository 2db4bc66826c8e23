//! PURE. The root certificates of the image.
//!
//! They are Mozilla's, from a crate that `Cargo.lock` pins. Those of the machine that builds were rejected: they differ from one
//! machine to the next, and may hold a company's own authority, which is not meant to be shipped.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use webpki_root_certs::TLS_SERVER_ROOT_CERTS;

/// Characters in a line of PEM (RFC 7468, section 2).
const LINE: usize = 64;

/// The crate that holds the certificates, as `Cargo.lock` names it.
pub const CRATE: &str = "webpki-root-certs";

/// All of them in PEM form, in the order of the crate.
pub fn pem() -> String {
    let mut pem = format!("# The root certificates that Mozilla trusts for servers, from the crate {CRATE}.\n");
    for certificate in TLS_SERVER_ROOT_CERTS {
        let text = STANDARD.encode(certificate);
        pem.push_str("-----BEGIN CERTIFICATE-----\n");
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let (line, after) = rest.split_at(rest.len().min(LINE));
            pem.push_str(line);
            pem.push('\n');
            rest = after;
        }
        pem.push_str("-----END CERTIFICATE-----\n");
    }
    pem
}
