//! PURE. Digests over the one canonical form of a JSON value ([RFC 8785](https://www.rfc-editor.org/rfc/rfc8785)).

use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// `sha256:` and the hex digits of SHA-256 over the canonical form of a value.
#[must_use]
pub fn digest(value: &Value) -> String {
    // A value without numbers beyond 64 bits has a canonical form; the fallback keeps the function total.
    let canonical = serde_json_canonicalizer::to_vec(value).unwrap_or_default();
    Sha256::digest(&canonical).iter().fold("sha256:".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}
