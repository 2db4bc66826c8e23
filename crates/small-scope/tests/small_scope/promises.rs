//! What must hold: of every status that is written, of every state, and of what every state leads to when nothing disturbs any more.

use std::collections::HashSet;

use twinconsent_core::api::consent::{DigitalTwinConsent, DigitalTwinConsentStatus, Initiate, Statement};
use twinconsent_core::consent::policy::{Meaning, Rules};
use twinconsent_core::consent::terms::Terms;

use crate::canonical::{Key, form};
use crate::events::Kind;
use crate::record;
use crate::shell::{self, Fate};
use crate::world::{Entry, Object, World, condition, policies, request};

/// How many steps the objects may take at one instant.
const MOST_STEPS: u32 = 40;

/// How many instants it may take until nothing changes any more.
const MOST_INSTANTS: u32 = 80;

/// How many instants in a row without a write and without anything under way count as quiet: two polls take an approval back.
const QUIET: u32 = 3;

/// What is awaited for longer than this, in seconds, may be awaited for good.
const SOON: i64 = 200;

/// How often, in seconds, a group is polled whose object has settled, at most: the account's interval is a minute.
const SOONEST: i64 = 50;

/// Longer than it takes, in seconds, until a link that has gone from its Secret is missed.
const LINK_CHECK: i64 = 620;

/// How many calls a trouble that lasts may cost in two hours.
///
/// What is no trouble goes on at its pace beside it, once a minute.
const MOST_CALLS_IN_TROUBLE: u32 = 140;

/// How often a status that is refused may be written in two hours: with pauses that double from a second it is a dozen times.
const MOST_REFUSED_IN_TROUBLE: u32 = 24;

fn holds(status: &DigitalTwinConsentStatus, type_: &str) -> bool {
    status.conditions.iter().any(|condition| condition.type_ == type_ && condition.status == "True")
}

/// What holds of every status that a replica writes.
///
/// Judged by the policy of when the step was decided: a change in between is taken up by the next step.
pub fn check_write(world: &mut World, replica: usize, place: usize, object: &Object, status: &DigitalTwinConsentStatus, rules: &Rules) {
    if holds(status, "Stalled") && holds(status, "Reconciling") {
        world.breaks("a status that is Stalled and Reconciling".into());
    }
    // Promise 3: only a word that was read, and is known, makes or breaks an approval.
    let before = object.status.as_ref().is_some_and(|status| holds(status, "Approved"));
    let now = world.now;
    let entry = world.replicas[replica].entries[place].as_ref().unwrap();
    let (read, withdrawing_since) = (entry.read, entry.withdrawing_since);
    let meaning = read.map(|(_, word)| rules.policy.read(word));
    let after = status.conditions.iter().find(|condition| condition.type_ == "Approved").map_or("", |condition| &condition.status);
    match (before, after) {
        (false, "True") if !world.known[place].is_given(object, rules) => {
            world.breaks(format!("promise 3: approved by {read:?}"));
        }
        // `Unknown` is what becomes of one that was forged, or was brought, or is none by the policy as it is.
        (true, "False" | "") => {
            let confirmed = withdrawing_since.is_some_and(|since| now - since >= 60);
            if !matches!(meaning, Some(Meaning::Refused | Meaning::Pending | Meaning::Expired)) || !confirmed {
                world.breaks(format!("promise 3: taken back by {read:?}, so since {withdrawing_since:?}, at {now}"));
            }
        }
        _ => {}
    }
    check_statement(world, place, object, status);
}

/// Promise 7: an approval names a statement only where the person can have seen no other.
fn check_statement(world: &mut World, place: usize, object: &Object, status: &DigitalTwinConsentStatus) {
    let before = object.status.as_ref().and_then(|status| status.approval.as_ref());
    let Some(approval) = status.approval.as_ref().filter(|approval| Some(*approval) != before) else { return };
    let seen = &world.known[place].seen;
    if let Some(named) = approval.statement_digest.as_deref()
        && seen.iter().any(|seen| **seen != *named)
    {
        world.breaks(format!("promise 7: the approval names {named}, and the person may have seen one of {seen:?}"));
    }
}

