//! PURE. Every answer by which HeyGen says that something is not as asked for, as far as it is known.
//!
//! The list is for `docs/answers.md`; the running operator does not use it. Each answer is made up as the HeyGen API notes describe
//! it, bytes and all, and understood by the same functions as one that came: what the documentation says is what the client does.

use serde_json::json;

use super::classify::{self, ALREADY_BOUND, Remedy};
use super::{Operation, exchange, started, wire};
use twinconsent_core::consent::outcome::{Class, Outcome, Trouble};
use twinconsent_core::consent::request::Content;

/// An answer that is not the one asked for, or several that are understood alike.
#[derive(Debug, Clone)]
pub struct Answer {
    /// What it says, in Markdown, as one cell of a table.
    pub says: String,
    /// Its HTTP status, in words.
    pub http: String,
    /// The class by the notes' letters.
    pub remedy: Remedy,
    /// How the client understands it when it has read a group; `None`: not given to a poll, or nothing is wrong with it there.
    pub at_a_poll: Option<Trouble>,
    /// How the client understands it when it has asked for consent.
    pub at_a_request: Option<Trouble>,
}

/// The statuses tried for a code whose status is not stated.
const ANY_REFUSAL: &[u16] = &[400, 403, 404, 409, 422];

/// The row "unknown code" of section 8, by statuses that mean the same.
const BY_STATUS: &[(&str, &[u16])] = &[
    ("401", &[401]),
    ("402", &[402]),
    ("403", &[403]),
    ("404", &[404]),
    ("408, 425, 5xx", &[408, 425, 500, 502, 503, 504, 599]),
    ("409", &[409]),
    ("429", &[429]),
    ("400, other 4xx", &[400, 405, 410, 413, 422, 451]),
];

/// What comes without a code that the notes know.
const WITHOUT_A_CODE: &[&str] = &[
    r#"{"error":{"code":"brand_new","message":"x"}}"#,
    r#"{"error":{"message":"x"}}"#,
    r#"{"code":400112,"message":"x"}"#,
    "<!DOCTYPE html><html></html>",
    "",
];

