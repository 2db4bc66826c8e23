//! Where a sink is, and what signs for it: from the account's spec and its Secrets, which are read again with the account's own.

use std::fmt;

use futures::future::join_all;
use url::Url;

use super::Notifications;
use crate::kubernetes;
use crate::kubernetes::{Cluster, SecretKey};
use crate::process::proxies::is_loopback;
use secrecy::ExposeSecret as _;
use twinconsent_core::account::Settings;
use twinconsent_core::api::account::{NotificationSink, SecretKeyRef};
use twinconsent_core::notifications::Secret;

/// The longest URL, in bytes; as of one that stands in the account.
const LONGEST_URL: usize = 2048;

/// Where a sink is, and what signs. Neither prints.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) url: Url,
    pub(super) secret: Secret,
}

/// Why a sink cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unusable {
    /// In words for the account's condition, without an address.
    pub(super) why: String,
    /// Whether it is only not known what the Secret says.
    pub(super) may_be_passing: bool,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Target([redacted])")
    }
}

impl Notifications {
    /// Reads what the sinks of an account need. Returns of each why it cannot be used, if it cannot.
    pub(crate) async fn read_targets(&self, settings: &Settings, cluster: &Cluster, allow_insecure: bool) -> Vec<(String, Option<String>)> {
        let read = async |sink: &NotificationSink| {
            let target = target(sink, &settings.secret_namespace, cluster, allow_insecure).await;
            let why = target.as_ref().err().map(|unusable| unusable.why.clone());
            self.set_target(&settings.key, sink, target);
            (sink.name.clone(), why)
        };
        join_all(settings.notifications.iter().map(read)).await
    }
}

async fn target(sink: &NotificationSink, namespace: &str, cluster: &Cluster, allow_insecure: bool) -> Result<Target, Unusable> {
    let read = async |field, secret: &SecretKeyRef| {
        let place = format!("spec.notifications.{field}: key \"{}\" of the Secret \"{namespace}/{}\"", secret.key, secret.name);
        (text(cluster.secret_key(namespace, &secret.name, &secret.key).await, &place), place)
    };
    let url = async {
        match (&sink.url, &sink.url_secret_ref) {
            (Some(url), None) => {
                address(url.expose(), allow_insecure).map_err(|why| Unusable::because(format!("spec.notifications.url {why}")))
            }
            (None, Some(secret)) => {
                let (url, place) = read("urlSecretRef", secret).await;
                address(url?.trim(), allow_insecure).map_err(|why| Unusable::because(format!("{place} {why}")))
            }
            _ => Err(Unusable::because("exactly one of spec.notifications.url and urlSecretRef is needed".to_owned())),
        }
    };
    let secret = async {
        let (secret, place) = read("signingSecretRef", &sink.signing_secret_ref).await;
        Secret::parse(&secret?).map_err(|error| Unusable::because(format!("{place} {error}")))
    };
    let (url, secret) = tokio::join!(url, secret);
    Ok(Target { url: url?, secret: secret? })
}

/// What a Secret holds under a key.
fn text(read: Result<SecretKey, kubernetes::Error>, place: &str) -> Result<String, Unusable> {
    match read {
        Ok(SecretKey::Found(text)) => Ok(text.expose_secret().to_owned()),
        Ok(SecretKey::NoSecret) => Err(Unusable::because(format!("{place} is missing, for there is no such Secret"))),
        Ok(SecretKey::NoKey) => Err(Unusable::because(format!("{place} is missing, or is no text"))),
        Err(error) => {
            let why = if error.is_forbidden() {
                "cannot be read, for the operator has no right to get it"
            } else {
                "cannot be read at the moment"
            };
            Err(Unusable { why: format!("{place} {why}"), may_be_passing: true })
        }
    }
}

/// PURE. The address of a sink; else why it is none, as what is said of the place where it stands.
fn address(text: &str, allow_insecure: bool) -> Result<Url, &'static str> {
    let url = Url::parse(text).ok().filter(|_| text.len() <= LONGEST_URL).ok_or("is not a URL of at most 2048 bytes")?;
    match url.scheme() {
        "https" => {}
        "http" if allow_insecure && is_loopback(&url) => {}
        _ => return Err("is not an https URL"),
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err("must not contain a fragment or user info");
    }
    Ok(url)
}

impl Unusable {
    fn because(why: String) -> Self {
        Self { why, may_be_passing: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_https_and_http_only_to_loopback_where_that_is_allowed() {
        let too_long = format!("https://example.com/{}", "a".repeat(LONGEST_URL));
        for (text, secure, insecure) in [
            ("https://example.com/hooks?token=1", true, true),
            ("https://example.com/@me", true, true),
            ("http://127.0.0.1:80/x", false, true),
            ("http://[::1]/x", false, true),
            ("http://localhost/x", false, true),
            ("http://example.com/x", false, false),
            ("http://127.0.0.1.example.com/x", false, false),
            ("ftp://example.com", false, false),
            ("https://user@example.com/", false, false),
            ("https://:secret@example.com/", false, false),
            ("https://example.com/#a", false, false),
            ("example.com", false, false),
            ("", false, false),
            (&too_long, false, false),
        ] {
            assert_eq!((address(text, false).is_ok(), address(text, true).is_ok()), (secure, insecure), "{text}");
            if let Err(why) = address(text, true) {
                assert!(text.is_empty() || !why.contains(text), "{why}");
            }
        }
    }
}
