//! Every row of the conditions table against every part of an object or its account that can be changed, restored or forged: what is
//! told then, that it is again what it should be with the next polls, and that nobody is asked for it.

use jiff::Timestamp;
use serde_json::json;
use strum::VariantArray as _;
use twinconsent_core::api::account::ConsentPolicy;
use twinconsent_core::api::conditions::Situation;
use twinconsent_core::consent::apply::Notice;
use twinconsent_core::consent::outcome::{Class, Trouble};
use twinconsent_core::consent::policy::{Meaning, Rules};
use twinconsent_core::consent::status::{agrees, shown};
use twinconsent_core::consent::step::AccountFact;

use crate::columns;
use crate::driver::{HOUR, MINUTE, World, secs};
use crate::kstatus::{kstatus, object_in};
use crate::model::{Fault, Model};

/// Long enough for two polls of the slowest kind, and for what they confirm.
const TWO_POLLS: u64 = 13 * HOUR;

fn policy(spec: serde_json::Value) -> Rules {
    let spec: ConsentPolicy = serde_json::from_value(spec).unwrap();
    Rules::new(Some(&spec), None, None)
}

fn is_down(world: &mut World) {
    world.heygen.fault = Some(Fault::Trouble(Trouble::of(Class::Unavailable)));
}

/// What kstatus says is what the table says of the reason that is told.
fn is_consistent(world: &World, what: &str) {
    let Some(reported) = shown(world.status()) else { panic!("{what}: nothing is told:\n{}", world.trace.join("\n")) };
    assert_eq!(
        kstatus(&world.object),
        columns::kstatus(reported).split(" / ").next().unwrap(),
        "{what}: {reported:?}\n{}",
        world.trace.join("\n")
    );
    let approved = world.condition("Approved").unwrap().0;
    assert!(
        approved == "True" || !matches!(reported, Situation::Approved | Situation::Waived),
        "{what}: {reported:?}, Approved={approved}"
    );
}

fn believed(world: &World) -> (String, String, String) {
    let (ready, reason) = world.ready();
    (ready.to_owned(), reason.to_owned(), world.condition("Approved").unwrap().0.to_owned())
}

/// The rows in which the object is polled as things are, so that what is wrong heals by itself.
fn is_polled(situation: Situation) -> bool {
    !OBSTACLES.contains(&situation)
}

/// What keeps HeyGen from being asked about an object, as in the rows that are not polled.
const OBSTACLES: [Situation; 4] = [Situation::Suspended, Situation::Duplicate, Situation::AccountNotReady, Situation::AccountNotAllowed];

/// Keeps HeyGen from being asked about an object, or no more.
fn set(world: &mut World, obstacle: Situation, stands: bool) {
    match obstacle {
        Situation::Suspended => world.edit(json!({ "suspend": stands })),
        Situation::Duplicate => world.owns_group = !stands,
        Situation::AccountNotReady => world.account = stands.then(|| AccountFact::NotReady("There is no such account.".into())),
        Situation::AccountNotAllowed => world.account = stands.then(|| AccountFact::NotAllowed("Not this namespace.".into())),
        other => panic!("{other:?} is polled"),
    }
}

/// Rows that last only as long as HeyGen cannot be read.
fn needs_trouble(situation: Situation) -> bool {
    matches!(situation, Situation::Restored | Situation::Unverified | Situation::Initiating)
}

#[test]
fn a_changed_policy_judges_every_row_anew_and_asks_nobody_who_was_asked() {
    let policies = [
        ("tightened until the word is unknown", policy(json!({ "granted": ["accepted"] }))),
        ("tightened until the word is a refusal", policy(json!({ "refused": ["approved", "rejected", "skipped"] }))),
        ("loosened", policy(json!({ "granted": ["approved", "weird", "skipped"], "waived": ["rejected"], "refused": [] }))),
    ];
    for &situation in Situation::VARIANTS {
        for (name, rules) in &policies {
            let what = format!("{situation:?}, {name}");
            let mut world = object_in(situation, &json!({}));
            let asked = world.status().initiation.is_some();
            let executed = world.heygen.executed();
            world.rules = rules.clone();
            world.settle_down();
            is_consistent(&world, &what);
            if needs_trouble(situation) {
                world.heygen.fault = None;
            }
            world.live(TWO_POLLS);
            is_consistent(&world, &what);
            let reported = shown(world.status()).unwrap();
            if is_polled(situation) {
                assert!(agrees(world.status(), reported, &rules.policy), "{what}: {reported:?} over {:?}", world.status().consent_status);
                let permits = matches!(rules.policy.read(world.heygen.word.as_deref()), Meaning::Granted | Meaning::Waived);
                let approved = world.condition("Approved").unwrap().0 == "True";
                let has_word = world.heygen.word.is_some() && !world.heygen.missing && world.heygen.training.is_none();
                assert!(!has_word || approved == permits, "{what}: Approved={approved}\n{}", world.trace.join("\n"));
            }
            // With other terms came a higher epoch: a person that counts as having refused is asked anew.
            let asks_anew = situation == Situation::TermsChanged;
            assert!(!asked || asks_anew || world.heygen.executed() == executed, "{what}: asked again");
        }
    }
}

