//! The client against the simulator: what the one sends and the other answers fit together, though they share no code.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::sync::Arc;
use std::time::Duration;

use heygen_simulator::{
    AccountDefinition, Control, DEMO_API_KEY, FaultAction, FaultRule, GroupDefinition, Look, OptionalFields, PathKind, Reshape, Settings,
    Simulator,
};
use twinconsent::heygen::{Credentials, Deadlines, ExtraRoots, HeyGen};
use twinconsent::process::metrics::Metrics;
use twinconsent::process::proxies::Proxies;
use twinconsent_core::api::account::Auth;
use twinconsent_core::consent::outcome::{Class, LookType, LooksPage, Outcome, Started};
use twinconsent_core::consent::request::{Content, Video};

struct Line {
    heygen: HeyGen,
    credentials: Credentials,
    control: Control,
    _simulator: Simulator,
}

async fn line() -> Line {
    let mut settings = Settings { groups: vec![GroupDefinition::twin("ada")], ..Settings::default() };
    settings.accounts.push(AccountDefinition::new("neighbour", "another-key"));
    settings.groups.push(GroupDefinition { account: Some("neighbour".into()), ..GroupDefinition::twin("foreign") });
    let simulator = Simulator::start(settings).await.unwrap();
    let credentials =
        Credentials { base_url: simulator.base_url().parse().unwrap(), auth: Auth::ApiKey, key: DEMO_API_KEY.to_owned().into() };
    let heygen = HeyGen::with(Arc::new(Metrics::new()), Deadlines::default(), &ExtraRoots::default(), Proxies::default()).unwrap();
    Line { heygen, credentials, control: simulator.control(), _simulator: simulator }
}

fn page() -> Content {
    Content { reroute_url: Some("https://example.com/thanks".into()), consent_text: Some("Do you agree?".into()), consent_video: None }
}

fn started(outcome: Outcome) -> Started {
    match outcome {
        Outcome::Initiated(started) => started,
        other => panic!("not accepted: {other:?}"),
    }
}

fn class(outcome: &Outcome) -> Class {
    match outcome {
        Outcome::Trouble(trouble) => trouble.class,
        other => panic!("no trouble: {other:?}"),
    }
}

#[tokio::test]
async fn both_ways_to_present_a_key_are_accepted_and_a_wrong_key_is_not() {
    let mut line = line().await;
    for auth in [Auth::ApiKey, Auth::Bearer] {
        line.credentials.auth = auth;
        assert!(matches!(line.heygen.probe(&line.credentials).await, Outcome::Probed));
    }
    line.credentials.key = "wrong".to_owned().into();
    assert_eq!(class(&line.heygen.probe(&line.credentials).await), Class::CredentialsRejected);
}

#[tokio::test]
async fn a_group_is_read_flat_or_nested_with_fields_absent_or_null() {
    let line = line().await;
    line.control.create_group(GroupDefinition { optional_fields: OptionalFields::Null, ..GroupDefinition::twin("bob") }).unwrap();
    line.control.set_consent_status("bob", None).unwrap();
    for (group, word) in [("ada", Some("pending")), ("bob", None)] {
        for nested in [false, true] {
            if nested {
                line.control.add_fault(FaultRule::new(FaultAction::Reshape(Reshape::NestedGroup)).on(PathKind::Group)).unwrap();
            }
            let Outcome::Polled(read) = line.heygen.group(&line.credentials, group).await else { panic!("{group}, nested {nested}") };
            assert_eq!((read.consent_status.as_deref(), read.looks_count), (word, Some(1)));
            line.control.clear_faults();
        }
    }
}

#[tokio::test]
async fn a_missing_group_is_not_found_and_a_foreign_one_is_out_of_reach() {
    let line = line().await;
    assert_eq!(class(&line.heygen.group(&line.credentials, "nobody").await), Class::NotFound);
    assert_eq!(class(&line.heygen.group(&line.credentials, "foreign").await), Class::AccessDenied);
}

#[tokio::test]
async fn the_same_key_brings_the_same_link_for_a_day_and_another_after_it() {
    let line = line().await;
    let ask = async || started(line.heygen.initiate(&line.credentials, "ada", &page(), "v1:key:0").await).link.unwrap();
    let first = ask().await;
    assert_eq!(ask().await, first);
    line.control.advance(Duration::from_secs(24 * 3600 + 1));
    assert_ne!(ask().await, first);
    let counted = line.control.group_summary("ada");
    assert_eq!((counted.executed, counted.replayed), (2, 1));
    assert_eq!(line.control.group("ada").unwrap().links[0].reroute_url.as_deref(), Some("https://example.com/thanks"));
}

#[tokio::test]
async fn a_clip_needs_an_entitlement_and_brings_no_link() {
    let line = line().await;
    let clip = |video| Content { reroute_url: None, consent_text: None, consent_video: Some(video) };
    let by_url = clip(Video::Url { url: "https://example.com/clip.mp4".into() });
    let refused = line.heygen.initiate(&line.credentials, "ada", &by_url, "v1:clip:0").await;
    assert!(matches!(class(&refused), Class::AccessDenied | Class::Forbidden));
    let entitled = heygen_simulator::AccountPatch { enterprise: Some(true), ..Default::default() };
    line.control.patch_account(heygen_simulator::MAIN_ACCOUNT, entitled).unwrap();
    for (video, key) in [(by_url, "v1:clip:0"), (clip(Video::AssetId { asset_id: "a1".into() }), "v1:clip:1")] {
        assert!(started(line.heygen.initiate(&line.credentials, "ada", &video, key).await).link.is_none());
    }
}