/// What holds of every state.
pub fn check_state(world: &mut World) {
    for place in 0..world.kube.len() {
        let uid = world.kube[place].as_ref().and_then(|object| object.metadata.uid.clone()).unwrap_or_default();
        let in_status = world.kube[place].as_ref().and_then(|object| object.status.as_ref()?.url.clone());
        for link in in_status.into_iter().chain(world.secrets[place].link.clone()) {
            if let Some(statement) = world.heygen.statement_of(&link, &uid)
                && !world.known[place].seen.contains(&statement)
            {
                world.known[place].seen.push(statement);
            }
        }
        let Some(object) = world.kube[place].clone() else { continue };
        check_permitted(world, &object);
        check_terms_changed(world, place, &object);
        let known = &world.known[place];
        // A status that was written for another object permits nothing until HeyGen was polled; replicas that are about to say so may.
        let rests = world.replicas.iter().any(|replica| {
            let entry = replica.entries[place].as_ref();
            entry.is_some_and(|entry| std::sync::Arc::ptr_eq(&entry.copy, &object) && !entry.woken && entry.in_hand.is_none())
        });
        if known.is_brought && !known.is_read(&object) && rests && record::is_ready(&object) {
            world.breaks("promise 3: a status that was written for another object is believed".into());
        }
        // Nor is it ever said to be this object's own.
        let known = &world.known[place];
        let claims = |status: &DigitalTwinConsentStatus| status.object_uid == object.metadata.uid && holds(status, "Approved");
        // The policy may be another one by now than that by which it was written.
        let is_given = || policies().iter().any(|rules| known.is_given(&object, rules));
        let is_forged = world.used[Kind::Forge as usize] > 0;
        if known.is_brought && !is_forged && object.status.as_ref().is_some_and(claims) && !is_given() {
            world.breaks("promise 3: an approval that was brought is claimed as the object's own".into());
        }
        let link = object.status.as_ref().and_then(|status| status.url.as_deref());
        if let Some(of) = link.and_then(|link| world.heygen.place_of(link))
            && of != place
        {
            world.breaks("a link crosses a namespace".into());
        }
    }
}

/// Promise 7: other terms are told of only where no link of this object can have shown the person those of the spec.
fn check_terms_changed(world: &mut World, place: usize, object: &Object) {
    let observed = object.status.as_ref().and_then(|status| status.observed_generation);
    let asked = Terms::of_spec(&object.spec).statement_digest;
    if observed == object.metadata.generation
        && condition(object, "Ready").1 == "TermsChanged"
        && world.known[place].seen.iter().any(|seen| **seen == *asked)
    {
        world.breaks(format!("promise 7: the terms count as changed, and the person may have seen {asked}"));
    }
}

/// Promise 7: what a status permits for the spec and the time as they are told, it permits rightly.
fn check_permitted(world: &mut World, object: &Object) {
    let Some(status) = &object.status else { return };
    let spec = &object.spec;
    // As it is checked before a twin is used: a status of another object, or of another spec, permits nothing.
    let is_its_own = status.object_uid == object.metadata.uid && status.observed_generation == object.metadata.generation;
    if !is_its_own || !holds(status, "Permitted") {
        return;
    }
    let texts = status.approval.as_ref().filter(|_| holds(status, "Approved")).map(|approval| approval.statement);
    let is_other = match texts {
        Some(Statement::HeyGenDefault) => spec.consent_text.is_some(),
        Some(Statement::ConsentText) => spec.consent_text.is_none(),
        _ => false,
    };
    // What was asked for after the approval may have been consented to as well: HeyGen's word is the same.
    let asked = status.asked_terms.as_ref().is_some_and(|asked| asked.digests.contains(&Terms::of_spec(spec).digest()));
    let is_other = is_other && !asked;
    if spec.withdrawal.is_some() || spec.valid_until.is_some() || is_other {
        world.breaks(format!("promise 7: permitted, though withdrawn, lapsed or for other terms: {spec:?}, {:?}", status.approval));
    }
}

/// Lets `survivor` go on alone, with nothing in its way, until nothing changes any more. `fine` are the states that are known to end well.
pub fn calm(world: &World, survivor: usize, fine: &mut HashSet<Key>) -> Result<(), String> {
    calm_with(&mut world.clone(), survivor, fine)
}

