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
    let read =
        group(&json!({"data": {"id": "g", "name": 7, "status": [], "looks_count": "2", "created_at": "2026", "consent_status": "x"}}), "g");
    assert_eq!(read, Some(Group { consent_status: Some("x".to_owned()), ..Group::default() }));
}

#[test]
fn texts_are_cut_and_hold_no_character_that_steers() {
    let long = "é".repeat(TEXT_CAP + 1);
    let read = group(
        &json!({"data": {"name": "\u{1b}[2J\r\nA\tda\u{9b}\u{7f}\u{0}", "status": "\u{202e}detelpmoc\u{2066}", "consent_status": long}}),
        "g",
    );
    let group = read.unwrap();
    assert_eq!(group.name.as_deref(), Some("\u{fffd}[2J\u{fffd}\u{fffd}A\u{fffd}da\u{fffd}\u{fffd}\u{fffd}"));
    assert_eq!(group.status.as_deref(), Some("\u{fffd}detelpmoc\u{fffd}"));
    assert_eq!(group.consent_status, Some(format!("{}…", "é".repeat(TEXT_CAP))));
    assert_eq!(fit(&"é".repeat(TEXT_CAP)), "é".repeat(TEXT_CAP));
    let word = |word: &str| super::group(&json!({"data": {"consent_status": word}}), "g").unwrap().consent_status;
    assert_eq!(word("approved\u{0}").as_deref(), Some("approved\u{fffd}"), "no policy knows this word");
}

#[test]
fn a_time_that_kubernetes_cannot_write_down_counts_as_absent() {
    for (second, kept) in [(-100_000_000_000, false), (-1, false), (0, true), (253_402_300_799, true), (253_402_300_800, false)] {
        let read = group(&json!({"data": {"created_at": second}}), "g").unwrap();
        assert_eq!(read.created_at, Some(second).filter(|_| kept), "{second}");
    }
}

#[test]
fn a_link_that_no_browser_can_follow_makes_the_answer_unreadable() {
    for url in ["https://x.example/\u{1b}[2J".to_owned(), "https://x.example/\n".to_owned(), "x".repeat(LINK_CAP + 1)] {
        assert!(started(&json!({"data": {"url": url}}), "g").is_none());
    }
    assert!(started(&json!({"data": {"url": "x".repeat(LINK_CAP)}}), "g").is_some());
}

#[test]
fn what_a_poll_shows_reads_the_same_after_it_was_stored() {
    use crate::consent::outcome::Print;
    let answer = json!({"data": {"name": "\u{1b}A".repeat(300), "status": "\u{2028}", "looks_count": i64::MIN, "created_at": -5, "consent_status": "p\u{85}"}});
    let group = group(&answer, "g").unwrap();
    let shown = crate::api::consent::DigitalTwinConsentStatus {
        consent_status: group.consent_status.clone(),
        group: Some(crate::api::consent::GroupStatus {
            name: group.name.clone(),
            status: group.status.clone(),
            looks_count: group.looks_count,
            created_at: None,
        }),
        ..Default::default()
    };
    let stored = serde_json::from_str(&serde_json::to_string(&shown).unwrap()).unwrap();
    assert_eq!(Print::of(&group), Print::of_status(&stored));
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
fn the_looks_of_a_prompt_avatar_are_photos_by_whatever_name_they_go() {
    let type_of = |name: &str| looks(&json!({"data": [{"avatar_type": name}]}), "g").unwrap().types;
    for name in ["photo_avatar", "photo", "prompt_avatar", "prompt"] {
        assert_eq!(type_of(name), [LookType::PhotoAvatar], "{name}");
    }
    for name in ["prompted_twin", "prompt ", "photo_avatars", "PROMPT", ""] {
        assert_eq!(type_of(name), [LookType::Other], "{name:?} is none that HeyGen is known to use");
    }
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
fn a_page_of_looks_without_a_way_on_ends_in_an_unknown_one() {
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
    let listed = |id: &str, group: Group| (id.to_owned(), group);
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
    let ids: Vec<_> = page.groups.iter().map(|(id, _)| id.as_str()).collect();
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
