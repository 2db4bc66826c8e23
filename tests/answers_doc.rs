//! `docs/answers.md` is generated here and compared: how HeyGen's answers are understood comes from the client, and what they end in from
//! the pure core, which lives with each answer for a while.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]
#![allow(clippy::needless_pass_by_value, reason = "a test reads better without the ampersands")]
#![allow(dead_code, reason = "the driver of the core's tests can do more than is needed here")]

#[path = "answers_doc/answers.rs"]
mod answers;
#[path = "core/driver.rs"]
mod driver;
#[path = "core/model.rs"]
mod model;
#[path = "answers_doc/notes.rs"]
mod notes;
#[path = "heygen_wire/server.rs"]
mod server;

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use twinconsent::runtime::accounts::condition::reading;
use twinconsent_core::consent::apply::Notice;
use twinconsent_core::consent::outcome::{LookType, Outcome, Trouble};
use twinconsent_core::consent::step::AccountFact;
use twinconsent_core::schedule::{Budget, Schedule};

use crate::answers::{Answer, answers};
use crate::driver::{HOUR, MINUTE, Progress, World, at};
use crate::model::{Fault, Model};

/// Long enough for everything that takes several answers, or ten minutes without one.
const HALF_AN_HOUR: u64 = 30 * MINUTE;

const HEAD: &str = "\
# What HeyGen can answer, and what comes of it

<!-- Generated from tests/answers_doc/, crates/core/src/heygen/classify.rs and the core by `make generate`. Do not edit. -->

Reasons are those of `Ready`: of the consent (see [the conditions](conditions.md)) or, where the answer concerns the account, of the [account](heygenaccount.md).
The message of each reason stands in the table of the conditions; those of `InvalidRequest` and `NotEntitled` name HeyGen's code besides.

## Errors

Classes: **R** the call is repeated with growing pauses; **A** it is repeated after a wait; **U** a user or an administrator has to act; **C** the request is wrong as it stands.

Codes count in upper and in lower case.
A code with another status than its own goes by the status, unless the code asks for patience (R, A) and the status does not forbid it.
An `error` in a success counts like the answer that it describes, but for the lines below.
`Retry-After` is honoured, in seconds or as a date, up to an hour; a 5xx that has it closes the account for that time.
Where the class is one thing and the end another (409 with another code, `asset_not_found`, `content_policy_violation`, `security code already binded`), `crates/core/src/heygen/classify.rs` says why.

| HeyGen says | HTTP | class | concerns | a poll, nobody asked yet | a poll, after the request | the request |
|---|---|---|---|---|---|---|
";

const BETWEEN: &str = "
\"Unchanged\" means that the consent keeps its conditions, its link and its times, and that nothing is written.
A consent that HeyGen refuses is asked for again from time to time, under the same key: what was mended at HeyGen heals without a touch.
Not so after `ConsentAlreadyBegun`: only a higher `requestEpoch` asks once more, and the group is polled on, so that consent given elsewhere is seen.
A pause of less than half a minute is not told in the account's condition.

## Words and states

What HeyGen shows of a group, under the default `consentPolicy`.

| HeyGen shows | nobody asked yet | after the request | after an approval |
|---|---|---|---|
";

const FOOT: &str = "
\"Asks\" means that HeyGen is asked for consent, once; \"as before\" that only HeyGen's word and the facts about the group are written.
An approval is taken back by two polls at least a minute apart, and a group is missing after two polls at least two minutes apart.
Webhooks are not listened to: none tells of consent.
";

