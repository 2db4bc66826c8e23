//! PURE. The token by which a person is known again, and the keys that it is made with.
//!
//! It is a function of the request and a key, so that nothing has to be written down when a request is sent, and the same request has the
//! same token however often it is repeated. It says nothing by itself: without the key it is 128 bits of noise.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};

use crate::api::account_key::AccountKey;
use crate::api::consent::{AccountKind, DigitalTwinConsent};

/// What the key is used for here, so that it makes no sense elsewhere.
const DOMAIN: &[u8] = b"twinconsent return page v1";

/// The length of what HMAC-SHA256 makes of a key, in bytes.
const BLOCK: usize = 64;

/// What opens the page of one request. A secret: it prints as `[redacted]`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Token(u128);

/// A key that tokens are made with. A secret: it prints as `[redacted]`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Key([u8; BLOCK]);

/// The keys in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keys {
    /// New tokens are made with this one.
    pub current: Key,
    /// Those that were made with this one are still known.
    pub previous: Option<Key>,
}

/// The request that a token stands for: its account, namespace, group and epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    account: AccountKey,
    namespace: String,
    group: String,
    epoch: i64,
}

impl Key {
    /// The length of a key, at least.
    pub const LEAST: usize = 32;

    /// A key of these bytes; `None` if they are fewer than [`LEAST`](Self::LEAST).
    #[must_use]
    pub fn new(bytes: &[u8]) -> Option<Self> {
        if bytes.len() < Self::LEAST {
            return None;
        }
        // As HMAC takes keys of other lengths than its own (RFC 2104), so that no length is an error.
        let digest = Sha256::digest(bytes);
        let bytes = if bytes.len() > BLOCK { digest.as_slice() } else { bytes };
        let mut key = [0; BLOCK];
        key.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        Some(Self(key))
    }

    /// The token of a request.
    #[must_use]
    pub fn token(&self, subject: &Subject) -> Token {
        let Subject { account, namespace, group, epoch } = subject;
        let kind: &[u8] = match account.kind {
            AccountKind::HeyGenAccount => b"HeyGenAccount",
            AccountKind::ClusterHeyGenAccount => b"ClusterHeyGenAccount",
            AccountKind::Unrecognized => b"",
        };
        let account_namespace = account.namespace.as_deref().unwrap_or_default();
        let epoch = epoch.to_be_bytes();
        let parts: [&[u8]; 7] =
            [DOMAIN, kind, account_namespace.as_bytes(), account.name.as_bytes(), namespace.as_bytes(), group.as_bytes(), &epoch];
        let mut mac = Hmac::<Sha256>::new(&self.0.into());
        for part in parts {
            // With their lengths, so that no two lists of parts are the same text.
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        let digest = mac.finalize().into_bytes();
        Token(digest[..16].iter().fold(0, |number, byte| number << 8 | u128::from(*byte)))
    }
}

impl Keys {
    /// The tokens by which a request is known, that of the current key first.
    pub fn tokens(&self, subject: &Subject) -> impl Iterator<Item = Token> {
        std::iter::once(&self.current).chain(&self.previous).map(|key| key.token(subject))
    }
}

impl Subject {
    /// The request of this epoch that an object describes.
    #[must_use]
    pub fn of(consent: &DigitalTwinConsent, epoch: i64) -> Self {
        let namespace = consent.metadata.namespace.clone().unwrap_or_default();
        Self { account: AccountKey::of(consent), namespace, group: consent.spec.group_id.clone(), epoch }
    }

    /// The request that an object has made, whose link the person may have; `None` if it has made none.
    #[must_use]
    pub fn asked(consent: &DigitalTwinConsent) -> Option<Self> {
        let initiation = consent.status.as_ref()?.initiation.as_ref()?;
        Some(Self::of(consent, initiation.epoch))
    }
}

impl Token {
    /// The token of a text; `None` if it is that of none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 16] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        Some(Self(u128::from_be_bytes(bytes)))
    }

