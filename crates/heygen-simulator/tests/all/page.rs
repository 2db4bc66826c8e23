//! The hosted page, as a browser without JavaScript sees it.

use std::time::Duration;

use heygen_simulator::person::{self, Decision, PersonError};
use heygen_simulator::{BehaviourPatch, GroupPatch, LinkProgress};
use reqwest::Method;
use serde_json::json;

use crate::support::{Reply, Stage, send, stage};

async fn open(stage: &Stage, link: &str) -> Reply {
    send(stage.client.get(link)).await
}

async fn record(stage: &Stage, link: &str) -> Reply {
    send(stage.client.post(format!("{link}/record"))).await
}

async fn decide(stage: &Stage, link: &str, form: &str) -> Reply {
    let request = stage.client.post(format!("{link}/decision"));
    send(request.header("Content-Type", "application/x-www-form-urlencoded").body(form.to_owned())).await
}

/// The address of the page's form, resolved against the page's own.
fn form_action(page_url: &str, page: &str) -> String {
    let (_, rest) = page.split_once("action=\"").expect("a form");
    let (action, _) = rest.split_once('"').expect("an action");
    let base = reqwest::Url::parse(page_url).expect("a URL");
    base.join(action).expect("an address").to_string()
}

#[tokio::test]
async fn a_person_walks_through_the_forms_to_the_reroute_url() {
    let stage = stage().await;
    let link = stage.link(r#"{"reroute_url":"https://example.com/thanks?a=1&b=2"}"#).await;
    let page = open(&stage, &link).await;
    assert_eq!(page.status, 200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert!(page.text.contains("Record"));

    let record_at = form_action(&link, &page.text);
    assert_eq!(record_at, format!("{link}/record"));
    let recorded = send(stage.client.post(&record_at)).await;
    assert_eq!(recorded.status, 200);
    assert!(recorded.text.contains("Consent") && recorded.text.contains("Decline"));
    assert_eq!(form_action(&record_at, &recorded.text), format!("{link}/decision"));
    assert_eq!(form_action(&link, &open(&stage, &link).await.text), format!("{link}/decision"), "a reload goes on");

    assert_eq!(stage.consent_status().await, "pending");
    let sent = decide(&stage, &link, "decision=consent").await;
    assert_eq!((sent.status, sent.header("location")), (303, "https://example.com/thanks?a=1&b=2"));
    assert_eq!(stage.consent_status().await, "approved");
}

#[tokio::test]
async fn without_a_reroute_url_the_person_lands_on_heygens_end_page() {
    let stage = stage().await;
    let link = stage.link("{}").await;
    record(&stage, &link).await;
    let sent = decide(&stage, &link, "decision=consent").await;
    assert_eq!((sent.status, sent.header("location")), (303, format!("{link}/done").as_str()));
    assert_eq!(open(&stage, &format!("{link}/done")).await.status, 200);
}

#[tokio::test]
async fn a_reroute_url_that_no_header_can_hold_ends_on_the_end_page() {
    let stage = stage().await;
    let link = stage.link(&json!({"reroute_url": "https://example.com/\r\nset-cookie: a=b"}).to_string()).await;
    record(&stage, &link).await;
    let sent = decide(&stage, &link, "decision=consent").await;
    assert_eq!(sent.header("location"), format!("{link}/done"));
    assert!(sent.headers.get("set-cookie").is_none());
}

#[tokio::test]
async fn declining_rejects_in_the_configured_word() {
    let stage = stage().await;
    let patch = BehaviourPatch { rejected_word: Some("declined".to_owned()), ..BehaviourPatch::default() };
    stage.control.change_behaviour(patch).unwrap();
    let link = stage.link("{}").await;
    record(&stage, &link).await;
    assert_eq!(decide(&stage, &link, "decision=decline").await.status, 303);
    assert_eq!(stage.consent_status().await, "declined");
}

#[tokio::test]
async fn the_review_ends_when_the_clock_says_so_in_the_configured_word() {
    let stage = stage().await;
    let patch = BehaviourPatch {
        review_time: Some(Duration::from_hours(2)),
        approved_word: Some("accepted".to_owned()),
        ..BehaviourPatch::default()
    };
    stage.control.change_behaviour(patch).unwrap();
    let link = stage.link("{}").await;
    record(&stage, &link).await;
    decide(&stage, &link, "decision=consent").await;
    assert_eq!(stage.consent_status().await, "pending");
    assert!(stage.control.group("twin").unwrap().review_ends_ms.is_some());
    stage.control.advance(Duration::from_hours(2) - Duration::from_mins(1));
    assert_eq!(stage.consent_status().await, "pending");
    stage.control.advance(Duration::from_mins(1));
    assert_eq!(stage.consent_status().await, "accepted");
    assert_eq!(stage.get("/v3/avatars").await.json()["data"][0]["consent_status"], "accepted");
}

#[tokio::test]
async fn a_review_can_last_as_long_as_it_likes_although_the_person_was_sent_on() {
    let stage = stage().await;
    let endless = BehaviourPatch { review_time: Some(Duration::from_hours(24 * 365)), ..BehaviourPatch::default() };
    stage.control.change_behaviour(endless).unwrap();
    let link = stage.link(r#"{"reroute_url":"https://example.com/thanks"}"#).await;
    assert_eq!(person::play(&link, Decision::Consents, Duration::ZERO).await.unwrap(), "https://example.com/thanks");
    stage.control.advance(Duration::from_hours(24 * 364));
    assert_eq!(stage.consent_status().await, "pending");
}

#[tokio::test]
async fn the_statement_is_the_customers_or_the_default_one_with_the_groups_name() {
    let stage = stage().await;
    let named = GroupPatch { name: Some("Ada & <Co>".to_owned()), ..GroupPatch::default() };
    stage.control.patch_group("twin", named).unwrap();
    let own = stage.link(r#"{"consent_text":"I \"agree\" & sign"}"#).await;
    let page = open(&stage, &own).await.text;
    assert!(page.contains("I &quot;agree&quot; &amp; sign"));
    let default = open(&stage, &stage.link("{}").await).await.text;
    assert!(default.contains("Ada &amp; &lt;Co&gt;") && !default.contains("<Co>"));
}

#[tokio::test]
async fn the_page_needs_nothing_from_elsewhere_and_gives_its_address_to_no_other_site() {
    let stage = stage().await;
    let page = open(&stage, &stage.link("{}").await).await;
    assert!(!page.text.contains("http") && !page.text.contains("<script") && page.text.contains("lang=\"en\""));
    assert_eq!(page.header("referrer-policy"), "no-referrer");
    assert_eq!(page.header("cache-control"), "no-store");
}

#[tokio::test]
async fn a_link_dies_after_its_lifetime_and_says_so() {
    let stage = stage().await;
    let link = stage.link("{}").await;
    stage.control.advance(Duration::from_hours(24) - Duration::from_mins(1));
    assert_eq!(open(&stage, &link).await.status, 200);
    record(&stage, &link).await;
    stage.control.advance(Duration::from_mins(1));
    let expired = open(&stage, &link).await;
    assert_eq!(expired.status, 410);
    assert!(expired.text.contains("expired"));
    assert_eq!(decide(&stage, &link, "decision=consent").await.status, 410);
    assert_eq!(stage.consent_status().await, "pending", "an expired link shows nowhere in the API");
    assert!(stage.control.group("twin").unwrap().links[0].expired);
}

#[tokio::test]
async fn the_lifetime_of_links_is_settable() {
    let stage = stage().await;
    let patch = BehaviourPatch { link_lifetime: Some(Duration::from_mins(5)), ..BehaviourPatch::default() };
    stage.control.change_behaviour(patch).unwrap();
    let link = stage.link("{}").await;
    stage.control.advance(Duration::from_mins(5));
    assert_eq!(record(&stage, &link).await.status, 410);
}

#[tokio::test]
async fn a_link_takes_one_recording_and_one_decision() {
    let stage = stage().await;
    let link = stage.link("{}").await;
    record(&stage, &link).await;
    decide(&stage, &link, "decision=consent").await;
    assert_eq!(decide(&stage, &link, "decision=consent").await.status, 303, "a double click changes nothing");
    assert_eq!(decide(&stage, &link, "decision=decline").await.status, 410);
    assert_eq!(record(&stage, &link).await.status, 410);
    assert_eq!(open(&stage, &link).await.status, 410);
    assert_eq!(stage.consent_status().await, "approved");
    assert_eq!(stage.control.group("twin").unwrap().links[0].progress, LinkProgress::Consented);
}

#[tokio::test]
async fn a_decision_needs_a_recording_and_a_known_word() {
    let stage = stage().await;
    let link = stage.link("{}").await;
    assert_eq!(decide(&stage, &link, "decision=consent").await.status, 409);
    record(&stage, &link).await;
    for form in ["", "decision=", "decision=yes", "choice=consent"] {
        assert_eq!(decide(&stage, &link, form).await.status, 400, "{form:?}");
    }
    assert_eq!(stage.consent_status().await, "pending");
}

#[tokio::test]
async fn an_unknown_link_is_404() {
    let stage = stage().await;
    let unknown = stage.bare(Method::GET, "/consent/0123456789abcdef0123456789abcdef");
    assert_eq!(send(unknown).await.status, 404);
}

#[tokio::test]
async fn a_link_still_works_after_a_newer_one_was_made() {
    let stage = stage().await;
    let older = stage.link("{}").await;
    stage.link("{}").await;
    assert_eq!(open(&stage, &older).await.status, 200);
}

#[tokio::test]
async fn the_played_person_is_told_where_the_page_leads() {
    let stage = stage().await;
    let link = stage.link(r#"{"reroute_url":"https://example.com/thanks"}"#).await;
    let landed = person::play(&link, Decision::Consents, Duration::ZERO).await.unwrap();
    assert_eq!(landed, "https://example.com/thanks");
    assert_eq!(stage.consent_status().await, "approved");

    let other = stage.link("{}").await;
    let landed = person::play(&other, Decision::Declines, Duration::ZERO).await.unwrap();
    assert_eq!(landed, format!("{other}/done"));
    assert_eq!(stage.consent_status().await, "rejected");
}

#[tokio::test]
async fn the_played_person_reports_a_dead_link_without_naming_it() {
    let stage = stage().await;
    let link = stage.link("{}").await;
    stage.control.advance(Duration::from_hours(24));
    let error = person::play(&link, Decision::Consents, Duration::ZERO).await.unwrap_err();
    assert!(matches!(error, PersonError::Refused { status: 410, .. }));
    let token = link.rsplit('/').next().unwrap();
    assert!(!error.to_string().contains(token) && !format!("{error:?}").contains(token));
    let error = person::play("https://example.com/consent/x", Decision::Consents, Duration::ZERO).await.unwrap_err();
    assert!(matches!(error, PersonError::NotALink));
}