fn page() -> String {
    let mut page = HEAD.to_owned();
    for answer in tokio::runtime::Runtime::new().unwrap().block_on(answers()) {
        let Answer { says, http, letter, at_a_poll, at_a_request } = answer;
        let trouble = at_a_poll.as_ref().or(at_a_request.as_ref()).unwrap();
        let cells = [
            says,
            http,
            letter.to_string(),
            concerns(trouble),
            at_a_poll.as_ref().map_or_else(none, poll_of_a_new_one),
            at_a_poll.as_ref().map_or_else(none, poll_after_the_request),
            at_a_request.as_ref().map_or_else(none, request),
        ];
        writeln!(page, "| {} |", cells.join(" | ")).unwrap();
    }
    page.push_str(BETWEEN);
    for (shown, state) in states() {
        let cells = [shown.to_owned(), new(&state), asked(&state), approved(&state)];
        writeln!(page, "| {} |", cells.join(" | ")).unwrap();
    }
    page + FOOT
}

fn none() -> String {
    "–".to_owned()
}

/// What the circuit breaker of an account makes of the answer, once and five times.
fn concerns(trouble: &Trouble) -> String {
    let now = at(100);
    let (mut schedule, budget) = (Schedule::default(), Arc::new(Budget::new(6000, 100, at(0))));
    let answered = Outcome::Trouble(trouble.clone());
    let reported = |budget: &Budget| budget.closure().map(|closure| reading(closure.class, None).0.word());
    schedule.learn(&budget, &answered, now);
    if let Some(reason) = reported(&budget) {
        return format!("the account: `{reason}`");
    }
    if trouble.class.calls_for_a_probe() {
        return format!("the consent; the account, if the probe is refused as well: `{}`", reading(trouble.class, None).0.word());
    }
    for _ in 0..4 {
        schedule.learn(&budget, &answered, now);
    }
    reported(&budget).map_or_else(|| "the consent".to_owned(), |reason| format!("the consent; after five in a row the account: `{reason}`"))
}

/// The account as its consents see it after the answer: a circuit breaker that only a probe closes makes it unusable.
fn live_with(world: &mut World, fault: Fault, trouble: &Trouble) {
    let (mut schedule, budget) = (Schedule::default(), Arc::new(Budget::new(6000, 100, at(0))));
    schedule.learn(&budget, &Outcome::Trouble(trouble.clone()), at(100));
    world.heygen.fault = Some(fault);
    let shut = budget.closure().is_some_and(|closure| closure.until.is_none());
    if shut {
        // First the answer is met, then the account is told.
        let met = |world: &World| world.trace.iter().any(|line| line.ends_with(&format!("→ {:?}", trouble.class)));
        while !met(world) && world.begin(0) == Progress::Going {
            world.finish(0);
        }
        world.account = Some(AccountFact::NotReady("x".to_owned()));
    }
    world.live(HALF_AN_HOUR);
}

fn poll_of_a_new_one(trouble: &Trouble) -> String {
    let mut world = World::new(json!({}), Model::saying(Some("pending")));
    live_with(&mut world, Fault::Trouble(trouble.clone()), trouble);
    assert_eq!(world.heygen.posts.len(), 0, "asked without a poll");
    reported(&world, None)
}

fn poll_after_the_request(trouble: &Trouble) -> String {
    let mut world = awaiting();
    live_with(&mut world, Fault::Trouble(trouble.clone()), trouble);
    assert_eq!(world.heygen.posts.len(), 1, "asked again after {trouble:?}");
    reported(&world, Some("AwaitingApproval"))
}

fn request(trouble: &Trouble) -> String {
    let mut world = World::new(json!({}), Model::saying(Some("pending")));
    live_with(&mut world, Fault::Request(trouble.clone()), trouble);
    reported(&world, None)
}

/// A consent whose person has been asked.
fn awaiting() -> World {
    let mut world = World::new(json!({}), Model::saying(Some("pending")));
    world.live(5);
    assert_eq!(world.ready().1, "AwaitingApproval");
    world.trace.clear();
    world
}