/// The same, with the world that is had.
pub fn calm_with(world: &mut World, survivor: usize, fine: &mut HashSet<Key>) -> Result<(), String> {
    is_alone(world, survivor);
    world.refuses_writes = false;
    for secret in &mut world.secrets {
        (secret.foreign, secret.unwritable) = (false, false);
    }
    let mut chain = Vec::new();
    let (mut quiet, mut settled) = (0, (world.now, world.counted.calls));
    // Whether a link still stands in its Secret is seen every ten minutes.
    let keeps_secret = world.kube.iter().flatten().any(|object| object.spec.link_secret_ref.is_some());
    let least = if keeps_secret { world.now + LINK_CHECK } else { world.now };
    for _ in 0..MOST_INSTANTS {
        let key = form(world, false);
        if fine.contains(&key) {
            fine.extend(chain);
            return Ok(());
        }
        chain.push(key);
        let writes = world.counted.writes;
        instant(world)?;
        let next = world.next_due();
        // What is looked into again only after a long time, or never, is under way for good.
        let is_soon = |due: i64| due - world.now < SOON;
        let is_busy = |entry: &Entry| !entry.memory.is_quiet() && entry.next_due(world.now).is_some_and(is_soon);
        let served = world.replicas[0].entries.iter().zip(&world.served).filter(|(_, served)| **served);
        let are_busy = served.filter_map(|(entry, _)| entry.as_ref()).any(is_busy);
        quiet = if world.counted.writes > writes || are_busy { 0 } else { quiet + 1 };
        if quiet <= 1 {
            settled = (world.now, world.counted.calls);
        }
        if (quiet >= QUIET && world.now >= least) || next.is_none() {
            ends_well(world)?;
            let (passed, calls) = (world.now - settled.0, world.counted.calls - settled.1);
            if i64::from(calls) > 1 + passed / SOONEST {
                return Err(format!("promise 6: what has settled costs {calls} calls in {passed} s"));
            }
            fine.extend(chain);
            return Ok(());
        }
        world.advance(next.unwrap_or(world.now));
    }
    Err("promise 6: nothing settles".into())
}

/// Lets `survivor` go on alone while what is in its way stays, for two hours: it costs few calls.
pub fn trouble(world: &World, survivor: usize) -> Result<(), String> {
    trouble_with(&mut world.clone(), survivor)
}

/// The same, with the world that is had.
pub fn trouble_with(world: &mut World, survivor: usize) -> Result<(), String> {
    is_alone(world, survivor);
    let (end, calls, refused) = (world.now + 2 * 3600, world.counted.calls, world.counted.refused);
    loop {
        instant(world)?;
        if world.counted.calls - calls > MOST_CALLS_IN_TROUBLE * u32::try_from(world.kube.len()).unwrap_or(1) {
            let (calls, posts, after) = (world.counted.calls - calls, world.counted.posts, world.now + 2 * 3600 - end);
            return Err(format!("promise 6: trouble that lasts costs {calls} calls in {after} s, {posts} requests since the start"));
        }
        if world.counted.refused - refused > MOST_REFUSED_IN_TROUBLE {
            return Err(format!("promise 6: a status that is refused is written {MOST_REFUSED_IN_TROUBLE} times in two hours, and again"));
        }
        match world.next_due() {
            Some(next) if next <= end => world.advance(next),
            _ => return Ok(()),
        }
    }
}

fn is_alone(world: &mut World, survivor: usize) {
    let survivor = survivor.min(world.replicas.len() - 1);
    world.replicas.swap(0, survivor);
    world.replicas.truncate(1);
}

/// Does everything that is to be done now.
pub fn instant(world: &mut World) -> Result<(), String> {
    let steps = world.counted.steps;
    loop {
        let mut has_rested = true;
        if shell::can_continue(world, 0) {
            shell::show(world, 0);
        }
        for place in 0..world.kube.len() {
            if shell::can_finish(world, 0, place) {
                record::finish(world, 0, place);
            } else if shell::can_begin(world, 0, place) {
                shell::begin(world, 0, place, Fate::Answered);
            } else if shell::can_poll_by_list(world, 0, place) {
                shell::poll_by_list(world, 0, place, false);
            } else {
                continue;
            }
            has_rested = false;
        }
        if world.counted.steps - steps > MOST_STEPS {
            return Err("promise 6: a hot loop".into());
        }
        check_state(world);
        if let Some(broken) = &world.broken {
            return Err(broken.clone());
        }
        if has_rested && !shell::can_continue(world, 0) {
            return Ok(());
        }
    }
}

/// Whether no request may be made, whatever HeyGen says.
pub fn is_barred(object: &Object) -> bool {
    let spec = &object.spec;
    spec.withdrawal.is_some() || spec.valid_until.is_some() || spec.initiate == Some(Initiate::Never)
}

