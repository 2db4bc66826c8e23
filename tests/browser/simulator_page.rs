//! The simulator's own page, which stands in for HeyGen's.

use heygen_simulator::{AccountDefinition, GroupDefinition, MAIN_ACCOUNT, Settings, Simulator};
use serde_json::{Value, json};

use crate::checks::{is_private, is_usable};
use crate::chromium::Chromium;

/// A simulator, and the link of a person.
async fn asked() -> (Simulator, String) {
    let settings = Settings { accounts: vec![AccountDefinition::new(MAIN_ACCOUNT, "key")], ..Settings::default() };
    let simulator = Simulator::start(settings).await.unwrap();
    simulator.control().create_group(GroupDefinition::twin("ada")).unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}/v3/avatars/ada/consent", simulator.base_url());
    let answer: Value = client.post(url).header("x-api-key", "key").json(&json!({})).send().await.unwrap().json().await.unwrap();
    let link = answer["data"]["url"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
    (simulator, link)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_consents_on_pages_that_everyone_can_use_and_that_stay_private() {
    let ((simulator, link), chromium) = (asked().await, Chromium::start().await);
    let tab = chromium.tab().await;
    tab.open(&link).await;
    tab.until_headed("Your consent is asked for").await;
    is_usable(&tab).await;
    tab.click("button.main").await;
    tab.until_headed("Your statement is recorded").await;
    is_usable(&tab).await;
    tab.click("button[value=consent]").await;
    tab.until_headed("Thank you").await;
    is_usable(&tab).await;
    let seen = tab.seen();
    assert!(seen.requests().contains(&link), "{seen:?}");
    is_private(&tab, &[simulator.base_url()]).await;
    chromium.end().await;
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_declines_without_a_script() {
    let ((simulator, link), chromium) = (asked().await, Chromium::start().await);
    let tab = chromium.tab().await;
    tab.without_scripts().await;
    tab.open(&link).await;
    tab.click("button.main").await;
    tab.until_headed("Your statement is recorded").await;
    tab.click("button[value=decline]").await;
    tab.until_headed("Thank you").await;
    assert!(tab.text().await.contains("You can close this page."));
    assert_eq!(simulator.control().group("ada").unwrap().consent_status.as_deref(), Some("rejected"));
    chromium.end().await;
    simulator.stop().await;
}
