//! The reads: shapes, omission, paging, refusals.

use std::collections::BTreeSet;

use heygen_simulator::{AccountDefinition, BulkGroups, GroupDefinition, GroupError, GroupPatch, Look, OptionalFields, Settings};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Stage, send, stage, stage_with};

async fn stage_with_groups(count: usize) -> Stage {
    let stage = stage_with(Settings::default()).await;
    let bulk = BulkGroups { account: None, prefix: "g".to_owned(), count };
    stage.control.create_groups(&bulk).expect("groups");
    stage
}

/// Every item of a list, page after page, and the number of pages.
async fn all_pages(stage: &Stage, path: &str) -> (Vec<Value>, usize) {
    let mut items = Vec::new();
    let mut token = String::new();
    for pages in 1..10_000 {
        let page = stage.get(&format!("{path}{token}")).await.json();
        items.extend(page["data"].as_array().expect("a list").clone());
        if page["has_more"] == json!(false) {
            assert_eq!(page["next_token"], Value::Null);
            return (items, pages);
        }
        token = format!("&token={}", page["next_token"].as_str().expect("a token"));
    }
    panic!("the list does not end");
}

#[tokio::test]
async fn a_group_is_answered_flat_under_data() {
    let stage = stage().await;
    let group = stage.get("/v3/avatars/twin").await;
    assert_eq!(group.status, 200);
    let group = group.json();
    let created_at = group["data"]["created_at"].as_u64().unwrap();
    assert!(created_at > 1_600_000_000);
    assert_eq!(
        group,
        json!({"data": {
            "id": "twin", "name": "twin", "created_at": created_at, "looks_count": 1,
            "consent_status": "pending", "status": "completed",
        }})
    );
}

