use serde_json::json;

use super::*;
use twinconsent_core::api::consent::AccountKind;
use twinconsent_core::notifications::{Dropped, Secret};

fn account() -> AccountKey {
    AccountKey { kind: AccountKind::ClusterHeyGenAccount, namespace: None, name: "default".to_owned() }
}

fn spec(name: &str, url: &str) -> NotificationSink {
    serde_json::from_value(json!({ "name": name, "url": url, "signingSecretRef": { "name": "s", "key": "k" } })).unwrap()
}

fn notice(event_type: EventType) -> Notice {
    Notice { event_type, id: "u/1".to_owned(), line: r#"{"data":{},"id":"u/1"}"#.to_owned(), time: clock::wall().now() }
}

fn target(url: &str) -> Result<Target, Unusable> {
    Ok(Target { url: url.parse().unwrap(), secret: Secret::parse(&format!("whsec_{}", "A".repeat(32))).unwrap() })
}

fn unusable(may_be_passing: bool) -> Result<Target, Unusable> {
    Err(Unusable { why: "why".to_owned(), may_be_passing })
}

/// One sink that can be used, for which an event waits.
fn waiting() -> Notifications {
    let notifications = Notifications::default();
    notifications.define(&account(), &[spec("a", "https://one.example")], None);
    notifications.set_target(&account(), &spec("a", "https://one.example"), target("https://one.example"));
    push(&notifications, EventType::Approved);
    notifications
}

fn push(notifications: &Notifications, event_type: EventType) {
    notifications.push(&account(), 1, &[notice(event_type)], None, clock::wall());
}

/// The sinks and hosts to which something may be sent now.
fn sent(notifications: &Notifications) -> Vec<(String, String)> {
    let (jobs, _) = notifications.take(clock::steady());
    jobs.into_iter().map(|job| (job.sink, job.target.url.host_str().unwrap().to_owned())).collect()
}

fn to(sink: &str, host: &str) -> Vec<(String, String)> {
    vec![(sink.to_owned(), host.to_owned())]
}

#[test]
fn a_sink_with_another_address_keeps_what_waits_and_sends_nothing_until_that_was_read() {
    let notifications = waiting();
    let moved = spec("a", "https://two.example");
    notifications.define(&account(), std::slice::from_ref(&moved), None);
    assert_eq!(sent(&notifications), []);
    notifications.set_target(&account(), &spec("a", "https://one.example"), target("https://one.example"));
    assert_eq!(sent(&notifications), [], "it was read for what the account named before");
    notifications.set_target(&account(), &moved, target("https://two.example"));
    assert_eq!(sent(&notifications), to("a", "two.example"));
}

#[test]
fn a_sink_of_another_name_is_another_one_and_one_that_is_gone_drops_what_waited() {
    let notifications = waiting();
    let renamed = spec("b", "https://one.example");
    notifications.define(&account(), std::slice::from_ref(&renamed), None);
    notifications.set_target(&account(), &renamed, target("https://one.example"));
    assert_eq!(sent(&notifications), []);
    notifications.define(&account(), &[spec("a", "https://one.example")], None);
    notifications.set_target(&account(), &spec("a", "https://one.example"), target("https://one.example"));
    assert_eq!(sent(&notifications), []);
    notifications.define(&account(), &[], None);
    assert!(!notifications.has_sinks(&account()) && notifications.figures().is_empty());
}

#[test]
fn what_is_sent_for_a_sink_that_is_gone_does_not_end_what_is_sent_for_its_successor() {
    let notifications = waiting();
    let (jobs, _) = notifications.take(clock::steady());
    notifications.forget(&account());
    let again = spec("a", "https://one.example");
    notifications.define(&account(), std::slice::from_ref(&again), None);
    notifications.set_target(&account(), &again, target("https://one.example"));
    push(&notifications, EventType::Approved);
    assert_eq!(sent(&notifications), to("a", "one.example"));
    assert!(notifications.end(&jobs[0], Answer::Status(200, None), clock::steady(), 0.0).is_none());
    assert_eq!(notifications.figures()[0].2.waiting, 1);
}

#[test]
fn a_link_that_waits_is_left_out_once_something_made_it_useless_also_where_that_is_not_told() {
    for (after, has_link) in [(EventType::Withdrawn, false), (EventType::Overdue, true)] {
        let (notifications, wall) = (Notifications::default(), clock::wall());
        let spec =
            NotificationSink { events: Some(vec!["requested".to_owned()]), include_link: Some(true), ..spec("a", "https://one.example") };
        notifications.define(&account(), std::slice::from_ref(&spec), None);
        notifications.set_target(&account(), &spec, target("https://one.example"));
        notifications.push(&account(), 1, &[notice(EventType::Requested)], Some(&(Link::new("https://link"), None)), wall);
        push(&notifications, after);
        let (jobs, _) = notifications.take(clock::steady());
        let bodies: Vec<String> = jobs.iter().map(|job| job.parcel.content(job.include_link, wall.now()).unwrap().body).collect();
        assert_eq!(bodies.iter().map(|body| body.contains("https://link")).collect::<Vec<_>>(), [has_link], "{after:?}");
    }
}

#[test]
fn a_link_is_kept_only_for_a_sink_that_is_to_have_it() {
    let wall = clock::wall();
    let (plain, links) =
        (spec("a", "https://one.example"), NotificationSink { include_link: Some(true), ..spec("b", "https://two.example") });
    let of_approvals = NotificationSink { events: Some(vec!["approved".to_owned()]), ..links.clone() };
    for (specs, is_kept) in [([&plain, &links], true), ([&links, &plain], true), ([&plain, &of_approvals], false)] {
        let notifications = Notifications::default();
        notifications.define(&account(), &specs.map(Clone::clone), None);
        notifications.set_target(&account(), &plain, target("https://one.example"));
        notifications.push(&account(), 1, &[notice(EventType::Requested)], Some(&(Link::new("https://link"), None)), wall);
        let (jobs, _) = notifications.take(clock::steady());
        let body = jobs[0].parcel.content(true, wall.now()).unwrap().body;
        assert_eq!((jobs.len(), body.contains("https://link")), (1, is_kept), "{specs:?}");
    }
}

#[test]
fn what_waits_already_is_not_taken_once_more_and_keeps_its_link() {
    let (wall, link) = (clock::wall(), (Link::new("https://link"), None));
    let (slow, swift) =
        (NotificationSink { include_link: Some(true), ..spec("a", "https://one.example") }, spec("b", "https://two.example"));
    let notifications = Notifications::default();
    notifications.define(&account(), &[slow.clone(), swift.clone()], None);
    notifications.push(&account(), 1, &[notice(EventType::Requested)], Some(&link), wall);
    notifications.set_target(&account(), &swift, target("https://two.example"));
    let (jobs, _) = notifications.take(clock::steady());
    notifications.end(&jobs[0], Answer::Status(200, None), clock::steady(), 0.0);
    notifications.push_again(&account(), 1, notice(EventType::Requested), Some(&link), wall);
    notifications.set_target(&account(), &slow, target("https://one.example"));
    let (jobs, _) = notifications.take(clock::steady());
    let sent = |job: &Job| (job.sink.clone(), job.parcel.content(job.include_link, wall.now()).unwrap().body.contains("https://link"));
    assert_eq!(jobs.iter().map(sent).collect::<Vec<_>>(), [("a".to_owned(), true), ("b".to_owned(), false)]);
    assert_eq!(notifications.figures().iter().map(|(.., figures)| figures.waiting).collect::<Vec<_>>(), [1, 1]);
}

#[test]
fn a_secret_that_cannot_be_read_for_now_is_used_on_and_one_that_is_gone_is_not() {
    let spec = spec("a", "https://one.example");
    for (read, is_sent) in [(unusable(true), true), (unusable(false), false)] {
        let notifications = waiting();
        notifications.set_target(&account(), &spec, read);
        assert_eq!(!sent(&notifications).is_empty(), is_sent);
    }
    // One that was never read cannot be used either way.
    let notifications = Notifications::default();
    notifications.define(&account(), std::slice::from_ref(&spec), None);
    notifications.set_target(&account(), &spec, unusable(true));
    assert_eq!(notifications.say(&account(), None, clock::wall()).unwrap().reason, "SinkNotUsable");
}

#[test]
fn a_sink_gets_the_events_that_it_names_and_a_word_of_another_version_is_none() {
    let notifications = Notifications::default();
    let mut some = spec("some", "https://one.example");
    some.events = Some(vec!["celebrated".to_owned(), "term-moved".to_owned()]);
    notifications.define(&account(), &[some, spec("all", "https://one.example")], None);
    for event_type in [EventType::Approved, EventType::TermMoved, EventType::Deleted] {
        push(&notifications, event_type);
    }
    let waiting: Vec<_> = notifications.figures().into_iter().map(|(_, sink, figures)| (sink, figures.waiting)).collect();
    assert_eq!(waiting, [("all".to_owned(), 3), ("some".to_owned(), 1)]);
}

#[test]
fn last_events_are_sent_again_for_the_accounts_that_there_were_at_the_beginning_once() {
    let notifications = waiting();
    let [late, without, new] = ["late", "without", "new"].map(|name| AccountKey { name: name.to_owned(), ..account() });
    let sinks = [spec("a", "https://one.example")];
    notifications.define(&without, &[], None);
    assert_eq!(notifications.begin(vec![account(), late.clone(), without.clone()]), [account()]);
    assert!(notifications.define(&late, &sinks, None), "it was named by a consent, and is shown now");
    assert!(!notifications.define(&late, &sinks, None));
    for starts_with_the_next_event in [new, without] {
        assert!(!notifications.define(&starts_with_the_next_event, &sinks, None));
    }
}

#[test]
fn an_account_is_woken_when_it_has_something_else_to_say_and_not_for_each_event() {
    let notifications = waiting();
    assert_eq!(notifications.changed(clock::steady()), [], "it has said nothing yet, and will by itself");
    assert_eq!(notifications.say(&account(), None, clock::wall()).unwrap().status, "Unknown");
    let take = || notifications.take(clock::steady()).0;
    let job = &take()[0];
    notifications.end(job, Answer::Status(200, None), clock::steady(), 0.0);
    assert_eq!(notifications.changed(clock::steady()), [account()]);
    assert_eq!(notifications.changed(clock::steady()), [], "it was woken a moment ago");
    let said = notifications.say(&account(), None, clock::wall()).unwrap();
    assert_eq!(said.status, "True");
    // What is dropped is another kind, and the second drop is not.
    let dropped = || {
        push(&notifications, EventType::Approved);
        notifications.end(&take()[0], Answer::Status(400, None), clock::steady(), 0.0);
        notifications.say(&account(), None, clock::wall()).unwrap()
    };
    let first = dropped();
    assert!(first.message.contains("1 had been dropped"), "{}", first.message);
    assert_eq!(dropped(), first);
    assert_eq!(notifications.figures()[0].2.counts.dropped(Dropped::Refused), 2);
}