    /// The token in the clear, 22 letters, digits, `-` and `_`: for the address that HeyGen is told, and nowhere else.
    #[must_use]
    pub fn expose(self) -> String {
        URL_SAFE_NO_PAD.encode(self.0.to_be_bytes())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn consent(namespace: &str, spec: serde_json::Value) -> DigitalTwinConsent {
        let mut consent = DigitalTwinConsent::new("ada", serde_json::from_value(spec).unwrap());
        consent.metadata.namespace = Some(namespace.to_owned());
        consent
    }

    fn key(byte: u8) -> Key {
        Key::new(&[byte; 32]).unwrap()
    }

    #[test]
    fn the_token_of_a_released_version_never_changes() {
        let token = key(7).token(&Subject::of(&consent("video", json!({ "groupID": "g" })), 3));
        assert_eq!(token.expose(), "NTIxBNfLRnnpENkebKOHIg");
        assert_eq!(Token::parse(&token.expose()), Some(token));
    }

    #[test]
    fn a_token_depends_on_account_namespace_group_epoch_and_key_and_on_nothing_else() {
        let plain = consent("video", json!({ "groupID": "g" }));
        let token = key(7).token(&Subject::of(&plain, 0));
        let mut same = consent("video", json!({ "groupID": "g", "consentText": "x", "suspend": true }));
        same.metadata.name = Some("bob".to_owned());
        assert_eq!(key(7).token(&Subject::of(&same, 0)), token);
        let cluster = json!({ "groupID": "g", "accountRef": { "kind": "ClusterHeyGenAccount", "name": "default" } });
        assert_eq!(key(7).token(&Subject::of(&consent("video", cluster), 0)), token, "the account of an object that names none");
        let other_account = |kind: &str, name: &str| json!({ "groupID": "g", "accountRef": { "kind": kind, "name": name } });
        let others = [
            key(8).token(&Subject::of(&plain, 0)),
            key(7).token(&Subject::of(&plain, 1)),
            key(7).token(&Subject::of(&consent("audio", json!({ "groupID": "g" })), 0)),
            key(7).token(&Subject::of(&consent("video", json!({ "groupID": "h" })), 0)),
            key(7).token(&Subject::of(&consent("video", other_account("ClusterHeyGenAccount", "b")), 0)),
            key(7).token(&Subject::of(&consent("video", other_account("HeyGenAccount", "default")), 0)),
        ];
        assert_eq!(others.iter().chain([&token]).collect::<HashSet<_>>().len(), others.len() + 1);
    }

    #[test]
    fn the_previous_key_is_known_beside_the_current_one() {
        let subject = Subject::of(&consent("video", json!({ "groupID": "g" })), 0);
        let keys = Keys { current: key(1), previous: Some(key(2)) };
        assert_eq!(keys.tokens(&subject).collect::<Vec<_>>(), [key(1).token(&subject), key(2).token(&subject)]);
    }

    #[test]
    fn neither_a_key_nor_a_token_is_printed() {
        let token = key(7).token(&Subject::of(&consent("video", json!({ "groupID": "g" })), 0));
        let keys = Keys { current: key(7), previous: None };
        assert_eq!(format!("{token:?} {keys:?}"), "[redacted] Keys { current: [redacted], previous: None }");
    }

    #[test]
    fn a_short_key_is_none() {
        assert_eq!((Key::new(&[7; 31]), Key::new(&[7; 32]).is_some()), (None, true));
    }

    proptest! {
        #[test]
        fn parts_that_are_cut_elsewhere_make_another_token(namespace in "[a-c]{0,3}", group in "[a-c]{0,3}", other in "[a-c]{0,3}", rest in "[a-c]{0,3}") {
            let token = |namespace: &str, group: &str| key(7).token(&Subject::of(&consent(namespace, json!({ "groupID": group })), 0));
            prop_assert_eq!((&namespace, &group) == (&other, &rest), token(&namespace, &group) == token(&other, &rest));
        }

        #[test]
        fn no_other_text_is_that_of_a_token(text in "[A-Za-z0-9_=+/-]{0,26}") {
            prop_assert!(Token::parse(&text).is_none_or(|token| token.expose() == text));
        }
    }
}