#[tokio::test]
async fn optional_fields_without_a_value_are_left_out_unless_null_is_asked_for() {
    let stage = stage().await;
    let nothing = GroupPatch { consent_status: Some(None), status: Some(None), ..GroupPatch::default() };
    stage.control.patch_group("twin", nothing).unwrap();
    let fields: BTreeSet<String> = stage.get("/v3/avatars/twin").await.json()["data"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(fields, BTreeSet::from(["id", "name", "created_at", "looks_count"].map(str::to_owned)));

    let nulls = GroupPatch { optional_fields: Some(OptionalFields::Null), ..GroupPatch::default() };
    stage.control.patch_group("twin", nulls).unwrap();
    let group = stage.get("/v3/avatars/twin").await.json();
    for field in ["consent_status", "status", "error", "gender", "default_voice_id", "preview_image_url", "preview_video_url"] {
        assert_eq!(group["data"].get(field), Some(&Value::Null), "{field}");
    }
}

#[tokio::test]
async fn status_and_consent_status_are_independent_and_may_be_any_word() {
    let stage = stage().await;
    let failed = GroupPatch {
        status: Some(Some("failed".to_owned())),
        error: Some(Some(GroupError { code: "training_failed".to_owned(), message: "too short".to_owned() })),
        consent_status: Some(Some("Zugestimmt!".to_owned())),
        ..GroupPatch::default()
    };
    stage.control.patch_group("twin", failed).unwrap();
    let data = stage.get("/v3/avatars/twin").await.json()["data"].clone();
    assert_eq!(data["status"], "failed");
    assert_eq!(data["error"], json!({"code": "training_failed", "message": "too short"}));
    assert_eq!(data["consent_status"], "Zugestimmt!");
}

#[tokio::test]
async fn an_unknown_or_deleted_group_is_404_with_the_whole_envelope() {
    let stage = stage().await;
    stage.control.delete_group("twin").unwrap();
    let missing = stage.get("/v3/avatars/twin").await;
    assert_eq!(missing.status, 404);
    let error = missing.json()["error"].clone();
    assert_eq!(error["code"], "avatar_group_not_found");
    assert!(error["message"].is_string());
    assert_eq!(error.get("param"), Some(&Value::Null));
    assert!(error["doc_url"].as_str().unwrap().starts_with("https://"));
    assert_eq!(stage.post("twin", "k", "{}").await.status, 404);
}

#[tokio::test]
async fn a_group_of_another_account_is_403_everywhere_and_in_no_list() {
    let mut settings = Settings::default();
    settings.accounts.push(AccountDefinition::new("other", "other-key"));
    let mut foreign = GroupDefinition::twin("foreign");
    foreign.account = Some("other".to_owned());
    settings.groups.push(foreign);
    let stage = stage_with(settings).await;
    for refused in [
        stage.get("/v3/avatars/foreign").await,
        stage.get("/v3/avatars/looks?group_id=foreign").await,
        stage.post("foreign", "", "{}").await,
    ] {
        assert_eq!((refused.status, refused.code()), (403, "resource_access_denied".to_owned()));
    }
    assert_eq!(stage.get("/v3/avatars").await.json()["data"], json!([]));
    let own = send(stage.bare(Method::GET, "/v3/avatars?ownership=private").header("X-Api-Key", "other-key")).await;
    assert_eq!(own.json()["data"][0]["id"], "foreign");
}

#[tokio::test]
async fn a_list_has_its_paging_fields_beside_data_and_20_groups_by_default() {
    let stage = stage_with_groups(21).await;
    let page = stage.get("/v3/avatars?ownership=private").await.json();
    assert_eq!(page["data"].as_array().unwrap().len(), 20);
    assert_eq!(page["has_more"], true);
    assert!(page["next_token"].is_string());
    assert_eq!(page["data"][0]["consent_status"], "pending");
}

#[tokio::test]
async fn the_pages_hold_every_group_exactly_once() {
    for (count, pages) in [(0, 1), (49, 1), (50, 1), (51, 2), (100, 2), (123, 3)] {
        let stage = stage_with_groups(count).await;
        let (groups, read) = all_pages(&stage, "/v3/avatars?ownership=private&limit=50").await;
        let ids: BTreeSet<&str> = groups.iter().map(|group| group["id"].as_str().unwrap()).collect();
        assert_eq!((groups.len(), ids.len(), read), (count, count, pages));
    }
}

#[tokio::test]
async fn a_group_deleted_between_two_pages_hides_no_other() {
    let stage = stage_with_groups(30).await;
    let first = stage.get("/v3/avatars?limit=10").await.json();
    stage.control.delete_group("g000009").unwrap();
    stage.control.delete_group("g000003").unwrap();
    let token = first["next_token"].as_str().unwrap();
    let second = stage.get(&format!("/v3/avatars?limit=10&token={token}")).await.json();
    assert_eq!(second["data"][0]["id"], "g000010");
}

#[tokio::test]
async fn a_limit_ownership_or_token_out_of_range_is_400_and_named() {
    let stage = stage().await;
    for (query, param) in
        [("limit=0", "limit"), ("limit=51", "limit"), ("limit=x", "limit"), ("ownership=mine", "ownership"), ("token=x", "token")]
    {
        let refused = stage.get(&format!("/v3/avatars?{query}")).await;
        assert_eq!((refused.status, refused.code()), (400, "invalid_parameter".to_owned()), "{query}");
        assert_eq!(refused.json()["error"]["param"], param, "{query}");
    }
    assert_eq!(stage.get("/v3/avatars?limit=50&ownership=public").await.status, 200);
}

#[tokio::test]
async fn public_groups_are_listed_for_everyone_and_consented_to_by_none() {
    let stage = stage_with_groups(3).await;
    let mut stock = GroupDefinition::twin("stock");
    stock.public = true;
    stage.control.create_group(stock).unwrap();
    assert_eq!(ids(stage.get("/v3/avatars?ownership=public").await.json()["data"].clone()), ["stock"]);
    assert_eq!(ids(stage.get("/v3/avatars?ownership=private").await.json()["data"].clone()).len(), 3);
    assert_eq!(ids(all_pages(&stage, "/v3/avatars?limit=1").await.0).len(), 4);
    assert_eq!(stage.get("/v3/avatars/stock").await.status, 200);
    assert_eq!(stage.post("stock", "", "{}").await.status, 403);
}

fn ids(list: impl Into<Value>) -> Vec<String> {
    let list = list.into();
    list.as_array().expect("a list").iter().map(|item| item["id"].as_str().expect("an id").to_owned()).collect()
}

#[tokio::test]
async fn looks_tell_their_type_and_are_paged_like_groups() {
    let stage = stage().await;
    let mut looks: Vec<Look> = (0..5).map(|number| Look::photo_avatar(format!("photo-{number}"))).collect();
    looks.push(Look::digital_twin("video"));
    stage.control.patch_group("twin", GroupPatch { looks: Some(looks), ..GroupPatch::default() }).unwrap();

    let (all, pages) = all_pages(&stage, "/v3/avatars/looks?group_id=twin&limit=2").await;
    assert_eq!(pages, 3);
    assert_eq!(ids(all.clone()), ["photo-0", "photo-1", "photo-2", "photo-3", "photo-4", "video"]);
    assert_eq!(all[5], json!({"id": "video", "name": "twin", "avatar_type": "digital_twin", "group_id": "twin", "status": "completed"}));
    assert_eq!(stage.get("/v3/avatars/twin").await.json()["data"]["looks_count"], 6);
    assert_eq!(stage.get("/v3/avatars/looks?group_id=nobody").await.code(), "avatar_group_not_found");
}

#[tokio::test]
async fn looks_without_a_group_are_those_of_all_groups() {
    let stage = stage_with_groups(7).await;
    let (all, _) = all_pages(&stage, "/v3/avatars/looks?limit=3").await;
    let unique: BTreeSet<String> = ids(all.clone()).into_iter().collect();
    assert_eq!((all.len(), unique.len()), (7, 7));
}

#[tokio::test]
async fn the_caller_learns_its_own_name() {
    let stage = stage().await;
    let me = stage.get("/v3/users/me").await;
    assert_eq!(me.status, 200);
    assert!(me.json()["data"].is_object());
}

#[tokio::test]
async fn an_escaped_group_id_reaches_its_group() {
    let stage = stage().await;
    stage.control.create_group(GroupDefinition::twin("a/b c")).unwrap();
    assert_eq!(stage.get("/v3/avatars/a%2Fb%20c").await.json()["data"]["id"], "a/b c");
    assert_eq!(stage.post("a%2Fb%20c", "", "{}").await.status, 200);
    assert_eq!(stage.control.group_summary("a/b c").executed, 1);
}

#[tokio::test]
async fn nothing_can_be_deleted_and_the_attempt_is_on_record() {
    let stage = stage().await;
    let refused = send(stage.request(Method::DELETE, "/v3/avatars/twin")).await;
    assert_eq!(refused.status, 405);
    assert_eq!(stage.control.requests_since(0)[0].method, "DELETE");
    assert_eq!(stage.get("/v3/nothing").await.status, 404);
}

/// The schema of a look has no type of its own for a prompt avatar.
#[tokio::test]
async fn a_photo_and_a_prompt_avatar_have_photo_looks_and_no_word_of_consent() {
    let stage = stage().await;
    for group in [GroupDefinition::photo("photo"), GroupDefinition::prompt("prompt")] {
        let id = group.id.clone();
        stage.control.create_group(group).unwrap();
        let read = stage.get(&format!("/v3/avatars/{id}")).await.json()["data"].clone();
        assert_eq!((read.get("consent_status"), &read["looks_count"]), (None, &json!(1)), "{id}");
        let looks = stage.get(&format!("/v3/avatars/looks?group_id={id}")).await.json()["data"].clone();
        assert_eq!(looks[0]["avatar_type"], "photo_avatar", "{id}");
    }
}

/// A group says `completed` as soon as the upload is through (HeyGen API notes, section 4).
#[tokio::test]
async fn a_group_may_be_completed_whose_look_has_failed() {
    let stage = stage().await;
    let failed = Look { status: Some("failed".to_owned()), ..Look::digital_twin("video") };
    stage.control.patch_group("twin", GroupPatch { looks: Some(vec![failed]), ..GroupPatch::default() }).unwrap();
    assert_eq!(stage.get("/v3/avatars/twin").await.json()["data"]["status"], "completed");
    assert_eq!(stage.get("/v3/avatars/looks?group_id=twin").await.json()["data"][0]["status"], "failed");
}