#[test]
fn a_status_of_another_object_permits_nothing_in_any_row_until_heygen_is_read_and_asks_nobody() {
    for &situation in Situation::VARIANTS {
        for is_absent in [false, true] {
            let what = format!("{situation:?}, uid absent: {is_absent}");
            let (mut world, mut twin) = (object_in(situation, &json!({})), object_in(situation, &json!({})));
            let fault = world.heygen.fault.clone();
            is_down(&mut world);
            if is_absent {
                world.object.status.as_mut().unwrap().object_uid = None;
                world.annotate("touched");
                world.crash(0);
            } else {
                world.restore_status_elsewhere(3);
            }
            world.settle_down();
            is_consistent(&world, &what);
            let is_known_anyway = matches!(situation, Situation::Duplicate | Situation::Withdrawn);
            let expected = if is_known_anyway { situation } else { Situation::Restored };
            assert_eq!(world.ready().1, expected.reason(), "{what}:\n{}", world.trace.join("\n"));
            assert_ne!(world.condition("Approved").unwrap().0, "True", "{what}");

            // The trouble was HeyGen's, or goes on as it was.
            for world in [&mut world, &mut twin] {
                world.heygen.fault = fault.clone().filter(|_| !needs_trouble(situation));
                world.live(TWO_POLLS);
            }
            is_consistent(&world, &what);
            if situation == Situation::TermsChanged {
                // What else was asked for since the backup is not known, and so not for which terms consent was given.
                assert_eq!(json!(world.status().approval.as_ref().unwrap().statement), "Unknown", "{what}");
            } else if is_polled(situation) {
                assert_eq!(believed(&world), believed(&twin), "{what}:\n{}", world.trace.join("\n"));
                assert_eq!(world.heygen.executed(), twin.heygen.executed(), "{what}: asked for it\n{}", world.trace.join("\n"));
            }
        }
    }
}

#[test]
fn an_approval_that_is_forged_in_any_row_is_gone_with_the_next_polls_and_asks_nobody() {
    for &situation in Situation::VARIANTS {
        for is_wordless in [false, true] {
            let what = format!("{situation:?}, over no word: {is_wordless}");
            let (mut world, mut twin) = (object_in(situation, &json!({})), object_in(situation, &json!({})));
            for world in [&mut world, &mut twin] {
                if is_wordless {
                    world.heygen.word = None;
                }
                if needs_trouble(situation) {
                    world.heygen.fault = None;
                }
                world.live(10 * MINUTE);
            }
            world.forge("Approved");
            world.settle_down();
            is_consistent(&world, &what);
            for world in [&mut world, &mut twin] {
                world.live(TWO_POLLS);
            }
            is_consistent(&world, &what);
            if !is_polled(situation) {
                // Without an account that serves it there is no policy that would judge it: then it counts for three days.
                let is_judged = matches!(situation, Situation::Suspended | Situation::Duplicate);
                assert_eq!(world.ready().0 == "True", !is_judged, "{what}:\n{}", world.trace.join("\n"));
                for world in [&mut world, &mut twin] {
                    world.live(74 * HOUR);
                }
                is_consistent(&world, &what);
                assert_ne!(world.ready().0, "True", "{what}:\n{}", world.trace.join("\n"));
                for world in [&mut world, &mut twin] {
                    assert_eq!(world.heygen.calls, 0, "{what}: it is not polled");
                    set(world, situation, false);
                    world.live(TWO_POLLS);
                }
                is_consistent(&world, &what);
            }
            let (mut is, should) = (believed(&world), believed(&twin));
            use Situation as S;
            let reported = shown(world.status()).unwrap();
            let is_said = matches!(reported, S::Revoked | S::Refused | S::Approved | S::Waived | S::TermsChanged);
            if !is_said && !matches!(reported, S::Awaiting | S::LinkExpired | S::Overdue) {
                // These rows leave `Approved` as it was: unknown, since it was doubted.
                assert_ne!(is.2, "True", "{what}");
                is.2.clone_from(&should.2);
            }
            assert_eq!(is, should, "{what}:\n{}", world.trace.join("\n"));
            assert_eq!(world.heygen.executed(), twin.heygen.executed(), "{what}: asked for it");
        }
    }
}