#[tokio::test]
async fn a_wrong_text_is_refused_with_the_field_that_is_wrong() {
    let line = line().await;
    let content = Content { consent_text: Some("<b>".into()), ..page() };
    let Outcome::Trouble(trouble) = line.heygen.initiate(&line.credentials, "ada", &content, "v1:key:0").await else { panic!() };
    assert_eq!((trouble.class, trouble.code, trouble.param), (Class::Invalid, Some("invalid_parameter"), Some("consent_text")));
}

#[tokio::test]
async fn all_pages_of_looks_are_read() {
    let line = line().await;
    let mut looks: Vec<Look> = (0..60).map(|number| Look::photo_avatar(format!("photo-{number}"))).collect();
    looks.push(Look::digital_twin("twin"));
    line.control.create_group(GroupDefinition { looks: Some(looks), ..GroupDefinition::twin("many") }).unwrap();
    let mut types = Vec::new();
    let mut cursor = None;
    loop {
        let Outcome::LooksRead(LooksPage { types: more, next }) = line.heygen.looks(&line.credentials, "many", cursor.as_deref()).await
        else {
            panic!("no page")
        };
        types.extend(more);
        cursor = next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!((types.len(), types.last()), (61, Some(&LookType::DigitalTwin)));
}

#[tokio::test]
async fn all_pages_of_groups_are_listed_and_no_foreign_one() {
    let line = line().await;
    for number in 0..119 {
        line.control.create_group(GroupDefinition::twin(format!("twin-{number}"))).unwrap();
    }
    let (mut ids, mut pages, mut cursor) = (std::collections::BTreeSet::new(), 0, None);
    loop {
        let Outcome::Listed(page) = line.heygen.list_groups(&line.credentials, cursor.as_deref()).await else { panic!("no page") };
        assert_eq!((page.unreadable, page.cut_short), (0, false));
        ids.extend(page.groups.into_iter().map(|(id, _)| id));
        pages += 1;
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!((ids.len(), pages), (120, 3));
    assert!(ids.contains("ada") && !ids.contains("foreign"));
}

#[tokio::test]
async fn an_answer_that_was_lost_after_the_act_comes_by_the_same_key() {
    let line = line().await;
    line.control.add_fault(FaultRule::new(FaultAction::DropAfter).on(PathKind::Consent).times(1)).unwrap();
    assert_eq!(class(&line.heygen.initiate(&line.credentials, "ada", &page(), "v1:key:0").await), Class::Unreachable);
    assert!(started(line.heygen.initiate(&line.credentials, "ada", &page(), "v1:key:0").await).link.is_some());
    assert_eq!(line.control.group_summary("ada").executed, 1);
}

#[tokio::test]
async fn photo_and_prompt_avatars_have_no_word_and_only_looks_that_need_no_consent() {
    let line = line().await;
    line.control.create_group(GroupDefinition::photo("photo")).unwrap();
    line.control.create_group(GroupDefinition::prompt("prompt")).unwrap();
    for name in ["prompt", "prompt_avatar"] {
        let looks = Some(vec![Look::of_type(format!("{name}-look"), name)]);
        line.control.create_group(GroupDefinition { looks, ..GroupDefinition::prompt(format!("named-{name}")) }).unwrap();
    }
    for group in ["photo", "prompt", "named-prompt", "named-prompt_avatar"] {
        let Outcome::Polled(read) = line.heygen.group(&line.credentials, group).await else { panic!("{group} cannot be read") };
        assert_eq!(read.consent_status, None, "{group}");
        let Outcome::LooksRead(page) = line.heygen.looks(&line.credentials, group, None).await else { panic!("{group}: no looks") };
        assert_eq!(page.types, [LookType::PhotoAvatar], "{group}");
    }
}

#[tokio::test]
async fn a_look_of_an_unknown_type_is_none_that_needs_no_consent() {
    let line = line().await;
    for name in ["studio_avatar", "hologram"] {
        let looks = Some(vec![Look::of_type("look", name)]);
        line.control.create_group(GroupDefinition { looks, ..GroupDefinition::prompt(name) }).unwrap();
        let Outcome::LooksRead(page) = line.heygen.looks(&line.credentials, name, None).await else { panic!("{name}: no looks") };
        assert_eq!(page.types, [LookType::Other], "{name}");
    }
}

#[tokio::test]
async fn a_consent_that_was_begun_elsewhere_is_known_as_such_by_the_first_request() {
    let line = line().await;
    line.control.create_group(GroupDefinition { begun_elsewhere: true, ..GroupDefinition::twin("begun") }).unwrap();
    for key in ["v1:key:0", "v1:key:0", "v1:key:1"] {
        assert_eq!(class(&line.heygen.initiate(&line.credentials, "begun", &page(), key).await), Class::AlreadyBound, "{key}");
    }
    assert_eq!(line.control.group_summary("begun").executed, 0);
}
