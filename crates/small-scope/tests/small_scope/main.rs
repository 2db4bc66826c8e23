//! The pure core in every state that can be reached within a small scope: two replicas, stale copies, a crash before and after each
//! effect, lost and late answers, the end of HeyGen's replay window, a raised epoch, a re-creation, a backup that comes back, a forged or
//! brought status, a changed policy, writes that are refused, two objects that want the same group.
//!
//! The steps are those of the real functions; what happens between them is chosen in every possible way, as often as a scope allows.
//! Times are numbers, so that nothing is waited for and every run is the same.
//! From every state the calm is tried as well: nothing disturbs any more, and what the promises say must come true.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod canonical;
mod events;
mod explore;
mod heygen;
mod owners;
mod planted;
mod promises;
mod record;
mod scopes;
mod shell;
mod trail;
mod world;

use std::io::Write as _;
use std::time::Instant;

use explore::{Found, explore};

/// As many as are known to be within the scopes: were there fewer, states would be taken for the same that are not, or a kind of event
/// would not happen any more.
const LEAST_STATES: usize = 669_000;

/// A whole number from the environment.
fn number(name: &str) -> Option<u8> {
    std::env::var(name).ok()?.parse().ok()
}

/// Tells what was seen, also when the test passes.
fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

#[test]
fn every_state_within_the_scopes_keeps_the_promises() {
    let only = std::env::var("TWINCONSENT_SCOPE").ok();
    let more = number("TWINCONSENT_SCOPE_MORE").unwrap_or(0);
    let faults = number("TWINCONSENT_SCOPE_FAULTS").unwrap_or(1).into();
    let began = Instant::now();
    let mut scopes = scopes::all();
    scopes.retain(|scope| only.as_deref().is_none_or(|only| only == scope.name));
    for scope in &mut scopes {
        scope.disturbances += more;
    }
    let found: Vec<(&str, Found)> = std::thread::scope(|threads| {
        let running: Vec<_> = scopes
            .iter()
            .map(|scope| {
                threads.spawn(move || {
                    let found = explore(scope, faults);
                    tell(&format!("{}: {} states, {} steps between them", scope.name, found.states, found.ways));
                    (scope.name, found)
                })
            })
            .collect();
        running.into_iter().map(|running| running.join().unwrap()).collect()
    });
    let states: usize = found.iter().map(|(_, found)| found.states).sum();
    tell(&format!("{states} states in {} s", began.elapsed().as_secs()));
    let broken: Vec<String> = found
        .iter()
        .flat_map(|(name, found)| {
            found.broken.iter().map(move |broken| format!("{name}: {} by {:?}\n{}", broken.promise, broken.kinds, broken.trace))
        })
        .collect();
    assert!(broken.is_empty(), "{}", broken.join("\n\n"));
    assert!(states >= LEAST_STATES || only.is_some(), "only {states} states");
}

#[test]
fn a_fault_that_is_planted_in_a_promise_is_found() {
    for (fault, name, promise) in planted::ALL {
        let mut scope = scopes::all().into_iter().find(|scope| scope.name == *name).unwrap();
        scope.planted = Some(*fault);
        let found = explore(&scope, 1);
        let broken = found.broken.first().unwrap_or_else(|| panic!("{fault:?} was not found in {} states", found.states));
        tell(&format!("{fault:?}: found after {} states: {}", found.states, broken.promise));
        assert!(broken.promise.starts_with(promise), "{fault:?}: {}\n{}", broken.promise, broken.trace);
    }
}