#[test]
fn an_unknown_word_permits_nothing_in_any_row_and_takes_no_approval_back() {
    for &situation in Situation::VARIANTS {
        let mut world = object_in(situation, &json!({}));
        if needs_trouble(situation) {
            world.heygen.fault = None;
            world.live(TWO_POLLS);
        }
        let (approved, executed) = (believed(&world).2, world.heygen.executed());
        world.heygen.word = Some("frozen".into());
        world.heygen.fault = None;
        world.live(TWO_POLLS);
        is_consistent(&world, &format!("{situation:?}"));
        if !is_polled(situation) {
            assert_eq!((shown(world.status()), world.heygen.calls), (Some(situation), 0), "nobody has heard it");
            set(&mut world, situation, false);
            world.live(TWO_POLLS);
            is_consistent(&world, &format!("{situation:?}"));
            assert_eq!(shown(world.status()), Some(Situation::Unrecognized), "{situation:?}");
        }
        assert_ne!(world.ready().0, "True", "{situation:?}:\n{}", world.trace.join("\n"));
        assert_eq!((believed(&world).2, world.heygen.executed()), (approved, executed), "{situation:?}");
    }
}

#[test]
fn a_row_that_is_not_verified_for_three_days_permits_nothing_and_heals_with_the_next_poll() {
    for situation in Situation::VARIANTS.iter().copied().filter(|situation| is_polled(*situation) && !needs_trouble(*situation)) {
        let (mut world, mut twin) = (object_in(situation, &json!({})), object_in(situation, &json!({})));
        let fault = world.heygen.fault.clone();
        is_down(&mut world);
        for world in [&mut world, &mut twin] {
            world.live(74 * HOUR);
        }
        is_consistent(&world, &format!("{situation:?}"));
        assert_ne!(world.ready().0, "True", "{situation:?}");
        world.heygen.fault = fault;
        for world in [&mut world, &mut twin] {
            world.live(TWO_POLLS);
        }
        assert_eq!(believed(&world), believed(&twin), "{situation:?}:\n{}", world.trace.join("\n"));
        assert_eq!(world.heygen.executed(), twin.heygen.executed(), "{situation:?}: asked for it");
    }
}

/// Nothing is said of consent in these rows before any poll, and nothing else changes by time.
#[test]
fn a_row_that_is_not_polled_says_the_same_for_three_days_and_heals_when_it_is() {
    for situation in OBSTACLES {
        let mut world = object_in(situation, &json!({}));
        let (before, writes) = (believed(&world), world.writes);
        assert_ne!(before.0, "True", "{situation:?}");
        world.live(74 * HOUR);
        assert_eq!((believed(&world), world.writes, world.heygen.calls), (before, writes, 0), "{situation:?}");
        set(&mut world, situation, false);
        world.live(TWO_POLLS);
        is_consistent(&world, &format!("{situation:?}"));
        assert_eq!((world.ready().1, world.heygen.executed()), ("AwaitingApproval", 1), "{situation:?}:\n{}", world.trace.join("\n"));
    }
}

