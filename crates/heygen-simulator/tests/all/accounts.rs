//! Keys: how they are given, refused, changed.

use heygen_simulator::{AccountDefinition, DEMO_API_KEY, GroupDefinition, MAIN_ACCOUNT, Settings, Simulator};
use reqwest::Method;

use crate::support::{send, stage};

#[tokio::test]
async fn a_key_is_taken_from_either_header() {
    let stage = stage().await;
    let bearer = stage.bare(Method::GET, "/v3/users/me").bearer_auth(DEMO_API_KEY);
    assert_eq!(send(bearer).await.status, 200);
    assert_eq!(stage.get("/v3/users/me").await.status, 200);
}

#[tokio::test]
async fn a_wrong_or_missing_key_is_401_without_param() {
    let stage = stage().await;
    let paths = ["/v3/users/me", "/v3/avatars", "/v3/avatars/twin", "/v3/avatars/nobody", "/v3/avatars/looks?group_id=twin"];
    for path in paths {
        let none = stage.bare(Method::GET, path);
        let wrong = stage.bare(Method::GET, path).header("X-Api-Key", "wrong");
        for request in [none, wrong] {
            let refused = send(request).await;
            assert_eq!((refused.status, refused.code()), (401, "unauthorized".to_owned()), "{path}");
            let error = refused.json()["error"].clone();
            assert_eq!(error.get("param"), None);
            assert!(error["doc_url"].is_string());
        }
    }
    let post = stage.bare(Method::POST, "/v3/avatars/twin/consent").header("Idempotency-Key", "k").body("{}");
    assert_eq!(send(post).await.status, 401);
    assert_eq!(stage.post("twin", "k", "{}").await.status, 200);
    assert_eq!(stage.control.group_summary("twin").executed, 1);
}

#[tokio::test]
async fn a_refused_key_is_401_until_it_is_switched_back() {
    let stage = stage().await;
    stage.control.set_key_refused(MAIN_ACCOUNT, true).unwrap();
    assert_eq!(stage.get("/v3/users/me").await.status, 401);
    assert_eq!(stage.control.requests_since(0)[0].account.as_deref(), Some(MAIN_ACCOUNT));
    stage.control.set_key_refused(MAIN_ACCOUNT, false).unwrap();
    assert_eq!(stage.get("/v3/users/me").await.status, 200);
}

#[tokio::test]
async fn a_refused_way_of_sending_the_key_is_401_and_the_other_is_not() {
    let stage = stage().await;
    stage.control.set_bearer_refused(MAIN_ACCOUNT, true).unwrap();
    let bearer = || stage.bare(Method::GET, "/v3/users/me").bearer_auth(DEMO_API_KEY);
    assert_eq!(send(bearer()).await.status, 401);
    assert_eq!(stage.get("/v3/users/me").await.status, 200);
    stage.control.set_bearer_refused(MAIN_ACCOUNT, false).unwrap();
    assert_eq!(send(bearer()).await.status, 200);
}

#[tokio::test]
async fn a_changed_key_replaces_the_old_one_at_once() {
    let stage = stage().await;
    stage.control.set_key(MAIN_ACCOUNT, "fresh").unwrap();
    assert_eq!(stage.get("/v3/users/me").await.status, 401);
    let fresh = stage.bare(Method::GET, "/v3/avatars/twin").header("X-Api-Key", "fresh");
    assert_eq!(send(fresh).await.status, 200);
}

#[tokio::test]
async fn a_key_survives_neither_in_the_record_nor_in_debug_texts() {
    let stage = stage().await;
    stage.get("/v3/users/me").await;
    stage.post("twin", "k", "{}").await;
    let record = format!("{:?}", stage.control.requests_since(0));
    assert!(record.contains(MAIN_ACCOUNT) && !record.contains(DEMO_API_KEY));
    assert!(!format!("{:?}", Settings::default()).contains(DEMO_API_KEY));
}

#[tokio::test]
async fn settings_that_contradict_themselves_do_not_start() {
    let twice = Settings { groups: vec![GroupDefinition::twin("a"), GroupDefinition::twin("a")], ..Settings::default() };
    let of_no_account = {
        let mut group = GroupDefinition::twin("a");
        group.account = Some("nobody".to_owned());
        Settings { groups: vec![group], ..Settings::default() }
    };
    let same_key = {
        let mut settings = Settings::default();
        settings.accounts.push(AccountDefinition::new("second", DEMO_API_KEY));
        settings
    };
    let without_accounts = Settings { accounts: Vec::new(), ..Settings::default() };
    for settings in [twice, of_no_account, same_key, without_accounts] {
        let error = Simulator::start(settings).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    }
}
