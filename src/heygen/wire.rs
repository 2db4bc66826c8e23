//! PURE. The shapes of HeyGen's answers, read leniently and by hand.
//!
//! Extra fields are ignored, absent means null, and the group may stand flat or under `avatar_group`
//! (HeyGen API notes, sections 3 to 6: optional fields come and go, and both nestings were seen).
//! A display field of the wrong type counts as absent. Strict is only what decides about a person:
//! the word of consent, the link, and whose group an answer is about. `None` means "cannot be believed".
//! Rejected: derived types, with which one odd `looks_count` makes the whole answer unreadable, link included.

use serde_json::{Map, Value};

use crate::link::Link;
use crate::outcome::{Group, GroupsPage, ListedGroup, LookType, LooksPage, Started};

/// The longest cursor that is sent back, in bytes. It travels in the request's line, for which servers allow 8 KiB and more.
const TOKEN_CAP: usize = 4096;

/// Whether the answer carries an `error`, which a success may do as well (section 8).
pub(super) fn carries_error(json: &Value) -> bool {
    !json["error"].is_null()
}

/// The answer of `GET /v3/avatars/{group_id}` (section 5).
pub(super) fn group(json: &Value, group_id: &str) -> Option<Group> {
    let data = json["data"].as_object()?;
    let object = data.get("avatar_group").and_then(Value::as_object).unwrap_or(data);
    is_about(object.get("id"), group_id).then(|| described(object))?
}

/// The answer of `GET /v3/avatars/looks` (paging as in section 6).
///
/// Looks of another group make it unbelievable: they would decide whether this person needs to be asked.
pub(super) fn looks(json: &Value, group_id: &str) -> Option<LooksPage> {
    let looks = json["data"].as_array()?;
    if !looks.iter().all(|look| is_about(look.get("group_id"), group_id)) {
        return None;
    }
    let mut types: Vec<LookType> = looks.iter().map(look_type).collect();
    let next = match next_page(json) {
        NextPage::None => None,
        NextPage::At(token) => Some(token),
        NextPage::OutOfReach => {
            // The rest is unknown, and an unknown type never means "no person is depicted".
            types.push(LookType::Other);
            None
        }
    };
    Some(LooksPage { types, next })
}

/// The answer of `GET /v3/avatars` (section 6).
///
/// An item that cannot be believed costs itself and not the other 49; its group is then read singly, like one that the list left out.
pub(super) fn groups(json: &Value) -> Option<GroupsPage> {
    let items = json["data"].as_array()?;
    let groups: Vec<ListedGroup> = items.iter().filter_map(listed).collect();
    let unreadable = items.len() - groups.len();
    let (next, cut_short) = match next_page(json) {
        NextPage::None => (None, false),
        NextPage::At(token) => (Some(token), false),
        NextPage::OutOfReach => (None, true),
    };
    Some(GroupsPage { groups, unreadable, next, cut_short })
}

fn listed(item: &Value) -> Option<ListedGroup> {
    let object = item.as_object()?;
    let object = object.get("avatar_group").and_then(Value::as_object).unwrap_or(object);
    let id = object.get("id")?.as_str().filter(|id| !id.is_empty())?;
    Some(ListedGroup { id: id.to_owned(), group: described(object)? })
}

/// Where a list goes on (section 6: "stop when `has_more` is false or `next_token` is empty").
enum NextPage {
    None,
    At(String),
    /// There is more, and no cursor that could be sent.
    OutOfReach,
}

fn next_page(json: &Value) -> NextPage {
    let more = json["has_more"].as_bool();
    match &json["next_token"] {
        _ if more == Some(false) => NextPage::None,
        Value::String(token) if (1..=TOKEN_CAP).contains(&token.len()) => NextPage::At(token.clone()),
        Value::Null if more.is_none() => NextPage::None,
        Value::String(token) if token.is_empty() && more.is_none() => NextPage::None,
        _ => NextPage::OutOfReach,
    }
}

