//! The signature of a delivery, by [Standard Webhooks](https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use jiff::Timestamp;
use sha2::Sha256;
use thiserror::Error;

/// What a secret begins with, as text.
const PREFIX: &str = "whsec_";

/// How many bytes a secret may have, as the specification says.
const BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// A signing secret. It does not print.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<[u8]>);

/// Why a text is no signing secret; nothing of it is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SecretError {
    /// It does not begin as one.
    #[error("does not begin with `whsec_`")]
    Prefix,
    /// What follows is not base64.
    #[error("is not base64 after `whsec_`")]
    Base64,
    /// It has too few or too many bytes.
    #[error("is not of 24 to 64 bytes")]
    Length,
}

impl Secret {
    /// The secret that a text holds, `whsec_` and base64; white space around it is not part of it.
    ///
    /// # Errors
    /// When it is no secret of Standard Webhooks.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let encoded = text.trim().strip_prefix(PREFIX).ok_or(SecretError::Prefix)?;
        let bytes = STANDARD.decode(encoded).map_err(|_| SecretError::Base64)?;
        if BYTES.contains(&bytes.len()) { Ok(Self(bytes.into_boxed_slice())) } else { Err(SecretError::Length) }
    }

    /// The header `webhook-signature` of a delivery with this `webhook-id`, made at `time`, whose `webhook-timestamp` is that in whole seconds since 1970.
    #[must_use]
    pub fn sign(&self, id: &str, time: Timestamp, body: &str) -> String {
        // A key of any length does; the fallback keeps the function total.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { return String::new() };
        for part in [id, ".", &time.as_second().to_string(), ".", body] {
            mac.update(part.as_bytes());
        }
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's own libraries.
    #[test]
    fn a_signature_is_the_one_that_the_specification_shows() {
        let secret = Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").unwrap();
        let time = Timestamp::from_second(1_614_265_330).unwrap();
        let signature = secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", time, r#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert_eq!(format!("{secret:?}"), "[redacted]");
    }

    #[test]
    fn a_text_that_is_no_secret_is_named_for_what_it_is() {
        let of = |bytes: usize| format!("whsec_{}", STANDARD.encode(vec![7; bytes]));
        for (text, refused) in [
            ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", Some(SecretError::Prefix)),
            ("", Some(SecretError::Prefix)),
            ("whsec_", Some(SecretError::Length)),
            ("whsec_!", Some(SecretError::Base64)),
            (&of(23), Some(SecretError::Length)),
            (&of(24), None),
            (&of(64), None),
            (&of(65), Some(SecretError::Length)),
        ] {
            assert_eq!(Secret::parse(text).err(), refused, "{text}");
        }
    }
}
