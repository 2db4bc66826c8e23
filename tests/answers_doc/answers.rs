//! Every answer by which HeyGen says that something is not as asked for, as far as it is known; made up as the HeyGen API notes describe
//! it, bytes and all, and given to the client by a server. So what the documentation says is what the client does.

use std::sync::Arc;

use serde_json::json;
use strum::VariantArray as _;
use twinconsent::heygen::{Deadlines, ExtraRoots, HeyGen};
use twinconsent::process::metrics::Metrics;
use twinconsent::process::proxies::Proxies;
use twinconsent_core::consent::outcome::{Class, Outcome, Trouble};
use twinconsent_core::consent::request::Content;

use crate::notes::{BY_STATUS, NOTES};
use crate::server::Server;

/// An answer that is not the one asked for, or several that are understood alike.
#[derive(Clone)]
pub struct Answer {
    /// What it says, in Markdown, as one cell of a table.
    pub says: String,
    /// Its HTTP status, in words.
    pub http: String,
    /// The class by the notes' letters.
    pub letter: char,
    /// How the client understands it when it has read a group; `None`: not given to a poll, or nothing is wrong with it there.
    pub at_a_poll: Option<Trouble>,
    /// How the client understands it when it has asked for consent.
    pub at_a_request: Option<Trouble>,
}

/// The statuses tried for a code whose status is not stated.
const ANY_REFUSAL: &[u16] = &[400, 403, 404, 409, 422];

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

/// The phrase of an undocumented refusal (section 3, failures).
const ALREADY_BOUND: &str = "security code already binded";

/// The group that the answers are about.
const GROUP: &str = "g";

/// All of them, in the order of the notes: codes, statuses, shapes, and what did not come whole.
pub async fn answers() -> Vec<Answer> {
    let client = HeyGen::with(Arc::new(Metrics::new()), Deadlines::default(), &ExtraRoots::default(), Proxies::default()).unwrap();
    let mut answers = Vec::new();
    for case in cases() {
        answers.push(case.understood(&client).await);
    }
    let lost = |says: &str, http: &str, trouble: Trouble| {
        let (says, http, at_a_poll) = (says.to_owned(), http.to_owned(), Some(trouble.clone()));
        Answer { says, http, letter: 'R', at_a_poll, at_a_request: Some(trouble) }
    };
    // `tests/heygen_wire/lost.rs` and `causes.rs` see that the client understands these so.
    let without_body = |class| Trouble { status: Some(200), ..Trouble::of(class) };
    answers.push(lost("a body of more than 1 MiB", "2xx", without_body(Class::Unreadable)));
    answers.push(lost("a body that breaks off, or has not come at the deadline", "2xx", without_body(Class::Unreachable)));
    let no_answer = "no answer: no connection, a certificate not to be trusted, deadline passed";
    answers.push(lost(no_answer, "–", Trouble::of(Class::Unreachable)));
    check(&answers);
    answers
}

/// Each is trouble for one of the calls at least, and every class of trouble is among them.
fn check(answers: &[Answer]) {
    for Answer { says, at_a_poll, at_a_request, .. } in answers {
        assert!(at_a_poll.is_some() || at_a_request.is_some(), "{says}");
    }
    let troubles = || answers.iter().flat_map(|answer| [&answer.at_a_poll, &answer.at_a_request]).flatten();
    for class in Class::VARIANTS {
        assert!(troubles().any(|trouble| trouble.class == *class), "{class:?}");
    }
}

/// Whole answers that are understood alike.
struct Case {
    says: String,
    http: String,
    letter: char,
    statuses: Vec<u16>,
    bodies: Vec<String>,
    /// Whether a poll can get it as well.
    at_a_poll: bool,
}

impl Case {
    fn new(says: &str, http: &str, letter: char, statuses: &[u16], bodies: &[&str]) -> Self {
        let bodies = bodies.iter().map(ToString::to_string).collect();
        Self { says: says.to_owned(), http: http.to_owned(), letter, statuses: statuses.to_vec(), bodies, at_a_poll: true }
    }

    /// The first of them speaks for all, which are understood alike.
    async fn understood(self, client: &HeyGen) -> Answer {
        let Self { says, http, letter, statuses, bodies, at_a_poll: is_for_polls } = self;
        let mut first: Option<Answer> = None;
        for (status, body) in statuses.iter().flat_map(|status| bodies.iter().map(move |body| (*status, body))) {
            let server = Server::saying(status, "", body).await;
            let at_a_poll = trouble_of(client.group(&server.credentials, GROUP).await).filter(|_| is_for_polls);
            let content = Content { reroute_url: None, consent_text: None, consent_video: None };
            let at_a_request = trouble_of(client.initiate(&server.credentials, GROUP, &content, "v1:k").await);
            let class = |trouble: &Option<Trouble>| trouble.as_ref().map(|trouble| trouble.class);
            let answer = Answer { says: says.clone(), http: http.clone(), letter, at_a_poll, at_a_request };
            let first = &*first.get_or_insert(answer.clone());
            assert_eq!(class(&answer.at_a_poll), class(&first.at_a_poll), "{says}: {status} {body}");
            assert_eq!(class(&answer.at_a_request), class(&first.at_a_request), "{says}: {status} {body}");
        }
        first.unwrap()
    }
}

fn cases() -> impl Iterator<Item = Case> {
    let of_codes = NOTES.iter().map(|(codes, statuses, letter)| Case {
        says: codes.iter().map(|code| format!("`{code}`")).collect::<Vec<_>>().join(", "),
        http: statuses.first().map_or_else(|| "4xx (not stated)".to_owned(), ToString::to_string),
        letter: *letter,
        statuses: if statuses.is_empty() { ANY_REFUSAL.to_vec() } else { statuses.to_vec() },
        bodies: codes.iter().map(|code| json!({"error": {"code": code, "message": "x"}}).to_string()).collect(),
        at_a_poll: true,
    });
    let of_statuses = BY_STATUS.iter().map(|(http, statuses, letter)| {
        Case::new("another code, the legacy envelope, HTML, or nothing", http, *letter, statuses, WITHOUT_A_CODE)
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
        Case { at_a_poll: false, ..Case::new(clip, "403", 'U', &[403], &[enterprise]) },
        Case { at_a_poll: false, ..Case::new(&phrase, "any", 'A', &any, &[&bound, ALREADY_BOUND]) },
        Case::new("an `error` in a success, with another code", "2xx", 'R', &[200], &[unknown_error]),
        Case::new("an `error` in a success, with a code that says missing", "2xx", 'R', &[200], &[missing_error]),
        Case::new("HTML, nothing, or JSON of another shape", "2xx", 'R', &[200, 201], NO_SUCCESS),
        Case::new("a group with another id", "2xx", 'R', &[200], &[another]),
        Case::new("no link, though no consent video was sent", "2xx", 'R', &[200], &[without_link]),
        Case::new("a redirect, which is not followed", "3xx", 'R', &[301, 302, 303, 307, 308], &[""]),
    ]
}

fn trouble_of(outcome: Outcome) -> Option<Trouble> {
    match outcome {
        Outcome::Trouble(trouble) => Some(trouble),
        _ => None,
    }
}