#[test]
fn a_row_that_is_not_polled_any_more_permits_nothing_after_three_days_and_heals_when_it_is_again_and_asks_nobody() {
    for situation in Situation::VARIANTS.iter().copied().filter(|situation| is_polled(*situation) && !needs_trouble(*situation)) {
        let mut twin = object_in(situation, &json!({}));
        twin.live(74 * HOUR + TWO_POLLS);
        for obstacle in OBSTACLES {
            for is_restarted in [false, true] {
                let what = format!("{situation:?}, then {obstacle:?}, restarted: {is_restarted}");
                let mut world = object_in(situation, &json!({}));
                set(&mut world, obstacle, true);
                world.settle_down();
                is_consistent(&world, &what);
                if is_restarted {
                    world.crash(0);
                }
                let calls = world.heygen.calls;
                world.live(74 * HOUR);
                is_consistent(&world, &what);
                assert_ne!(world.ready().0, "True", "{what}:\n{}", world.trace.join("\n"));
                assert_eq!(world.heygen.calls, calls, "{what}: it is not polled");
                set(&mut world, obstacle, false);
                world.live(TWO_POLLS);
                is_consistent(&world, &what);
                assert_eq!(believed(&world), believed(&twin), "{what}:\n{}", world.trace.join("\n"));
                assert_eq!(world.heygen.executed(), twin.heygen.executed(), "{what}: asked for it\n{}", world.trace.join("\n"));
            }
        }
    }
}

/// The whole cluster is set back to any row, from where it has come to since, with the operator running on or starting anew.
#[test]
fn a_backup_of_any_row_that_comes_back_leads_to_what_heygen_says_and_asks_nobody_twice() {
    for &situation in Situation::VARIANTS {
        for word in ["approved", "rejected", "pending"] {
            for is_restarted in [false, true] {
                let what = format!("{situation:?}, then {word}, restarted: {is_restarted}");
                let mut world = object_in(situation, &json!({}));
                if needs_trouble(situation) {
                    world.heygen.fault = None;
                }
                let backup = world.object.clone();
                world.heygen.word = Some(word.into());
                world.live(TWO_POLLS);
                let (before, executed, at) = (believed(&world), world.heygen.executed(), world.now);
                world.roll_back(backup);
                // A replica that learns that the history has changed remembers nothing of the other one.
                let reread_at = twinconsent_core::consent::polling::add(world.now, secs(1));
                world.replicas[0].memory = std::mem::take(&mut world.replicas[0].memory).in_another_history(reread_at);
                if is_restarted {
                    world.crash(0);
                }
                world.live(TWO_POLLS);
                is_consistent(&world, &what);
                let revoked = before.1 == "ConsentRevoked";
                if is_polled(situation) && !revoked {
                    assert_eq!(believed(&world).2, before.2, "{what}:\n{}", world.trace.join("\n"));
                }
                let surplus: Vec<Timestamp> =
                    world.heygen.posts.iter().filter(|post| post.executed && post.at > at).map(|post| post.at).collect();
                let may_ask = word == "pending" && executed == 0;
                assert!(surplus.is_empty() || may_ask, "{what}: asked at {surplus:?}\n{}", world.trace.join("\n"));
            }
        }
    }
}

/// What HeyGen says at first, and then.
const WORDS: [(&str, &str); 5] =
    [("approved", "approved"), ("approved", "frozen"), ("approved", "pending"), ("rejected", "rejected"), ("frozen", "frozen")];

#[test]
fn what_is_known_of_consent_outlasts_a_reason_of_ready_that_hides_it() {
    for (first, then) in WORDS {
        for &hiding in Situation::VARIANTS {
            let what = format!("{first}, then {then}, hidden by {hiding:?}");
            let [mut world, mut twin] = [(); 2].map(|()| {
                let mut world = World::new(json!({}), Model::saying(Some(first)));
                world.live(HOUR);
                world.heygen.word = Some(then.to_owned());
                world.live(TWO_POLLS);
                world
            });
            let conditions = &mut world.object.status.as_mut().unwrap().conditions;
            let ready = conditions.iter_mut().find(|condition| condition.type_ == "Ready").unwrap();
            hiding.reason().clone_into(&mut ready.reason);
            for world in [&mut world, &mut twin] {
                world.crash(0);
                world.live(TWO_POLLS);
            }
            assert_eq!(believed(&world), believed(&twin), "{what}:\n{}", world.trace.join("\n"));
            assert_eq!(world.heygen.executed(), twin.heygen.executed(), "{what}: asked for it");
            let counted = |world: &World| world.notices.iter().filter(|notice| !matches!(notice, Notice::Event(_))).count();
            assert_eq!(counted(&world), counted(&twin), "{what}: counted twice\n{}", world.trace.join("\n"));
        }
    }
}
