use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::consent::digest::digest;

fn uid(object: usize) -> String {
    format!("00000000-0000-4000-8000-{object:012}")
}

/// A line with the digest that belongs to it.
fn sealed(mut event: Value) -> (String, String) {
    let digest = digest(&event);
    event["digest"] = json!(digest);
    (event.to_string(), digest)
}

/// The line of an event, and its digest.
fn line(object: usize, sequence: i64, previous: Option<&str>, write: &str) -> (String, String) {
    let uid = uid(object);
    let mut data = json!({ "object": { "uid": uid, "resourceVersion": write }, "reason": "Approved", "requestEpoch": 3 });
    if let Some(previous) = previous {
        data["previousDigest"] = json!(previous);
    }
    sealed(json!({ "specversion": "1.0", "id": format!("{uid}/{sequence}"), "type": "t", "data": data }))
}

/// The log of objects that were written in turn; `writes` tells how many events each write has.
fn log(objects: usize, writes: &[usize]) -> (Vec<String>, BTreeMap<String, AuditMark>) {
    let mut lines = Vec::new();
    let mut marks: BTreeMap<String, AuditMark> = BTreeMap::new();
    for (write, events) in writes.iter().enumerate() {
        for object in 0..objects {
            for _ in 0..*events {
                let last = marks.get(&uid(object));
                let sequence = last.map_or(1, |mark| mark.sequence + 1);
                let (line, digest) = line(object, sequence, last.map(|mark| mark.digest.as_str()), &format!("{object}-{write}"));
                lines.push(line);
                marks.insert(uid(object), AuditMark { sequence, digest, ..AuditMark::default() });
            }
        }
    }
    (lines, marks)
}

fn none() -> BTreeMap<String, AuditMark> {
    BTreeMap::new()
}

fn problems(lines: &[String], marks: &BTreeMap<String, AuditMark>) -> Vec<String> {
    verify(lines, marks).problems.iter().map(ToString::to_string).collect()
}

fn unconfirmed(lines: &[String], marks: &BTreeMap<String, AuditMark>) -> Vec<(u64, bool)> {
    verify(lines, marks).unconfirmed.iter().map(|each| (each.line, each.superseded)).collect()
}

#[test]
fn a_plain_log_passes_and_all_but_the_last_write_of_each_object_are_confirmed() {
    let (lines, marks) = log(2, &[1, 2, 2]);
    let verified = verify(&lines, &none());
    assert_eq!((verified.events, verified.objects, verified.problems), (10, 2, vec![]));
    assert_eq!(unconfirmed(&lines, &none()), [(7, false), (8, false), (9, false), (10, false)], "the two events of the last write of each");
    assert_eq!(verify(&lines, &marks).unconfirmed, []);
    assert_eq!(problems(&lines, &marks), [""; 0]);
}

#[test]
fn ten_thousand_lines_pass() {
    let (lines, marks) = log(1000, &[2; 5]);
    let expected = Verified { events: 10_000, objects: 1000, ..Verified::default() };
    assert_eq!(verify(&lines, &marks), expected);
}

#[test]
fn empty_lines_say_nothing() {
    let (mut lines, marks) = log(1, &[1, 1]);
    lines.insert(1, " ".to_owned());
    lines.push(String::new());
    assert_eq!(verify(&lines, &marks), Verified { events: 2, objects: 1, ..Verified::default() });
}