/// The answer of `POST /v3/avatars/{group_id}/consent` (section 3); the request id is a header and stays `None` here.
///
/// A group that cannot be read costs the group, not the link: the next look reads it again, but the link may never come twice.
/// A group with another id costs everything, for the link is then another person's.
pub(super) fn started(json: &Value, group_id: &str) -> Option<Started> {
    let data = json["data"].as_object()?;
    let link = match data.get("url") {
        None | Some(Value::Null) => None,
        Some(Value::String(url)) => (!url.is_empty()).then(|| Link::new(url.as_str())),
        Some(_) => return None,
    };
    let group = data.get("avatar_group").and_then(Value::as_object);
    if !group.is_none_or(|group| is_about(group.get("id"), group_id)) {
        return None;
    }
    Some(Started { link, group: group.and_then(described), request_id: None })
}

fn is_about(id: Option<&Value>, group_id: &str) -> bool {
    match id {
        None | Some(Value::Null) => true,
        Some(id) => id.as_str() == Some(group_id),
    }
}

fn described(object: &Map<String, Value>) -> Option<Group> {
    let consent_status = match object.get("consent_status") {
        None | Some(Value::Null) => None,
        Some(Value::String(word)) => Some(word.clone()),
        Some(_) => return None,
    };
    let text = |field: &str| object.get(field).and_then(Value::as_str).map(str::to_owned);
    let number = |field: &str| object.get(field).and_then(Value::as_i64);
    Some(Group {
        name: text("name"),
        status: text("status"),
        looks_count: number("looks_count"),
        created_at: number("created_at"),
        consent_status,
    })
}