/// The reasons that `Ready` was told after `before`, in order, and whether an event tells that an answer is overdue.
fn reported(world: &World, before: Option<&str>) -> String {
    let mut reasons: Vec<&str> =
        world.trace.iter().filter_map(|line| line.split("write Ready=").nth(1)?.split([' ', '/']).nth(1)).collect();
    reasons.dedup();
    let mut reported = match reasons.as_slice() {
        [] => "unchanged".to_owned(),
        [reason] if Some(*reason) == before => "as before".to_owned(),
        reasons => reasons.iter().map(|reason| format!("`{reason}`")).collect::<Vec<_>>().join(", then "),
    };
    let overdue = |notice: &Notice| matches!(notice, Notice::Event(report) if report.reason() == "RequestUnanswered");
    if world.notices.iter().any(overdue) {
        reported.push_str("; after 10 minutes the event `RequestUnanswered`");
    }
    reported
}

/// What HeyGen may show of a group.
struct State {
    word: Option<&'static str>,
    training: Option<&'static str>,
    looks: Vec<LookType>,
    missing: bool,
    hours: u64,
}

fn states() -> Vec<(&'static str, State)> {
    let says = |word| State { word, training: None, looks: vec![LookType::DigitalTwin], missing: false, hours: 13 };
    vec![
        ("`pending`", says(Some("pending"))),
        ("`pending`, for longer than a link lives", State { hours: 25, ..says(Some("pending")) }),
        ("`approved`", says(Some("approved"))),
        ("`accepted`", says(Some("accepted"))),
        ("`rejected`", says(Some("rejected"))),
        ("`declined`", says(Some("declined"))),
        ("`expired`", says(Some("expired"))),
        ("`validated`, `skipped`, `completed`, `granted` or any other word", says(Some("validated"))),
        ("no word, for a digital twin", says(None)),
        (
            "no word, and every look of the group is one of a photo or prompt avatar",
            State { looks: vec![LookType::PhotoAvatar], ..says(None) },
        ),
        ("no word, and no look of the group or one of an unknown type", State { looks: vec![LookType::Other], ..says(None) }),
        ("training `failed`, consent `pending`", State { training: Some("failed"), ..says(Some("pending")) }),
        ("training `completed`, consent `pending`", State { training: Some("completed"), ..says(Some("pending")) }),
        ("404: the group was deleted, or is not there yet", State { missing: true, ..says(None) }),
    ]
}

fn show(world: &mut World, state: &State) {
    world.heygen.word = state.word.map(str::to_owned);
    world.heygen.training = state.training.map(str::to_owned);
    world.heygen.looks.clone_from(&state.looks);
    world.heygen.missing = state.missing;
}

fn new(state: &State) -> String {
    let mut world = World::new(json!({}), Model::saying(None));
    show(&mut world, state);
    world.live(state.hours * HOUR);
    let asks = if world.heygen.executed() > 0 { "asks: " } else { "" };
    asks.to_owned() + &reported(&world, None)
}

fn asked(state: &State) -> String {
    let mut world = awaiting();
    show(&mut world, state);
    world.live(state.hours * HOUR);
    assert_eq!(world.heygen.executed(), 1, "asked again");
    reported(&world, Some("AwaitingApproval"))
}

fn approved(state: &State) -> String {
    let mut world = awaiting();
    world.heygen.word = Some("approved".to_owned());
    world.live(10 * MINUTE);
    assert_eq!(world.ready().1, "Approved");
    world.trace.clear();
    show(&mut world, state);
    world.live(state.hours * HOUR);
    assert_eq!(world.heygen.executed(), 1, "asked again");
    reported(&world, Some("Approved"))
}

#[test]
fn the_page_of_answers_is_generated() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/answers.md");
    if std::env::var_os("TWINCONSENT_GENERATE").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page(), "docs/answers.md differs from the code: run `make generate`");
}

#[test]
fn every_cell_stays_one_cell() {
    let page = page();
    let (errors, words) = page.split_once("## Words").unwrap();
    let cells = |table: &str| table.lines().filter(|line| line.starts_with('|')).map(|line| line.matches('|').count()).collect::<Vec<_>>();
    assert!(cells(errors).iter().all(|count| *count == 8) && cells(words).iter().all(|count| *count == 5));
    assert!(cells(errors).len() > 40 && cells(words).len() > 14);
}