/// Successes of which nothing can be believed.
const NO_SUCCESS: &[&str] = &["", "<!DOCTYPE html><html></html>", "[]", "null", "{}", r#"{"data":null}"#, r#"{"data":[]}"#];

/// The group that the answers are about.
const GROUP: &str = "g";

/// All of them, in the order of the notes: codes, statuses, shapes, and what did not come whole.
#[must_use]
pub fn answers() -> Vec<Answer> {
    let lost = |says: &str, http: &str, trouble: Trouble| Answer {
        says: says.to_owned(),
        http: http.to_owned(),
        remedy: Remedy::Retry,
        at_a_poll: Some(trouble.clone()),
        at_a_request: Some(trouble),
    };
    let lost = [
        lost("a body of more than 1 MiB", "2xx", exchange::without_body(200, Class::Unreadable)),
        lost("a body that breaks off, or has not come at the deadline", "2xx", exchange::without_body(200, Class::Unreachable)),
        lost("no answer: no connection, a certificate not to be trusted, deadline passed", "–", Trouble::of(Class::Unreachable)),
    ];
    cases().map(Case::understood).chain(lost).collect()
}

/// Whole answers that are understood alike.
struct Case {
    says: String,
    http: String,
    remedy: Remedy,
    statuses: Vec<u16>,
    bodies: Vec<String>,
    /// Whether a poll can get it as well.
    at_a_poll: bool,
}

impl Case {
    fn new(says: &str, http: &str, remedy: Remedy, statuses: &[u16], bodies: &[&str]) -> Self {
        let bodies = bodies.iter().map(ToString::to_string).collect();
        Self { says: says.to_owned(), http: http.to_owned(), remedy, statuses: statuses.to_vec(), bodies, at_a_poll: true }
    }

    /// The first of them speaks for all.
    fn understood(self) -> Answer {
        let (status, body) = (self.statuses.first().copied().unwrap_or_default(), self.bodies.first().map_or("", String::as_str));
        let at_a_poll = poll(status, body).filter(|_| self.at_a_poll);
        Answer { says: self.says, http: self.http, remedy: self.remedy, at_a_poll, at_a_request: request(status, body) }
    }
}

fn cases() -> impl Iterator<Item = Case> {
    let of_codes = classify::TABLE.iter().map(|row| Case {
        says: row.codes.iter().map(|code| format!("`{code}`")).collect::<Vec<_>>().join(", "),
        http: row.statuses.first().map_or_else(|| "4xx (not stated)".to_owned(), ToString::to_string),
        remedy: row.remedy,
        statuses: if row.statuses.is_empty() { ANY_REFUSAL.to_vec() } else { row.statuses.to_vec() },
        bodies: row.codes.iter().map(|code| json!({"error": {"code": code, "message": "x"}}).to_string()).collect(),
        at_a_poll: true,
    });
    let of_statuses = BY_STATUS.iter().map(|(http, statuses)| {
        let remedy = statuses.first().map_or(Remedy::Retry, |status| classify::of_status(*status).0);
        Case::new("another code, the legacy envelope, HTML, or nothing", http, remedy, statuses, WITHOUT_A_CODE)
    });
    of_codes.chain(of_statuses).chain(of_shapes())
}

fn of_shapes() -> Vec<Case> {
    let enterprise = r#"{"error":{"message":"consent_video is for enterprise API customers"}}"#;
    let bound = json!({"error": {"code": "x", "message": ALREADY_BOUND}}).to_string();
    let unknown_error = r#"{"data":{"id":"g","url":"https://x.example"},"error":{"code":"brand_new"}}"#;
    let missing_error = r#"{"data":{"id":"g","url":"https://x.example"},"error":{"code":"avatar_group_not_found"}}"#;
    let another = r#"{"data":{"id":"other","avatar_group":{"id":"other"},"url":"https://x.example"}}"#;
    let without_link = r#"{"data":{"avatar_group":{"id":"g"},"url":null}}"#;
    let (clip, phrase) =
        ("text about enterprise API customers, for a consent video without the plan", format!("`{ALREADY_BOUND}` in the text"));
    let any = [200, 400, 401, 403, 409, 429, 500];
    vec![
        Case { at_a_poll: false, ..Case::new(clip, "403", Remedy::User, &[403], &[enterprise]) },
        Case { at_a_poll: false, ..Case::new(&phrase, "any", Remedy::Wait, &any, &[&bound, ALREADY_BOUND]) },
        Case::new("an `error` in a success, with another code", "2xx", Remedy::Retry, &[200], &[unknown_error]),
        Case::new("an `error` in a success, with a code that says missing", "2xx", Remedy::Retry, &[200], &[missing_error]),
        Case::new("HTML, nothing, or JSON of another shape", "2xx", Remedy::Retry, &[200, 201, 204], NO_SUCCESS),
        Case::new("a group with another id", "2xx", Remedy::Retry, &[200], &[another]),
        Case::new("no link, though no consent video was sent", "2xx", Remedy::Retry, &[200], &[without_link]),
        Case::new("a redirect, which is not followed", "3xx", Remedy::Retry, &[301, 302, 303, 307, 308], &[""]),
    ]
}

fn poll(status: u16, body: &str) -> Option<Trouble> {
    let read = |json: &_| wire::group(json, GROUP).map(Outcome::Polled);
    trouble_of(exchange::understand(Operation::Group, status, body.as_bytes(), read))
}

fn request(status: u16, body: &str) -> Option<Trouble> {
    let content = Content { reroute_url: None, consent_text: None, consent_video: None };
    trouble_of(exchange::understand(Operation::Initiate, status, body.as_bytes(), |json| started(json, GROUP, &content)))
}

fn trouble_of(outcome: Outcome) -> Option<Trouble> {
    match outcome {
        Outcome::Trouble(trouble) => Some(trouble),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use strum::VariantArray as _;

    use super::*;

    #[test]
    fn answers_of_one_line_are_understood_alike() {
        let class = |trouble: Option<Trouble>| trouble.map(|trouble| trouble.class);
        for case in cases() {
            let (statuses, bodies, says, at_a_poll) = (case.statuses.clone(), case.bodies.clone(), case.says.clone(), case.at_a_poll);
            let first = case.understood();
            for (status, body) in statuses.iter().flat_map(|status| bodies.iter().map(move |body| (*status, body))) {
                assert_eq!(class(request(status, body)), class(first.at_a_request.clone()), "{says}: {status} {body}");
                let seen = poll(status, body).filter(|_| at_a_poll);
                assert_eq!(class(seen), class(first.at_a_poll.clone()), "{says}: {status} {body}");
            }
        }
    }

    #[test]
    fn every_answer_is_trouble_for_one_of_the_calls_at_least() {
        for answer in answers() {
            assert!(answer.at_a_poll.is_some() || answer.at_a_request.is_some(), "{}", answer.says);
        }
    }

    #[test]
    fn every_class_of_trouble_is_among_them() {
        let seen: Vec<Class> = answers()
            .into_iter()
            .flat_map(|answer| [answer.at_a_poll, answer.at_a_request])
            .flatten()
            .map(|trouble| trouble.class)
            .collect();
        for class in Class::VARIANTS {
            assert!(seen.contains(class), "{class:?}");
        }
    }
}
