//! What things are called in comments and names, and what they are not called.

use super::words_of;

/// A word that is not used, but in some phrases; all in lower case, a name by its words.
struct Rule {
    words: &'static [&'static str],
    /// Only behind one of these words, or at the beginning of a name, if any are named.
    behind: &'static [&'static str],
    /// Not behind one of these words.
    unless_behind: &'static [&'static str],
    /// Each with the beginning of the paths where it is meant so; empty is everywhere. Behind `=` stands a whole name.
    phrases: &'static [(&'static str, &'static str)],
    /// Whether comments may have it, and a name of many words, which is a sentence.
    in_sentences: bool,
    say: &'static str,
}

const NO_RULE: Rule = Rule { words: &[], behind: &[], unless_behind: &[], phrases: &[], in_sentences: false, say: "" };

/// What persons are called.
const PERSONS: &[&str] = &[
    "person",
    "persons",
    "people",
    "user",
    "users",
    "admin",
    "author",
    "reader",
    "developer",
    "anyone",
    "everyone",
    "nobody",
    "she",
    "he",
];

/// Names with fewer words are no sentences.
const A_SENTENCE: usize = 5;

const RULES: &[Rule] = &[
    Rule {
        words: &["look", "looks", "looked", "looking"],
        phrases: &[
            // HeyGen's.
            ("", "=looks"),
            ("crates/heygen-simulator/", "look"),
            ("crates/heygen-simulator/", "looks"),
            ("tests/heygen_simulator.rs", "=look"),
            ("tests/e2e/", "=look"),
            ("tests/plugin/", "=look"),
            ("crates/core/src/heygen/", "=look"),
            ("crates/core/src/heygen/", "looks"),
            ("tests/core/", "looks"),
            ("crates/core/src/consent/", "looks"),
            ("", "by looks"),
            ("", "look pages"),
            ("", "look type"),
            ("", "look of"),
            ("", "looks of"),
            ("", "of looks"),
            ("", "many looks"),
            ("", "s looks"),
            ("", "its looks"),
            ("", "looks count"),
            ("", "looks page"),
            ("", "looks read"),
            ("", "looks written"),
            ("", "read looks"),
            ("", "only looks"),
            ("", "no looks"),
            ("", "avatar look"),
            ("", "avatar looks"),
            ("", "photo looks"),
            ("", "looks are"),
            ("", "look is hey gen"),
            // English.
            ("", "look for"),
            ("", "looks for"),
            ("", "looked for"),
            ("", "look like"),
            ("", "looks like"),
            ("", "look as"),
            ("", "looks up"),
            ("", "look up"),
            ("", "look at the log"),
            ("", "would look at"),
            ("", "looks into"),
            ("", "looked into"),
        ],
        say: "a GET at HeyGen is a poll, a wait checks; a look is HeyGen's picture or video of a group",
        ..NO_RULE
    },
    Rule {
        words: &["seat", "seats", "desk", "book", "roster", "scout", "sweep", "sweeps", "swept", "news"],
        say: "schedule, entry, store, owners, work queue, poll, event: the field has words for these",
        ..NO_RULE
    },
    Rule {
        words: &["turn", "turns"],
        phrases: &[
            ("", "in turn"),
            ("", "take turns"),
            ("", "takes turns"),
            ("", "turns out"),
            ("", "turn out"),
            ("", "turns into"),
            ("", "turns openapi into"),
            ("", "turn to"),
            // In the schedule, what waits takes turns by namespace.
            ("crates/core/src/schedule", "turn"),
            ("crates/core/src/schedule", "turns"),
        ],
        say: "what is waited for is a permit, or a time",
        ..NO_RULE
    },
    Rule {
        words: &["pass", "passes"],
        behind: &[
            "a", "one", "two", "each", "every", "the", "this", "that", "first", "second", "next", "last", "whole", "busy", "no", "of",
            "new",
        ],
        phrases: &[("", "pass by value"), ("", "passes on")],
        say: "a way through all pages of the list is a list scan",
        ..NO_RULE
    },
    Rule {
        words: &["gate", "gates"],
        phrases: &[
            ("", "feature gate"),
            ("", "feature gates"),
            // What holds a pipeline back.
            ("tests/flux/", "gate"),
            ("tests/flux/", "gates"),
            ("tests/crds", "gate"),
        ],
        say: "it is a circuit breaker",
        ..NO_RULE
    },
    Rule { words: &["told"], in_sentences: true, say: "say what it is: a reading, a message, the last word", ..NO_RULE },
    Rule {
        words: &["somebody", "somebodys", "someone", "whoever", "whomever", "everybody", "everybodys", "anybody", "anybodys"],
        say: "name the thing, or the person: a user, another owner, every client",
        ..NO_RULE
    },
    Rule {
        words: &["nobody", "nobodys"],
        phrases: &[
            ("", "asks nobody"),
            ("", "asked nobody"),
            ("", "asking nobody"),
            ("", "nobody is asked"),
            ("", "nobody gets"),
            // Who acts on a situation, as users read it.
            ("tests/conditions_doc.rs", "is nobody"),
        ],
        say: "a thing is none, no other or nothing; a person whom HeyGen would ask may be nobody",
        ..NO_RULE
    },
    Rule {
        words: &["who", "whom"],
        unless_behind: PERSONS,
        phrases: &[("", "whom a digital twin depicts"), ("", "whom to ask"), ("", "who acts")],
        say: "a person may be one who; a thing is one that",
        ..NO_RULE
    },
];

/// Where a text breaks a rule, and what to say instead.
pub fn broken(path: &str, text: &str, is_name: bool) -> Vec<String> {
    let words: Vec<(usize, &str)> = words_of(text);
    let lower: Vec<String> = words.iter().map(|(_, word)| word.to_ascii_lowercase()).collect();
    let of = |rule: &Rule| of_rule(rule, path, &lower, is_name);
    let around = |at: usize| super::around(text, words[at].0, words[at].1.len());
    RULES.iter().flat_map(|rule| of(rule).into_iter().map(|at| format!("…{}…: {}", around(at), rule.say))).collect()
}

/// Which of the words break it.
fn of_rule(rule: &Rule, path: &str, lower: &[String], is_name: bool) -> Vec<usize> {
    if !rule.words.iter().any(|word| lower.iter().any(|here| here == word)) {
        return Vec::new();
    }
    if rule.in_sentences && (!is_name || lower.len() >= A_SENTENCE) {
        return Vec::new();
    }
    let meant = |at: usize| {
        rule.phrases.iter().filter(|(place, _)| path.starts_with(place)).any(|(_, phrase)| {
            if let Some(whole) = phrase.strip_prefix('=') {
                return is_name && lower.iter().eq([whole].iter());
            }
            let phrase: Vec<&str> = phrase.split(' ').collect();
            let begins = (at + 1).saturating_sub(phrase.len())..=at;
            begins.into_iter().any(|from| lower.get(from..from + phrase.len()).is_some_and(|here| here.iter().eq(phrase.iter())))
        })
    };
    let is_broken = |at: usize| {
        let before = if at == 0 { "" } else { lower[at - 1].as_str() };
        let stands_so = rule.behind.is_empty() || rule.behind.contains(&before) || is_name && before.is_empty();
        rule.words.contains(&lower[at].as_str()) && stands_so && !rule.unless_behind.contains(&before) && !meant(at)
    };
    (0..lower.len()).filter(|at| is_broken(*at)).collect()
}
