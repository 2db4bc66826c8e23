//! The key of the account: from `HEYGEN_API_KEY`, or from the account's Secret with the caller's rights.

use std::env::{self, VarError};

use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use secrecy::SecretString;
use twinconsent_core::account::{AccountObject as _, Settings};
use twinconsent_core::api::account::{AllowedNamespaces, Auth, ClusterHeyGenAccount, HeyGenAccount};
use twinconsent_core::api::account_key::AccountKey;
use twinconsent_core::api::consent::AccountKind;
use twinconsent_core::heygen::address;
use url::Url;

use super::Args;
use crate::context::Context;
use crate::error::Error;
use crate::heygen::Access;
use crate::output::Output;

/// The variable that holds a key.
const VARIABLE: &str = "HEYGEN_API_KEY";

/// Requests a minute with a key of which no account is read, and at once: what an account has that says nothing.
const RATE: (u32, u32) = (120, 20);

/// What to do when the account or its Secret is out of reach.
const INSTEAD: &str = "An administrator of the cluster can grant that; or set HEYGEN_API_KEY, and neither account nor Secret is read.";

/// Where to ask, and with which key.
pub(super) async fn of(context: &Context, account: &AccountKey, args: &Args, output: &mut Output) -> Result<Access, Error> {
    let default = || base_url("--heygen-base-url", &args.heygen_base_url, args.allow_insecure_base_url);
    if let Some(key) = of_the_environment(env::var(VARIABLE))? {
        output.note(&format!("The key is that of {VARIABLE}; {account} is not read, and stands in the manifests as it is named."));
        let (per_minute, burst) = RATE;
        let found_in = format!("the variable {VARIABLE}");
        return Ok(Access { base_url: default()?, auth: Auth::ApiKey, key, found_in, per_minute, burst });
    }
    let settings = settings(context, account, &args.operator_namespace).await?;
    if settings.suspend {
        return Err(Error::failed(format!("{account} is suspended: nothing is asked with its key"))
            .then(format!("Its spec.suspend says so; or set {VARIABLE}, and the account is not read.")));
    }
    if settings.allowed.as_deref().is_some_and(|allowed| leaves_out(allowed, &context.namespace)) {
        output.note(&format!("{account} does not serve the namespace {}: add it to spec.allowedNamespaces.", context.namespace));
    }
    let base_url = match &settings.base_url {
        Some(url) => base_url("the account's baseURL", url, args.allow_insecure_base_url)?,
        None => default()?,
    };
    let (key, found_in) = of_the_secret(context, &settings).await?;
    Ok(Access { base_url, auth: settings.auth, key, found_in, per_minute: settings.per_minute, burst: settings.burst })
}

/// PURE. The key in the variable; one that is blank counts as not set.
fn of_the_environment(variable: Result<String, VarError>) -> Result<Option<SecretString>, Error> {
    match variable {
        Ok(key) => Ok(Some(key).filter(|key| !key.trim().is_empty()).map(SecretString::from)),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(Error::failed(format!("what stands in the variable {VARIABLE} is no API key"))),
    }
}

async fn settings(context: &Context, account: &AccountKey, operator_namespace: &str) -> Result<Settings, Error> {
    let name = account.name.as_str();
    let found = match account.kind {
        AccountKind::HeyGenAccount => context.api::<HeyGenAccount>().get_opt(name).await.map(|it| it.map(|it| it.settings(""))),
        AccountKind::ClusterHeyGenAccount | AccountKind::Unrecognized => {
            let accounts: Api<ClusterHeyGenAccount> = Api::all(context.client.clone());
            accounts.get_opt(name).await.map(|it| it.map(|it| it.settings(operator_namespace)))
        }
    };
    let found = found.map_err(|error| reachable(context.failed(&format!("read the {account}"), &error)))?;
    found.ok_or_else(|| {
        Error::failed(format!("there is no {account}")).then("--account names a HeyGenAccount of the namespace, --cluster-account another.")
    })
}

async fn of_the_secret(context: &Context, settings: &Settings) -> Result<(SecretString, String), Error> {
    let (namespace, name, key) = (&settings.secret_namespace, &settings.secret.name, &settings.secret.key);
    let account = &settings.key;
    let secrets: Api<Secret> = Api::namespaced(context.client.clone(), namespace);
    let secret = secrets.get_opt(name).await;
    let secret = secret
        .map_err(|error| reachable(context.failed(&format!("read the Secret {namespace}/{name} with the API key of {account}"), &error)))?;
    let elsewhere = match account.kind {
        AccountKind::HeyGenAccount => "",
        AccountKind::ClusterHeyGenAccount | AccountKind::Unrecognized => " --operator-namespace says where the operator is.",
    };
    let place = format!("the Secret {namespace}/{name}, under {key}");
    let Some(secret) = secret else {
        return Err(Error::failed(format!("there is no Secret {namespace}/{name}, where the API key of {account} should be"))
            .then(format!("Create it, with the key under {key}.{elsewhere}")));
    };
    let value = secret.data.and_then(|mut data| data.remove(key)).and_then(|bytes| String::from_utf8(bytes.0).ok());
    match value.filter(|value| !value.trim().is_empty()) {
        Some(value) => Ok((SecretString::from(value), place)),
        None => Err(Error::failed(format!("{place} holds no API key")).then("Put it there.")),
    }
}

fn reachable(error: Error) -> Error {
    if error.is_forbidden() { error.then(INSTEAD) } else { error }
}

/// PURE. A base URL, or what is wrong with it; the URL is not repeated.
fn base_url(named_by: &str, text: &str, allow_insecure: bool) -> Result<Url, Error> {
    address::base(text, allow_insecure).map_err(|what| Error::failed(format!("{named_by}: {what}")))
}

/// PURE. Whether the account does not serve this namespace, as far as its names say; labels are not read.
fn leaves_out(allowed: &AllowedNamespaces, namespace: &str) -> bool {
    allowed.selector.is_none() && allowed.names.as_ref().is_some_and(|names| !names.iter().any(|name| name == namespace))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_that_is_blank_holds_no_key() {
        let found = |variable| of_the_environment(variable).map(|key| key.is_some());
        assert_eq!(found(Ok("key".to_owned())), Ok(true));
        assert_eq!([found(Ok(" \n".to_owned())), found(Err(VarError::NotPresent))], [Ok(false), Ok(false)]);
    }

    #[test]
    fn a_key_goes_over_https_unless_a_flag_says_otherwise_and_the_url_is_not_repeated() {
        assert!(base_url("--heygen-base-url", "https://heygen.example", false).is_ok());
        assert!(base_url("--heygen-base-url", "http://127.0.0.1:1", true).is_ok());
        for (url, part) in
            [("http://heygen.example", "--allow-insecure-base-url"), ("https://u:p@heygen.example", "password"), ("x", "not a URL")]
        {
            let said = base_url("--heygen-base-url", url, false).unwrap_err().to_string();
            assert!(said.starts_with("--heygen-base-url: ") && said.contains(part) && !said.contains("heygen.example"), "{said}");
        }
    }

    #[test]
    fn an_account_that_names_other_namespaces_does_not_serve_this_one() {
        let allowed =
            |names: &[&str]| AllowedNamespaces { names: Some(names.iter().map(|&name| name.to_owned()).collect()), selector: None };
        assert!(leaves_out(&allowed(&["studio"]), "team") && !leaves_out(&allowed(&["studio", "team"]), "team"));
        let selecting = AllowedNamespaces { selector: Some(Default::default()), ..allowed(&["studio"]) };
        assert!(!leaves_out(&selecting, "team"), "its labels may say so");
    }
}
