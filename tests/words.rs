//! The words that users read. A GET at HeyGen is a *poll*; a *look* is HeyGen's word for a picture or video of a group, and nothing else.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "words/code.rs"]
mod code;
#[path = "words/rules.rs"]
mod rules;
#[path = "words/sources.rs"]
mod sources;

use std::collections::BTreeSet;
use std::path::Path;

use clap::CommandFactory as _;
use strum::VariantArray as _;
use twinconsent::process::config::Cli;
use twinconsent::process::metrics::Metrics;
use twinconsent_core::api::conditions::{AccountReason, Situation, reasons, types};

/// Where *look* is HeyGen's: the names in its API, what a group has, and how we say that it is so.
/// Another way to write of HeyGen's looks is added here.
const LOOKS_OF_HEYGEN: &[&str] = &[
    "\"looks\"",
    "`looks`",
    "looks_count",
    "looksCount",
    "ReadLooks",
    "Look::of_type",
    "/v3/avatars/looks",
    // Of a group, of a type.
    "look of",
    "looks of",
    "Looks of",
    "pages of looks",
    "avatar's looks",
    "a look with `",
    "whose look is",
    "whose looks are",
    "One look that is a `",
    "until the looks tell",
    "one of its looks",
    "number of its looks",
    "How many looks it has",
    "a *look* is what HeyGen calls a look",
    "a *look* is HeyGen's word",
    // What was renamed.
    "`twinconsent_look_delay_seconds` is now",
    "`TwinConsentLooksLate` is",
];

/// Files and folders for users, besides what the program itself says.
const DOCUMENTS: &[&str] = &[
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "docs",
    "examples",
    "charts/twinconsent",
    "crds",
    "deploy",
    "crates/heygen-simulator/README.md",
    "hack",
    "Makefile",
];

/// What is read, by where it stands: the documents, the definitions, the help, the metrics, and each text in the program, which is
/// every message of a condition, note of an event, line of the log and name of a metric.
fn read() -> Vec<(String, String)> {
    let mut texts = Vec::new();
    for document in DOCUMENTS {
        sources::files(Path::new(document), &mut texts);
    }
    texts.extend(said());
    texts
}

/// What the program itself says.
fn said() -> Vec<(String, String)> {
    let mut texts: Vec<_> =
        twinconsent_core::api::crd_files().unwrap().into_iter().map(|(name, text)| (format!("the definition {name}"), text)).collect();
    let mut command = Cli::command();
    let runs = command.find_subcommand_mut("run").unwrap().render_long_help().to_string();
    texts.push(("--help".to_owned(), command.render_long_help().to_string()));
    texts.push(("run --help".to_owned(), runs));
    texts.push(("/metrics".to_owned(), Metrics::new().encode()));
    texts.extend(sources::texts_of_the_program());
    texts
}

#[test]
fn looks_are_heygens_and_a_get_is_a_poll() {
    let words = ["look", "looks", "looked", "looking"];
    let texts = read();
    assert!(texts.len() > 500, "the texts were found: {}", texts.len());
    let wrong = complaints(&texts, &words, LOOKS_OF_HEYGEN);
    assert!(wrong.is_empty(), "say poll, read, check or see; a look of HeyGen's is in LOOKS_OF_HEYGEN:\n{}", wrong.join("\n"));
}

/// A poll by another word: that HeyGen was read, and when.
const POLLS_MISCALLED: &[&str] = &[
    "heygen was read",
    "heygen is read",
    "heygen was not read",
    "heygen is not read",
    "heygen not read",
    "heygen was last read",
    "heygen can be read",
    "heygen cannot be read",
    "read at heygen",
    "the last read",
    "last read:",
    "the next read",
    "lastreadtime",
    "last_read_time",
];

#[test]
fn a_poll_is_not_called_a_read() {
    let wrong = miscalled(&read());
    assert!(wrong.is_empty(), "HeyGen is polled, and what is read stands in a file:\n{}", wrong.join("\n"));
    let one = |text: &str| miscalled(&[("here".to_owned(), text.to_owned())]).len();
    assert_eq!([one("HeyGen was\n  not read yet"), one("a Secret was not read"), one("HeyGen was polled")], [1, 0, 0]);
}

fn miscalled(texts: &[(String, String)]) -> Vec<String> {
    let mut found = Vec::new();
    for (place, text) in texts {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ").to_ascii_lowercase();
        for phrase in POLLS_MISCALLED {
            found.extend(text.match_indices(phrase).map(|(at, _)| format!("{place}: …{}…", around(&text, at, phrase.len()))));
        }
    }
    found
}

/// What our own sources and design call things; a user who reads a message has not read those.
const OF_THE_HOUSE: &[&str] =
    &["told", "seat", "seats", "book", "pass", "passes", "turn", "turns", "desk", "roster", "sweep", "somebody", "whoever"];

#[test]
fn what_the_program_says_needs_no_word_of_the_house() {
    let wrong = complaints(&said(), OF_THE_HOUSE, &[]);
    assert!(wrong.is_empty(), "say it in the words of Kubernetes, with who does what:\n{}", wrong.join("\n"));
}

/// The one file with the words of conditions and events; the columns of `kubectl get` beside it name some of them in attributes.
const WORDS_OF_THE_API: &str = "crates/core/src/api/";

