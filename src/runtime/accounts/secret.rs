//! What an account makes of reading its Secret.
//!
//! A key that was read once goes on being used while the Secret cannot be read: one connection that is reset, or a right that is taken
//! away by mistake, must not stop every consent that is followed with that key. A user who wants a key to be used no more deletes it, its Secret or
//! the account, or suspends the account.

use std::time::Duration;

use secrecy::SecretString;

use super::Accounts;
use super::obstacle::{Obstacle, Ready};
use crate::kubernetes;
use crate::kubernetes::SecretKey;
use twinconsent_core::account::Settings;
use twinconsent_core::api::account::SecretKeyRef;
use twinconsent_core::api::conditions::AccountReason;

/// How soon a Secret that is missing is looked for again, and one that could not be read at first.
const SECRET_PAUSE: Duration = Duration::from_secs(10);

/// The longest pause between two tries to read a Secret.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// A read that fails once, while there is a key to go on with, is not told.
const SAID_AFTER: u32 = 2;

/// What came of reading an account's Secret, so far.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// Where the key that is used was read.
    from: Option<(String, SecretKeyRef)>,
    failures: u32,
    logged: Option<AccountReason>,
}

/// The key that is used may not be the one in the Secret.
pub(crate) struct Doubt {
    /// What the account is to say of it, if that is worth telling.
    pub(crate) ready: Option<Ready>,
    /// When to read again.
    pub(crate) again: Duration,
}

impl Accounts {
    /// The key to go on with after the Secret was read, or was not, and whether it is in doubt.
    pub(crate) fn key_after(
        &self,
        settings: &Settings,
        read: Result<SecretKey, kubernetes::Error>,
    ) -> Result<(SecretString, Option<Doubt>), Obstacle> {
        let (namespace, secret) = (&settings.secret_namespace, &settings.secret);
        let (place, key_in_it) = (format!("Secret \"{namespace}/{}\"", secret.name), &secret.key);
        let mut registry = self.registry();
        let Some(account) = registry.accounts.get_mut(&settings.key) else {
            return Err(missing(settings, "The account is gone.".to_owned()));
        };
        let here = Some((namespace.clone(), secret.clone()));
        let failure = match read {
            Ok(SecretKey::Found(key)) => {
                account.memory.reading = Reading { from: here, ..Reading::default() };
                return Ok((key, None));
            }
            Ok(SecretKey::NoSecret) => {
                account.memory.reading = Reading::default();
                return Err(missing(settings, format!("{place} does not exist. Create it, with the API key under \"{key_in_it}\".")));
            }
            Ok(SecretKey::NoKey) => {
                account.memory.reading = Reading::default();
                return Err(missing(settings, format!("{place} has no usable API key under \"{key_in_it}\". Put it there.")));
            }
            Err(error) => error,
        };
        let known = account.memory.last.as_ref().map(|usable| usable.credentials.key.clone());
        let reading = &mut account.memory.reading;
        let known = known.filter(|_| reading.from == here);
        reading.failures = reading.failures.saturating_add(1);
        let again = SECRET_PAUSE.saturating_mul(1 << (reading.failures - 1).min(8)).min(LONGEST_PAUSE);
        let (reason, what) = if failure.is_forbidden() {
            (AccountReason::SecretForbidden, "cannot be read: the operator has no right to get it. Grant the right")
        } else {
            (AccountReason::SecretUnreadable, "cannot be read at the moment. The operator tries again; its log says why")
        };
        if reading.logged.replace(reason) != Some(reason) {
            tracing::warn!(account = %settings.key, error = %failure, "the Secret could not be read; trying again");
        }
        let message = format!("{place}, which holds the API key under \"{key_in_it}\", {what}.");
        match known {
            Some(key) => {
                let message = format!("{message} Until then the operator uses the key that it read before.");
                let is_said = reason == AccountReason::SecretForbidden || reading.failures >= SAID_AFTER;
                Ok((key, Some(Doubt { ready: is_said.then_some(Ready { reason, message }), again })))
            }
            None => Err(Obstacle { ready: Ready { reason, message }, for_consents: for_consents(settings), again }),
        }
    }
}

fn missing(settings: &Settings, message: String) -> Obstacle {
    let ready = Ready { reason: AccountReason::SecretNotFound, message };
    Obstacle { ready, for_consents: for_consents(settings), again: SECRET_PAUSE }
}