#[test]
fn a_line_that_is_none_is_named() {
    let (mut lines, marks) = log(1, &[1]);
    let event: Value = serde_json::from_str(&lines[0]).unwrap();
    let without = |name: &str| {
        let mut event = event.clone();
        event.as_object_mut().unwrap().remove(name);
        event.to_string()
    };
    lines.extend(["a log line".to_owned(), "[]".to_owned(), without("digest"), without("id")]);
    lines.push(lines[0].replacen('{', r#"{"id":"another","#, 1));
    lines.push(sealed(json!({ "id": "x/0" })).0);
    lines.push(sealed(json!({ "id": "x/2", "data": { "previousDigest": "sha256:00" } })).0);
    assert_eq!(
        problems(&lines, &marks),
        [
            "line 2 is not a JSON object, or a name stands in it twice",
            "line 3 is not a JSON object, or a name stands in it twice",
            "line 4 is no audit event: its `digest` is missing or is none",
            "line 5 is no audit event: its `id` is missing or is none",
            "line 6 is not a JSON object, or a name stands in it twice",
            "line 7 is no audit event: its `id` is missing or is none",
            "line 8 is no audit event: its `data.previousDigest` is missing or is none",
        ]
    );
}

#[test]
fn an_altered_line_is_one_problem() {
    let (mut lines, marks) = log(1, &[1, 1, 1]);
    lines[1] = lines[1].replace("Approved", "Refused");
    assert_eq!(problems(&lines, &marks), [format!("line 2 (`{}/2`) was altered: it does not have the digest that it names", uid(0))]);
}

#[test]
fn a_line_that_was_altered_together_with_its_digest_is_found_by_the_next() {
    let (mut lines, marks) = log(1, &[1, 1, 1]);
    let mut event: Value = serde_json::from_str(&lines[1]).unwrap();
    event.as_object_mut().unwrap().remove("digest");
    event["data"]["reason"] = json!("Refused");
    lines[1] = sealed(event).0;
    let another = format!("line 3 names another event `{}/2` than the log has: that was replaced, or one is missing", uid(0));
    assert_eq!(problems(&lines, &marks), [another]);
}

#[test]
fn removed_lines_are_named_by_their_numbers() {
    let (lines, marks) = log(1, &[1; 6]);
    let id = uid(0);
    let without = |places: std::ops::Range<usize>| problems(&[&lines[..places.start], &lines[places.end..]].concat(), &marks);
    assert_eq!(without(2..3), [format!("before line 3 the event `{id}/3` is missing")]);
    assert_eq!(without(0..1), [format!("before line 1 the event `{id}/1` is missing")]);
    assert_eq!(without(1..4), [format!("before line 2 the events `{id}/2` to `{id}/4` are missing")]);
    assert_eq!(without(4..6), [format!("the status of the object {id} names event 6, and the log has none after 4")]);
    assert_eq!(without(0..6), [format!("the status of the object {id} names event 6, and the log has none of this object")]);
    assert_eq!(problems(&lines[..4], &none()), [""; 0], "nothing names the last lines of an object that is gone");
}

#[test]
fn swapped_lines_are_both_named() {
    let (mut lines, marks) = log(1, &[1; 5]);
    lines.swap(2, 3);
    assert_eq!(problems(&lines, &marks), [format!("line 4 (`{}/3`) should stand before line 3", uid(0))]);
    assert_eq!(unconfirmed(&lines, &marks), []);
}

#[test]
fn a_repeated_line_is_named_with_the_one_that_it_repeats() {
    let (mut lines, marks) = log(1, &[1; 5]);
    lines.push(lines[1].clone());
    assert_eq!(problems(&lines, &marks), [format!("line 6 (`{}/2`) repeats line 2", uid(0))]);
    let (mut lines, marks) = log(1, &[1; 40]);
    lines.push(lines[1].clone());
    lines.push(lines[0].clone());
    let far = |line: u64, sequence: i64| format!("line {line} (`{}/{sequence}`) is repeated, or stands in the wrong place", uid(0));
    assert_eq!(problems(&lines, &marks), [far(41, 2), far(42, 1)], "too far away to be known");
}

#[test]
fn of_two_writes_over_the_same_status_the_one_that_is_continued_counts() {
    let (first, a) = line(0, 1, None, "1");
    let (lost, lost_digest) = line(0, 2, Some(&a), "2");
    let (lost_too, _) = line(0, 3, Some(&lost_digest), "2");
    // Another time stands in it.
    let mut won: Value = serde_json::from_str(&lost).unwrap();
    won.as_object_mut().unwrap().remove("digest");
    won["time"] = json!("later");
    let (won, b) = sealed(won);
    let (last, c) = line(0, 3, Some(&b), "3");
    let marks = BTreeMap::from([(uid(0), AuditMark { sequence: 3, digest: c.clone(), ..AuditMark::default() })]);
    let lines = [&first, &lost, &lost_too, &won, &last].map(Clone::clone);
    assert_eq!(problems(&lines, &marks), [""; 0]);
    assert_eq!(unconfirmed(&lines, &marks), [(2, true), (3, true)], "also the one that names the other");
    // The line of the replica that had lost comes late.
    let late = [&first, &won, &last, &lost, &lost_too].map(Clone::clone);
    assert_eq!(problems(&late, &marks), [""; 0]);
    assert_eq!(unconfirmed(&late, &marks), [(4, true), (5, true)]);
    // Nothing says which of them is told by the status, as long as that is not known.
    assert_eq!(unconfirmed(&lines[..4], &none()), [(2, false), (3, false), (4, false)]);
    // It is the other one.
    let forged = BTreeMap::from([(uid(0), AuditMark { sequence: 3, digest: b, ..AuditMark::default() })]);
    assert_eq!(problems(&lines, &forged), [format!("the status of the object {} names another event 3 than the log has", uid(0))]);
}

#[test]
fn two_events_that_are_both_continued_are_a_fork() {
    let (first, a) = line(0, 1, None, "1");
    let (second, b) = line(0, 2, Some(&a), "2");
    let (third, c) = line(0, 3, Some(&b), "3");
    let (fourth, _) = line(0, 4, Some(&c), "9");
    let (again, c) = line(0, 2, Some(&a), "4");
    let (after, d) = line(0, 3, Some(&c), "5");
    let (long_after, _) = line(0, 4, Some(&d), "8");
    let (anew, d) = line(0, 1, None, "6");
    let (goes_on, _) = line(0, 2, Some(&d), "7");
    let id = uid(0);
    let both = |line: u64, sequence: i64, other: u64| {
        format!(
            "line {line} and line {other} are both the event `{id}/{sequence}`, and both were continued: a status was put back or forged"
        )
    };
    assert_eq!(problems(&[first.clone(), second.clone(), third.clone(), fourth, again, after, long_after], &none()), [both(5, 2, 2)]);
    assert_eq!(problems(&[first, second, third, anew, goes_on], &none()), [both(4, 1, 1)], "the status was emptied");
}

#[test]
fn a_number_that_does_not_follow_is_named() {
    let (first, a) = line(0, 1, None, "1");
    let (skips, b) = line(0, 3, Some(&a), "2");
    let (follows, _) = line(0, 4, Some(&b), "3");
    let (headless, _) = line(1, 2, None, "1");
    let expected =
        [format!("line 2 (`{}/3`) should have the number 2", uid(0)), format!("line 4 (`{}/2`) should have the number 1", uid(1))];
    assert_eq!(problems(&[first, skips, follows, headless], &none()), expected);
}

#[test]
fn a_mark_of_an_earlier_time_is_found_in_a_long_log() {
    let (mut lines, _) = log(1, &[1; 60]);
    let (_, marks) = log(1, &[1; 20]);
    assert_eq!(problems(&lines, &marks), [""; 0]);
    // All that follows was written anew.
    let (_, eighteenth) = log(1, &[1; 18]);
    let (other, digest) = line(0, 19, Some(&eighteenth[&uid(0)].digest), "forged");
    lines.truncate(18);
    lines.push(other);
    lines.push(line(0, 20, Some(&digest), "forged too").0);
    assert_eq!(problems(&lines, &marks), [format!("the status of the object {} names another event 20 than the log has", uid(0))]);
    assert_eq!(problems(&lines, &none()), [""; 0], "without it nothing shows");
}

#[test]
fn what_is_kept_of_an_object_is_bounded() {
    let mut chain = Chain::new(uid(0), None);
    let mut verified = Verified::default();
    let mut last: Option<String> = None;
    for sequence in 1..500 {
        // Every third is missing, and every one stands there in two versions.
        for write in ["a", "b"] {
            let (text, digest) = line(0, sequence, last.as_deref(), write);
            if sequence % 3 != 0 {
                chain.take(&Line::read(1, &text).unwrap_or_else(|_| panic!("{text}")), &mut verified);
            }
            if write == "b" {
                last = Some(digest);
            }
        }
        assert!(chain.held() <= 32, "{sequence}");
    }
    assert!(verified.problems.len() > 300);
}

/// A log of three objects, and the places of two different lines of one of them that are not its last.
fn places() -> impl Strategy<Value = (Vec<String>, BTreeMap<String, AuditMark>, usize, usize)> {
    (proptest::collection::vec(1_usize..4, 2..20), 1_usize..4, any::<proptest::sample::Index>(), any::<proptest::sample::Index>()).prop_map(
        |(writes, objects, one, other)| {
            let (lines, marks) = log(objects, &writes);
            let id = |line: &String| serde_json::from_str::<Value>(line).unwrap()["data"]["object"]["uid"].clone();
            let one = one.index(lines.len());
            let own: Vec<usize> = (0..lines.len()).filter(|place| id(&lines[*place]) == id(&lines[one])).collect();
            let place = own.iter().position(|place| *place == one).unwrap();
            // Another one of the same object.
            let other = own[(place + 1 + other.index(own.len() - 1)) % own.len()];
            (lines, marks, one, other)
        },
    )
}

fn named(lines: &[String], marks: &BTreeMap<String, AuditMark>) -> Vec<u64> {
    let problems = verify(lines, marks).problems;
    let follower = |problem: &Problem| if let Problem::OutOfOrder { follower, .. } = problem { Some(*follower) } else { None };
    problems.iter().flat_map(|problem| [problem.line(), follower(problem)]).flatten().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_was_written_passes((lines, marks, ..) in places()) {
        prop_assert_eq!(verify(&lines, &marks).problems, vec![]);
        prop_assert_eq!(verify(&lines, &marks).unconfirmed, vec![]);
        prop_assert_eq!(verify(&lines, &none()).problems, vec![]);
    }

    #[test]
    fn the_order_between_objects_means_nothing((mut lines, marks, ..) in places()) {
        lines.sort_by_key(|line| serde_json::from_str::<Value>(line).unwrap()["data"]["object"]["uid"].to_string());
        prop_assert_eq!(verify(&lines, &marks).problems, vec![]);
    }

    #[test]
    fn an_altered_line_is_always_named((mut lines, marks, place, _) in places(), byte in any::<proptest::sample::Index>(), to in b' '..=b'~') {
        let mut bytes = lines[place].clone().into_bytes();
        let byte = byte.index(bytes.len());
        prop_assume!(bytes[byte] != to);
        bytes[byte] = to;
        let altered = String::from_utf8(bytes).unwrap();
        // Not what says the same: a space where there was none, or a number in another form.
        let value = |text: &str| serde_json::from_str::<Value>(text).ok();
        prop_assume!(value(&altered) != value(&lines[place]));
        lines[place] = altered;
        prop_assert!(named(&lines, &marks).contains(&(place as u64 + 1)), "{:?}", verify(&lines, &marks));
    }

    #[test]
    fn a_removed_line_is_always_found((mut lines, marks, place, _) in places()) {
        let removed = lines.remove(place);
        let id = serde_json::from_str::<Value>(&removed).unwrap()["id"].as_str().unwrap().to_owned();
        let (uid, sequence) = id.split_once('/').unwrap();
        let problems = verify(&lines, &marks).problems;
        let last = marks[uid].sequence;
        let expected = match sequence.parse().unwrap() {
            sequence if sequence == last => Problem::NotInLog { uid: uid.to_owned(), sequence, last: last - 1 },
            number => {
                let next = format!("{uid}/{}", number + 1);
                let line = lines.iter().position(|line| line.contains(&next)).unwrap() as u64 + 1;
                Problem::Missing { line, uid: uid.to_owned(), from: number, to: number }
            }
        };
        prop_assert_eq!(problems, vec![expected]);
    }

    #[test]
    fn a_repeated_line_is_always_named((mut lines, marks, place, _) in places(), to in any::<proptest::sample::Index>()) {
        let again = place + 1 + to.index(lines.len() - place);
        lines.insert(again, lines[place].clone());
        prop_assert_eq!(named(&lines, &marks), vec![again as u64 + 1]);
    }

    #[test]
    fn two_swapped_lines_of_an_object_are_always_named((mut lines, marks, one, other) in places()) {
        lines.swap(one, other);
        let named = named(&lines, &marks);
        prop_assert!([one, other].iter().all(|place| named.contains(&(*place as u64 + 1))), "{:?}", verify(&lines, &marks));
    }
}

#[test]
fn a_problem_names_each_of_its_lines_as_it_is_asked_to() {
    let problem = Problem::Forked { line: 7, id: "a/3".to_owned(), other: 2 };
    assert_eq!(problem.to_string().split(" are").next(), Some("line 7 and line 2"));
    let described = problem.described(|line| format!("old.log:{line}"));
    assert_eq!(described.split(" are").next(), Some("old.log:7 and old.log:2"));
    assert_eq!(<&str>::from(&problem), "Forked");
}
