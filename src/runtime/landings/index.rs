//! PURE. Which object a token leads to.
//!
//! As many entries as objects that have asked, for each key. A hash of its own in every process keeps the time of a search from telling how much of a
//! token was right.

use std::collections::HashMap;

use twinconsent_core::api::uid::Uid;
use twinconsent_core::consent::landing::{Keys, Subject, Token};

/// The tokens of all objects that have asked.
#[derive(Debug, Default)]
pub(super) struct Index {
    keys: Option<Keys>,
    objects: HashMap<Token, Uid>,
    is_complete: bool,
}

impl Index {
    pub(super) fn keys(&self) -> Option<Keys> {
        self.keys
    }

    /// Whether an unknown token is that of no object.
    pub(super) fn is_complete(&self) -> bool {
        self.is_complete
    }

    pub(super) fn find(&self, token: Token) -> Option<Uid> {
        self.objects.get(&token).copied()
    }

    /// Begins anew with these keys.
    pub(super) fn begin(&mut self, keys: Keys) {
        *self = Self { keys: Some(keys), ..Self::default() };
    }

    /// Notes that all objects were noted since.
    pub(super) fn complete(&mut self) {
        self.is_complete = true;
    }

    /// Notes what an object has asked, and what it had asked before. Of two that have asked the same the last one counts.
    pub(super) fn replace(&mut self, uid: Uid, before: Option<Subject>, after: Option<Subject>) {
        let Some(keys) = &self.keys else { return };
        if let Some(before) = before.filter(|before| after.as_ref() != Some(before)) {
            for token in keys.tokens(&before) {
                if self.objects.get(&token) == Some(&uid) {
                    self.objects.remove(&token);
                }
            }
        }
        if let Some(after) = after {
            self.objects.extend(keys.tokens(&after).map(|token| (token, uid)));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use twinconsent_core::api::consent::DigitalTwinConsent;
    use twinconsent_core::consent::landing::Key;

    use super::*;

    fn subject(group: &str, epoch: i64) -> Subject {
        let spec = serde_json::from_value(json!({ "groupID": group })).unwrap();
        Subject::of(&DigitalTwinConsent::new("ada", spec), epoch)
    }

    fn key(byte: u8) -> Key {
        Key::new(&[byte; 32]).unwrap()
    }

    #[test]
    fn a_token_leads_to_its_object_until_that_asks_something_else_or_is_gone() {
        let (keys, mut index) = (Keys { current: key(1), previous: Some(key(2)) }, Index::default());
        index.replace(1, None, Some(subject("g", 0)));
        assert!(index.objects.is_empty(), "without a key there is no token");
        index.begin(keys);
        index.replace(1, None, Some(subject("g", 0)));
        for key in [key(1), key(2)] {
            assert_eq!(index.find(key.token(&subject("g", 0))), Some(1));
        }
        assert_eq!(index.find(key(3).token(&subject("g", 0))), None);
        index.replace(1, Some(subject("g", 0)), Some(subject("g", 1)));
        assert_eq!((index.find(key(1).token(&subject("g", 0))), index.find(key(1).token(&subject("g", 1)))), (None, Some(1)));
        index.replace(1, Some(subject("g", 1)), None);
        assert!(index.objects.is_empty(), "nothing stays of an object that is gone");
    }

    #[test]
    fn an_object_that_goes_takes_no_token_of_one_that_has_asked_the_same() {
        let mut index = Index::default();
        index.begin(Keys { current: key(1), previous: None });
        index.replace(1, None, Some(subject("g", 0)));
        index.replace(2, None, Some(subject("g", 0)));
        index.replace(1, Some(subject("g", 0)), None);
        assert_eq!(index.find(key(1).token(&subject("g", 0))), Some(2));
    }
}