/// What must be the case at last.
fn ends_well(world: &World) -> Result<(), String> {
    let lives = |object: &DigitalTwinConsent| object.metadata.deletion_timestamp.is_none();
    let objects: Vec<(usize, &Object)> =
        world.kube.iter().enumerate().filter_map(|(place, object)| Some((place, object.as_ref()?))).collect();
    let may_ask =
        |place: usize, object: &Object| lives(object) && world.served[place] && !object.spec.suspend.unwrap_or(false) && !is_barred(object);
    let is_duplicate = |object: &Object| condition(object, "Ready").1 == "DuplicateAvatarGroup";
    // An owner that has asked keeps the group, unless it is being deleted or no longer served.
    let has_asked = |object: &Object| object.status.as_ref().is_some_and(|status| status.initiation.is_some());
    let keeps = objects.iter().any(|(place, object)| lives(object) && world.served[*place] && has_asked(object) && !is_duplicate(object));
    let mut askers = objects.iter().filter(|(place, object)| may_ask(*place, object)).peekable();
    if askers.peek().is_some() && askers.all(|(_, object)| is_duplicate(object)) && !keeps {
        return Err("ownership: nobody owns the group of those who may ask".into());
    }
    for (place, object) in objects {
        if may_ask(place, object) && !is_duplicate(object) {
            object_ends_well(world, place, object)?;
        }
    }
    Ok(())
}

fn object_ends_well(world: &World, place: usize, object: &Object) -> Result<(), String> {
    let status = object.status.as_ref().ok_or("no status")?;
    let (ready, reason) = condition(object, "Ready");
    let (approved, _) = condition(object, "Approved");
    let meaning = world.meaning();
    let known = &world.known[place];
    // Promise 3.
    let believed = match meaning {
        Meaning::Granted | Meaning::Waived => true,
        Meaning::Refused | Meaning::Pending | Meaning::Expired => false,
        // No word and an unknown one change nothing, as long as the word of before still means consent.
        Meaning::Absent | Meaning::Unknown => {
            let given = known.is_given(object, &world.rules());
            if approved == "True" && !given {
                return Err(format!("promise 3: Approved=True over {:?}, after {:?}", world.heygen.word, known.read));
            }
            approved == "True"
        }
    };
    if (approved == "True") != believed {
        return Err(format!("promise 3: Approved={approved} while HeyGen's word {:?} means {meaning:?}", world.heygen.word));
    }
    if believed && meaning != Meaning::Absent && meaning != Meaning::Unknown && ready != "True" && reason != "TermsChanged" {
        return Err(format!("promise 3: Ready={ready}/{reason} while HeyGen's word means {meaning:?}"));
    }
    let is_known = matches!(meaning, Meaning::Granted | Meaning::Waived | Meaning::Absent) && approved == "True";
    let is_for_having_asked = object.spec.ready_when.is_some() && holds(status, "Initiated") && !holds(status, "Stalled");
    if ready == "True" && !is_known && !is_for_having_asked {
        return Err(format!("promise 3: Ready=True/{reason} while HeyGen's word {:?} means {meaning:?}", world.heygen.word));
    }
    let (permitted, _) = condition(object, "Permitted");
    if permitted == "True" && !is_known {
        return Err(format!("promise 3: Permitted=True/{reason} while HeyGen's word {:?} means {meaning:?}", world.heygen.word));
    }
    // Promise 2, and that a person who is to be asked is asked.
    let asked = status.initiation.as_ref().map(|initiation| initiation.epoch);
    let answered = asked.max(status.history.last().map(|entry| entry.request_epoch));
    let epoch = object.spec.request_epoch.unwrap_or(0);
    let is_held = matches!(reason, "ConsentRevoked" | "ConsentRefused") && answered.is_some_and(|answered| answered >= epoch);
    let waits = matches!(meaning, Meaning::Pending | Meaning::Expired) || (meaning == Meaning::Absent && approved != "True");
    // HeyGen refused this very request for good: consent was begun elsewhere.
    let begun = status.already_begun.as_ref().is_some_and(|begun| begun.idempotency_key == request(object).idempotency_key);
    if waits && begun && (reason != "ConsentAlreadyBegun" || ready != "False" || !holds(status, "Stalled")) {
        return Err(format!("HeyGen gives no link, and it is not told: Ready={ready}/{reason}"));
    }
    if waits && !is_held && !begun {
        if status.initiation.as_ref().is_none_or(|initiation| initiation.idempotency_key != request(object).idempotency_key) {
            return Err(format!("promise 2: never asked for epoch {epoch}: Ready={ready}/{reason}"));
        }
        let shown = if object.spec.link_secret_ref.is_some() { &world.secrets[place].link } else { &status.url };
        // A backup may bring back a request whose link has died since, as is told, while another object has asked the same anew.
        let is_said_to_be_dead = condition(object, "LinkExpired").0 == "True";
        if let Some(held) = world.link_held(place)
            && shown.as_ref() != Some(&held)
            && !is_said_to_be_dead
        {
            return Err(format!("promise 2: HeyGen holds {held}, shown is {shown:?}"));
        }
    }
    if status.observed_generation != object.metadata.generation {
        return Err("promise 6: the spec as it is was never told as observed".into());
    }
    Ok(())
}