fn look_type(look: &Value) -> LookType {
    match look["avatar_type"].as_str() {
        Some("digital_twin") => LookType::DigitalTwin,
        Some("photo_avatar") => LookType::PhotoAvatar,
        _ => LookType::Other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_group_is_read_flat_and_nested() {
        let object = json!({
            "id": "g", "name": "Ada", "created_at": 1_780_000_000, "looks_count": 2, "consent_status": "Pending",
            "status": "processing", "gender": null, "error": {"code": "x", "message": "y"}, "brand_new": [1]
        });
        let expected = Group {
            name: Some("Ada".to_owned()),
            status: Some("processing".to_owned()),
            looks_count: Some(2),
            created_at: Some(1_780_000_000),
            consent_status: Some("Pending".to_owned()),
        };
        assert_eq!(group(&json!({"data": object}), "g"), Some(expected.clone()));
        assert_eq!(group(&json!({"data": {"avatar_group": object}}), "g"), Some(expected));
    }

    #[test]
    fn absent_and_null_are_the_same() {
        let absent = group(&json!({"data": {"id": "g"}}), "g");
        let null = group(&json!({"data": {"id": "g", "name": null, "status": null, "consent_status": null, "looks_count": null}}), "g");
        assert_eq!(absent, Some(Group::default()));
        assert_eq!(null, absent);
    }

    #[test]
    fn display_fields_of_the_wrong_type_count_as_absent() {
        let read = group(
            &json!({"data": {"id": "g", "name": 7, "status": [], "looks_count": "2", "created_at": "2026", "consent_status": "x"}}),
            "g",
        );
        assert_eq!(read, Some(Group { consent_status: Some("x".to_owned()), ..Group::default() }));
    }

    #[test]
    fn a_word_of_consent_that_is_not_text_makes_the_answer_unreadable() {
        for word in [json!(true), json!(1), json!({"value": "approved"}), json!(["approved"])] {
            assert_eq!(group(&json!({"data": {"id": "g", "consent_status": word}}), "g"), None, "{word}");
            assert_eq!(group(&json!({"data": {"avatar_group": {"consent_status": word}}}), "g"), None, "{word}");
        }
    }

    #[test]
    fn an_answer_about_another_group_is_never_believed() {
        for id in [json!("other"), json!("G"), json!(1), json!({})] {
            let object = json!({"id": id, "consent_status": "approved"});
            assert_eq!(group(&json!({"data": object}), "g"), None, "{id}");
            assert_eq!(group(&json!({"data": {"avatar_group": object}}), "g"), None, "{id}");
            assert!(started(&json!({"data": {"avatar_group": object, "url": "https://x.example"}}), "g").is_none(), "{id}");
            assert_eq!(looks(&json!({"data": [{"avatar_type": "photo_avatar", "group_id": id}]}), "g"), None, "{id}");
        }
    }

    #[test]
    fn data_that_is_not_an_object_makes_a_group_unreadable() {
        for answer in [json!({}), json!(null), json!([]), json!("x"), json!({"data": null}), json!({"data": []}), json!({"id": "g"})] {
            assert_eq!(group(&answer, "g"), None, "{answer}");
        }
    }

    #[test]
    fn looks_are_read_with_their_types_known_or_not() {
        let answer = json!({"data": [
            {"avatar_type": "digital_twin", "group_id": "g"}, {"avatar_type": "photo_avatar", "group_id": null},
            {"avatar_type": "studio_avatar"}, {"avatar_type": "hologram"}, {"avatar_type": 7}, {}, 5
        ]});
        let page = looks(&answer, "g").unwrap();
        let mut expected = vec![LookType::DigitalTwin, LookType::PhotoAvatar];
        expected.resize(7, LookType::Other);
        assert_eq!(page, LooksPage { types: expected, next: None });
    }

    #[test]
    fn looks_that_are_not_a_list_are_unreadable() {
        for answer in [json!({}), json!({"data": {}}), json!({"data": null}), json!({"data": {"looks": []}}), json!([])] {
            assert_eq!(looks(&answer, "g"), None, "{answer}");
        }
    }

    #[test]
    fn a_page_of_looks_has_a_next_one_unless_heygen_says_no() {
        let next = |paging: Value| {
            let mut answer = json!({"data": []});
            answer.as_object_mut().unwrap().extend(paging.as_object().unwrap().clone());
            looks(&answer, "g").unwrap().next
        };
        assert_eq!(next(json!({"has_more": true, "next_token": "t"})), Some("t".to_owned()));
        assert_eq!(next(json!({"next_token": "t"})), Some("t".to_owned()));
        assert_eq!(next(json!({"has_more": null, "next_token": "t"})), Some("t".to_owned()));
        assert_eq!(next(json!({"has_more": false, "next_token": "t"})), None);
        assert_eq!(next(json!({"has_more": true, "next_token": ""})), None);
        assert_eq!(next(json!({"has_more": true, "next_token": null})), None);
        assert_eq!(next(json!({})), None);
    }

    #[test]
    fn a_page_of_looks_without_a_way_on_ends_in_an_unknown_look() {
        for token in [json!(null), json!(""), json!(7), json!({}), json!("t".repeat(TOKEN_CAP + 1))] {
            let page = looks(&json!({"data": [{"avatar_type": "photo_avatar"}], "has_more": true, "next_token": token}), "g").unwrap();
            assert_eq!(page, LooksPage { types: vec![LookType::PhotoAvatar, LookType::Other], next: None }, "{token}");
        }
    }

    #[test]
    fn groups_are_listed_flat_and_nested_with_their_ids() {
        let page = groups(&json!({
            "data": [
                {"id": "a", "name": "Ada", "consent_status": "pending", "created_at": 1, "looks_count": 2, "status": "completed"},
                {"avatar_group": {"id": "b", "consent_status": null}},
                {"id": "c", "avatar_group": null}
            ],
            "has_more": true, "next_token": "t", "brand_new": 1
        }))
        .unwrap();
        let ada = Group {
            name: Some("Ada".to_owned()),
            status: Some("completed".to_owned()),
            looks_count: Some(2),
            created_at: Some(1),
            consent_status: Some("pending".to_owned()),
        };
        let listed = |id: &str, group: Group| ListedGroup { id: id.to_owned(), group };
        let expected = vec![listed("a", ada), listed("b", Group::default()), listed("c", Group::default())];
        assert_eq!(page, GroupsPage { groups: expected, unreadable: 0, next: Some("t".to_owned()), cut_short: false });
    }

    #[test]
    fn one_broken_item_costs_no_other() {
        let page = groups(&json!({"data": [
            {"id": "a"}, null, 7, "b", [], {}, {"id": null}, {"id": ""}, {"id": 7}, {"id": "b", "consent_status": true},
            {"avatar_group": {"name": "no id"}}, {"id": "z", "looks_count": "2"}
        ]}))
        .unwrap();
        let ids: Vec<_> = page.groups.iter().map(|listed| listed.id.as_str()).collect();
        assert_eq!((ids, page.unreadable), (vec!["a", "z"], 10));
    }

    #[test]
    fn groups_that_are_not_a_list_are_unreadable() {
        for answer in [json!({}), json!({"data": {}}), json!({"data": null}), json!({"data": {"avatar_groups": []}}), json!([])] {
            assert_eq!(groups(&answer), None, "{answer}");
        }
    }

    #[test]
    fn a_list_says_whether_it_goes_on_ends_or_is_cut_short() {
        let long = "t".repeat(TOKEN_CAP + 1);
        for (paging, expected) in [
            (json!({"has_more": true, "next_token": "t"}), (Some("t"), false)),
            (json!({"next_token": "t"}), (Some("t"), false)),
            (json!({"has_more": "yes", "next_token": "t"}), (Some("t"), false)),
            (json!({"has_more": false, "next_token": "t"}), (None, false)),
            (json!({"has_more": false, "next_token": 7}), (None, false)),
            (json!({"has_more": false}), (None, false)),
            (json!({"next_token": ""}), (None, false)),
            (json!({"next_token": null}), (None, false)),
            (json!({}), (None, false)),
            (json!({"has_more": true}), (None, true)),
            (json!({"has_more": true, "next_token": null}), (None, true)),
            (json!({"has_more": true, "next_token": ""}), (None, true)),
            (json!({"has_more": true, "next_token": 7}), (None, true)),
            (json!({"next_token": {}}), (None, true)),
            (json!({"next_token": long}), (None, true)),
        ] {
            let mut answer = json!({"data": []});
            answer.as_object_mut().unwrap().extend(paging.as_object().unwrap().clone());
            let page = groups(&answer).unwrap();
            assert_eq!((page.next.as_deref(), page.cut_short), expected, "{paging}");
        }
    }

    #[test]
    fn a_started_consent_has_its_link_and_group() {
        let answer = json!({"data": {"avatar_group": {"id": "g", "consent_status": "pending"}, "url": "https://heygen.example/consent/1"}});
        let started = started(&answer, "g").unwrap();
        assert_eq!(started.link, Some(Link::new("https://heygen.example/consent/1")));
        assert_eq!(started.group.unwrap().consent_status.as_deref(), Some("pending"));
    }

    #[test]
    fn a_started_consent_without_a_link_is_one_with_a_video() {
        for data in [json!({}), json!({"url": null}), json!({"url": ""}), json!({"avatar_group": null}), json!({"avatar_group": "g"})] {
            let started = started(&json!({"data": data}), "g").unwrap();
            assert_eq!((started.link, started.group), (None, None), "{data}");
        }
    }

    #[test]
    fn a_link_survives_a_group_that_cannot_be_read() {
        let answer = json!({"data": {"avatar_group": {"id": "g", "consent_status": 7}, "url": "https://x.example"}});
        let started = started(&answer, "g").unwrap();
        assert_eq!((started.link, started.group), (Some(Link::new("https://x.example")), None));
    }

    #[test]
    fn a_link_that_is_not_text_or_an_answer_without_data_is_unreadable() {
        for answer in [json!({}), json!({"data": null}), json!({"data": []}), json!({"url": "https://x.example"})] {
            assert!(started(&answer, "g").is_none(), "{answer}");
        }
        for url in [json!(1), json!(true), json!({}), json!([])] {
            assert!(started(&json!({"data": {"url": url}}), "g").is_none(), "{url}");
        }
    }
}