#[test]
fn condition_types_and_reasons_stand_in_one_file() {
    let texts = sources::texts_of_the_program();
    let is_word = |text: &str| text.len() > 2 && text.chars().all(char::is_alphanumeric) && text.starts_with(char::is_uppercase);
    let in_quotes = |(path, text): &(String, String)| (path.clone(), text.trim_matches('"').to_owned());
    let (of_the_api, elsewhere): (Vec<_>, Vec<_>) = texts.iter().map(in_quotes).partition(|(path, _)| path.starts_with(WORDS_OF_THE_API));
    let mut words: BTreeSet<String> =
        of_the_api.into_iter().filter(|(path, text)| path.ends_with("/conditions.rs") && is_word(text)).map(|(_, text)| text).collect();
    words.extend(Situation::VARIANTS.iter().map(|situation| situation.reason().to_owned()));
    words.extend(AccountReason::VARIANTS.iter().map(|reason| reason.word().to_owned()));
    for known in [types::READY, reasons::LINK_RENEWED, "ConsentRevoked", "SecretNotFound"] {
        assert!(words.contains(known), "{known} was not found");
    }
    let wrong: Vec<_> = elsewhere.iter().filter(|(_, text)| words.contains(text)).collect();
    assert!(wrong.is_empty(), "these stand in crates/core/src/api/conditions.rs, and are taken from there: {wrong:?}");
}

#[test]
fn code_and_its_comments_have_the_words_of_the_field_and_things_are_no_persons() {
    let all = code::all();
    assert!(all.len() > 400, "the sources were found: {}", all.len());
    let wrong: Vec<String> = all.iter().flat_map(broken_in).collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// What breaks a rule in a source.
fn broken_in(code: &code::Code) -> Vec<String> {
    let names = code.names.iter().flat_map(|name| rules::broken(&code.path, name, true)).map(|broken| format!("{}: {broken}", code.path));
    let comments = code.comments.iter().flat_map(|(line, comment)| {
        rules::broken(&code.path, comment, false).into_iter().map(move |broken| format!("{}:{line}: {broken}", code.path))
    });
    names.chain(comments).collect()
}

#[test]
fn the_rules_find_what_they_forbid_and_nothing_else() {
    let broken = |text: &str, is_name| rules::broken("tests/here.rs", text, is_name).len();
    for text in ["In the sweep", "a poll is a look", "looks at each group", "a pass over the list", "waits for its turn", "Whoever waits"] {
        assert_eq!(broken(text, false), 1, "{text}");
    }
    for text in ["the replica who leads", "nobody listens", "the account's gate", "A book, a desk"] {
        assert!(broken(text, false) > 0, "{text}");
    }
    for text in [
        "HeyGen's looks of a group",
        "look at the log",
        "looks for a Secret",
        "the tests pass",
        "in turn",
        "a person who waits",
        "it asks nobody",
    ] {
        assert_eq!(broken(text, false), 0, "{text}");
    }
    for name in ["until_told", "NextLook", "may_pass", "pass", "Roster", "nobody", "whom", "the_replica_who_leads_acts"] {
        assert_eq!(broken(name, true), usize::from(name != "may_pass"), "{name}");
    }
    for name in ["LookType", "looks_count", "feature_gates", "a_person_who_waits", "a_port_that_is_taken_is_told_in_one_line"] {
        assert_eq!(broken(name, true), 0, "{name}");
    }
}

#[test]
fn comments_and_names_are_found_and_texts_and_what_is_quoted_are_not() {
    let source = "/// One\n/// `two` three.\nfn four() { say(\"// \n five\"); /* six */ } // seven\n\n//! eight";
    let code = code::read("tests/here.rs".to_owned(), source);
    let comments: Vec<(usize, &str)> = code.comments.iter().map(|(line, text)| (*line, text.as_str())).collect();
    assert_eq!(comments, [(1, " One … three."), (4, " six */   // seven"), (6, " eight")]);
    assert_eq!(code.names.into_iter().collect::<Vec<_>>(), ["fn", "four", "say"]);
}

/// Each place where a word stands outside of the phrases that are allowed.
fn complaints(texts: &[(String, String)], words: &[&str], allowed: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for (place, text) in texts {
        // Wrapped lines are one sentence.
        let mut text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for phrase in allowed {
            text = text.replace(phrase, "…");
        }
        for (at, word) in words_of(&text) {
            if words.contains(&word.to_ascii_lowercase().as_str()) {
                found.push(format!("{place}: …{}…", around(&text, at, word.len())));
            }
        }
    }
    found
}

/// The words of a text, by where they begin; a name such as `TwinConsent` has two.
fn words_of(text: &str) -> Vec<(usize, &str)> {
    let (mut words, mut begins) = (Vec::new(), None);
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        let goes_on = c.is_ascii_lowercase() || begins.is_some_and(|from| c.is_ascii_uppercase() && is_upper(&text[from..at]));
        if let Some(from) = begins.take_if(|_| !goes_on) {
            words.push((from, &text[from..at]));
        }
        if begins.is_none() && c.is_ascii_alphabetic() {
            begins = Some(at);
        }
    }
    words
}

fn is_upper(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_uppercase())
}

#[test]
fn words_are_split() {
    let words = |text| words_of(text).into_iter().map(|(_, word)| word).collect::<Vec<_>>();
    assert_eq!(words("a_look TwinConsentLooksLate LOOK, looked; é"), ["a", "look", "Twin", "Consent", "Looks", "Late", "LOOK", "looked"]);
    assert!(!words("looksCount overlooked lookup").contains(&"look"));
}

fn around(text: &str, at: usize, length: usize) -> &str {
    let start = text.floor_char_boundary(at.saturating_sub(50));
    let end = text.ceil_char_boundary((at + length + 50).min(text.len()));
    &text[start..end]
}