fn for_consents(settings: &Settings) -> String {
    format!("{} has no API key that the operator can read. See the Ready condition of the account.", settings.key)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use secrecy::ExposeSecret as _;

    use super::*;
    use crate::heygen::Credentials;
    use crate::runtime::accounts::Usable;
    use twinconsent_core::account::AccountObject as _;
    use twinconsent_core::api::account::{Auth, HeyGenAccount};
    use twinconsent_core::schedule::Budget;

    fn settings(secret: &str) -> Settings {
        let account: HeyGenAccount = serde_json::from_value(serde_json::json!({
            "apiVersion": "twinconsent.io/v1alpha1", "kind": "HeyGenAccount", "metadata": { "name": "a", "namespace": "n" },
            "spec": { "apiKeySecretRef": { "name": secret, "key": "k" } }
        }))
        .unwrap();
        account.settings("system")
    }

    fn failure(code: u16) -> kubernetes::Error {
        let status = kube::core::Status { code, ..kube::core::Status::failure("no", "No") };
        kubernetes::Error::Api { action: "read", source: Box::new(kube::Error::Api(Box::new(status))) }
    }

    /// Accounts with one whose key was read from the Secret `secret`, and is used.
    fn with_a_key() -> Accounts {
        let (accounts, settings) = (Accounts::default(), settings("secret"));
        accounts.announce(settings.key.clone());
        let (key, in_doubt) = accounts.key_after(&settings, Ok(SecretKey::Found(SecretString::from("old".to_owned())))).ok().unwrap();
        assert!(in_doubt.is_none());
        let credentials = Credentials { base_url: "https://x.example".parse().unwrap(), auth: Auth::ApiKey, key };
        let budget = Arc::new(Budget::new(60, 1, crate::process::clock::steady()));
        let usable = Arc::new(Usable { credentials, budget, rules: settings.rules.clone() });
        accounts.probe_is_due(&settings, &usable, Duration::ZERO);
        accounts
    }

    fn shown(result: Result<(SecretString, Option<Doubt>), Obstacle>) -> (Option<String>, Option<&'static str>, u64) {
        match result {
            Ok((key, doubt)) => {
                let again = doubt.as_ref().map_or(0, |doubt| doubt.again.as_secs());
                (Some(key.expose_secret().to_owned()), doubt.and_then(|doubt| doubt.ready).map(|ready| ready.reason.word()), again)
            }
            Err(obstacle) => {
                assert!(!obstacle.for_consents.contains("secret"), "{}", obstacle.for_consents);
                assert!(obstacle.ready.message.contains("\"n/secret\"") && obstacle.ready.message.contains("\"k\""));
                (None, Some(obstacle.ready.reason.word()), obstacle.again.as_secs())
            }
        }
    }

    #[test]
    fn a_key_goes_on_while_its_secret_cannot_be_read_and_one_failure_is_not_told() {
        let (accounts, settings) = (with_a_key(), settings("secret"));
        let old = || Some("old".to_owned());
        let deadline = || kubernetes::Error::Deadline { action: "read" };
        assert_eq!(shown(accounts.key_after(&settings, Err(deadline()))), (old(), None, 10));
        assert_eq!(shown(accounts.key_after(&settings, Err(failure(503)))), (old(), Some("SecretUnreadable"), 20));
        for pause in [40, 60, 60] {
            assert_eq!(shown(accounts.key_after(&settings, Err(failure(500)))), (old(), Some("SecretUnreadable"), pause));
        }
        assert_eq!(shown(accounts.key_after(&settings, Err(failure(403)))), (old(), Some("SecretForbidden"), 60));
        let found = accounts.key_after(&settings, Ok(SecretKey::Found(SecretString::from("new".to_owned()))));
        assert_eq!(shown(found), (Some("new".to_owned()), None, 0));
        assert_eq!(shown(accounts.key_after(&settings, Err(deadline()))).1, None, "the count begins anew");
    }

    #[test]
    fn a_key_ends_with_its_secret_and_never_stands_for_another_secrets() {
        for gone in [SecretKey::NoSecret, SecretKey::NoKey] {
            let (accounts, settings) = (with_a_key(), settings("secret"));
            assert_eq!(shown(accounts.key_after(&settings, Ok(gone))), (None, Some("SecretNotFound"), 10));
            assert_eq!(shown(accounts.key_after(&settings, Err(failure(500)))), (None, Some("SecretUnreadable"), 10));
        }
        let accounts = with_a_key();
        assert!(accounts.key_after(&settings("other"), Err(failure(500))).is_err());
    }

    #[test]
    fn an_account_whose_secret_was_never_read_says_why() {
        let (accounts, settings) = (Accounts::default(), settings("secret"));
        accounts.announce(settings.key.clone());
        assert_eq!(shown(accounts.key_after(&settings, Err(failure(403)))), (None, Some("SecretForbidden"), 10));
        assert_eq!(shown(accounts.key_after(&settings, Err(failure(500)))), (None, Some("SecretUnreadable"), 20));
    }
}
