//! PURE. What HeyGen's trouble means for the user.

use twinconsent_core::consent::outcome::{Class, Trouble};

use super::Access;
use crate::error::Error;

/// What is the case, in one line.
pub(super) fn what(trouble: &Trouble, detail: Option<&str>, access: &Access) -> String {
    let status = trouble.status.map_or_else(String::new, |status| format!(" (status {status})"));
    match trouble.class {
        Class::Unreachable => format!("cannot reach HeyGen at {}: {}", host(access), detail.unwrap_or("the answer broke off")),
        Class::Unavailable => format!("HeyGen is in trouble{status}"),
        Class::Busy | Class::Unreadable => format!("what HeyGen at {} answers cannot be read{status}", host(access)),
        Class::Throttled => {
            let pause = trouble.retry_after.map_or_else(String::new, |pause| format!(" of {} s", pause.as_secs()));
            format!("HeyGen asks for a pause{pause}")
        }
        Class::QuotaExceeded => "the quota of the account at HeyGen is used up".to_owned(),
        Class::CredentialsRejected => "HeyGen does not accept the API key".to_owned(),
        Class::BillingRequired => format!("HeyGen wants the account to be paid for, or upgraded{status}"),
        Class::Forbidden | Class::AccessDenied => format!("HeyGen does not let this key see the account's avatar groups{status}"),
        Class::NotFound => format!("what answers at {} is not HeyGen's API{status}", host(access)),
        Class::Invalid | Class::Unfetchable | Class::AlreadyBound => format!("HeyGen refuses the request{status}"),
    }
}

/// The same, with what to do next.
pub(super) fn error(trouble: &Trouble, detail: Option<&str>, access: &Access) -> Error {
    let next = match trouble.class {
        Class::Unreachable => {
            "The variables HTTPS_PROXY and NO_PROXY say by which way; --heygen-base-url names another address where the account names none."
                .to_owned()
        }
        Class::Unavailable | Class::Busy | Class::Throttled | Class::QuotaExceeded => "Try again later.".to_owned(),
        Class::CredentialsRejected => format!("The key stands in {}: put one there that HeyGen accepts.", access.found_in),
        Class::BillingRequired => "HeyGen's own pages show what is due.".to_owned(),
        Class::Forbidden | Class::AccessDenied => format!("The key stands in {}; another key may be allowed to.", access.found_in),
        Class::Unreadable | Class::NotFound | Class::Invalid | Class::Unfetchable | Class::AlreadyBound => {
            "Is the base URL that of HeyGen's API? `baseURL` of a ClusterHeyGenAccount or --heygen-base-url names it.".to_owned()
        }
    };
    Error::failed(what(trouble, detail, access)).then(next)
}

fn host(access: &Access) -> String {
    let name = access.base_url.host_str().unwrap_or_default();
    access.base_url.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"))
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;
    use strum::VariantArray as _;
    use twinconsent_core::api::account::Auth;

    use super::*;

    #[test]
    fn each_trouble_says_what_to_do_next_and_nothing_of_the_key() {
        let access = Access {
            base_url: "https://heygen.example:8443/path".parse().unwrap(),
            auth: Auth::ApiKey,
            key: SecretString::from("hg_secret"),
            found_in: "the Secret team/heygen, under apiKey".to_owned(),
            per_minute: 1,
            burst: 1,
        };
        for class in Class::VARIANTS {
            let text = error(&Trouble { status: Some(499), ..Trouble::of(*class) }, None, &access).to_string();
            assert!(text.contains("\n  ") && !text.contains("hg_secret") && !text.contains("/path"), "{text}");
        }
        let refused = error(&Trouble::of(Class::CredentialsRejected), None, &access).to_string();
        assert!(refused.contains("the Secret team/heygen, under apiKey"), "{refused}");
        assert!(!format!("{access:?}").contains("hg_secret"));
    }
}
