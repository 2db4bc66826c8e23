//! Whether lines of an audit log are as they were written: none altered, none missing, none in another's place.
//!
//! A line is altered when it does not have the digest that it names. That a line is missing, or stands elsewhere, shows by the next one of the
//! same object, which names the digest of the one before. The order of lines of different objects means nothing.
//!
//! A line is *confirmed* once the line of a later write, or the object's `status.audit`, names it; the events of one write count as one.
//! Any other is *unconfirmed*: the last of an object, and what a replica wrote whose status was then not written, because of a conflict or
//! because it had lost the lead. Of two lines with the same number of which only one is continued, the other is therefore no error; two that
//! are both continued are one: a status was put back, as with the cluster's own backup, or forged.
//!
//! The chain is unsigned. It can be forged by writing all of it anew; a number and a digest that are kept elsewhere show that.
//! That the last lines of a deleted object are missing shows nowhere.

mod chain;
mod line;

use std::collections::BTreeMap;
use std::fmt;

use strum::IntoStaticStr;

use crate::api::consent::AuditMark;
use chain::Chain;
use line::{Line, Unreadable};

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verified {
    /// How many lines are events whose digest is right.
    pub events: u64,
    /// Of how many objects.
    pub objects: u64,
    /// Lines that no later write and no status names, in the order of the log.
    pub unconfirmed: Vec<Unconfirmed>,
    /// What is wrong, in the order of the log; then what is wrong with what statuses name.
    pub problems: Vec<Problem>,
}

/// A line that nothing names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unconfirmed {
    /// The number of the line, counted from 1.
    pub line: u64,
    /// The event's `id`.
    pub id: String,
    /// Whether another line with the same number, or a later one, is confirmed, so that this one tells of a status that never was.
    pub superseded: bool,
}

/// Something that is wrong. Lines are counted from 1.
#[derive(Debug, Clone, PartialEq, Eq, IntoStaticStr)]
pub enum Problem {
    /// The line is not a JSON object, or one in which a name stands twice.
    NotJson {
        /// The line.
        line: u64,
    },
    /// The line is a JSON object and no audit event.
    NotAnEvent {
        /// The line.
        line: u64,
        /// The attribute that is missing, or is none of an audit event.
        attribute: &'static str,
    },
    /// The line does not have the digest that it names.
    Altered {
        /// The line.
        line: u64,
        /// The event's `id`, as it stands there.
        id: String,
    },
    /// Lines of this object are missing before this one.
    Missing {
        /// The line before which they are missing.
        line: u64,
        /// The uid of the object.
        uid: String,
        /// The number of the first event that is missing.
        from: i64,
        /// The number of the last.
        to: i64,
    },
    /// The line names another event before it than the one that the log has: that was replaced, or one beside it is missing.
    Replaced {
        /// The line.
        line: u64,
        /// The uid of the object.
        uid: String,
        /// The number of the event that is not the one that is named.
        sequence: i64,
    },
    /// The number of the line is not the next one after the event that it names.
    WrongNumber {
        /// The line.
        line: u64,
        /// The event's `id`.
        id: String,
        /// The number that it should have.
        expected: i64,
    },
    /// The line stands after one that follows it.
    OutOfOrder {
        /// The line.
        line: u64,
        /// The event's `id`.
        id: String,
        /// The line that stands too early, or before which this one should stand.
        follower: u64,
    },
    /// The line stands there twice.
    Repeated {
        /// The line.
        line: u64,
        /// The event's `id`.
        id: String,
        /// The line that says the same.
        first: u64,
    },
    /// The line comes long after the ones that follow it: it is repeated, or stands in the wrong place.
    OutOfPlace {
        /// The line.
        line: u64,
        /// The event's `id`.
        id: String,
    },
    /// Two events follow the same one, or are both the first, and both are confirmed.
    Forked {
        /// The later of the two lines.
        line: u64,
        /// The `id` of both.
        id: String,
        /// The other line.
        other: u64,
    },
    /// The event that a status names is not in the log.
    NotInLog {
        /// The uid of the object.
        uid: String,
        /// The number of the event.
        sequence: i64,
        /// The highest number of this object in the log; 0 if there is none.
        last: i64,
    },
}

impl Problem {
    /// The line that it concerns; `None` for what a status names.
    #[must_use]
    pub const fn line(&self) -> Option<u64> {
        match self {
            Self::NotJson { line } | Self::NotAnEvent { line, .. } | Self::Altered { line, .. } | Self::Missing { line, .. } => Some(*line),
            Self::Replaced { line, .. } | Self::WrongNumber { line, .. } | Self::OutOfOrder { line, .. } => Some(*line),
            Self::Repeated { line, .. } | Self::OutOfPlace { line, .. } | Self::Forked { line, .. } => Some(*line),
            Self::NotInLog { .. } => None,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.described(|line| format!("line {line}")))
    }
}

impl Problem {
    /// The problem in words, in which `named` names each line: of several files put together, for example, by file and line.
    #[must_use]
    pub fn described(&self, named: impl Fn(u64) -> String) -> String {
        let at = |line: &u64| named(*line);
        match self {
            Self::NotJson { line } => format!("{} is not a JSON object, or a name stands in it twice", at(line)),
            Self::NotAnEvent { line, attribute } => format!("{} is no audit event: its `{attribute}` is missing or is none", at(line)),
            Self::Altered { line, id } => format!("{} (`{id}`) was altered: it does not have the digest that it names", at(line)),
            Self::Missing { line, uid, from, to } if from == to => format!("before {} the event `{uid}/{from}` is missing", at(line)),
            Self::Missing { line, uid, from, to } => format!("before {} the events `{uid}/{from}` to `{uid}/{to}` are missing", at(line)),
            Self::Replaced { line, uid, sequence } => {
                format!("{} names another event `{uid}/{sequence}` than the log has: that was replaced, or one is missing", at(line))
            }
            Self::WrongNumber { line, id, expected } => format!("{} (`{id}`) should have the number {expected}", at(line)),
            Self::OutOfOrder { line, id, follower } => format!("{} (`{id}`) should stand before {}", at(line), at(follower)),
            Self::Repeated { line, id, first } => format!("{} (`{id}`) repeats {}", at(line), at(first)),
            Self::OutOfPlace { line, id } => format!("{} (`{id}`) is repeated, or stands in the wrong place", at(line)),
            Self::Forked { line, id, other } => {
                let (line, other) = (at(line), at(other));
                format!("{line} and {other} are both the event `{id}`, and both were continued: a status was put back or forged")
            }
            Self::NotInLog { uid, sequence, last: 0 } => {
                format!("the status of the object {uid} names event {sequence}, and the log has none of this object")
            }
            Self::NotInLog { uid, sequence, last } if last < sequence => {
                format!("the status of the object {uid} names event {sequence}, and the log has none after {last}")
            }
            Self::NotInLog { uid, sequence, .. } => {
                format!("the status of the object {uid} names another event {sequence} than the log has")
            }
        }
    }
}

/// Verifies the lines of an audit log, or of several put together; empty lines count, and say nothing.
///
/// `marks` are the `status.audit` of objects by their uid, read before the log was, or kept elsewhere since an earlier time: each must be in
/// the log. What is kept in memory is bounded for each object, however many lines it has.
pub fn verify(lines: impl IntoIterator<Item = impl AsRef<str>>, marks: &BTreeMap<String, AuditMark>) -> Verified {
    let mut verified = Verified::default();
    let mut chains: BTreeMap<String, Chain> = BTreeMap::new();
    for (line, text) in (1..).zip(lines) {
        let text = text.as_ref();
        if text.trim_ascii().is_empty() {
            continue;
        }
        let read = match Line::read(line, text) {
            Ok(read) => read,
            Err(Unreadable::NotJson) => {
                verified.problems.push(Problem::NotJson { line });
                continue;
            }
            Err(Unreadable::NotAnEvent(attribute)) => {
                verified.problems.push(Problem::NotAnEvent { line, attribute });
                continue;
            }
        };
        if read.is_altered {
            verified.problems.push(Problem::Altered { line, id: read.id() });
            // What it says counts only where it fits, so that one altered line is one problem.
            if let Some(chain) = chains.get_mut(&read.uid).filter(|chain| chain.fits(&read)) {
                chain.take(&read, &mut verified);
            }
            continue;
        }
        verified.events += 1;
        let chain = chains.entry(read.uid.clone()).or_insert_with(|| Chain::new(read.uid.clone(), marks.get(&read.uid)));
        chain.take(&read, &mut verified);
    }
    verified.objects = chains.len() as u64;
    let unnamed = marks.iter().filter(|(uid, _)| !chains.contains_key(*uid));
    let unnamed = unnamed.map(|(uid, mark)| Problem::NotInLog { uid: uid.clone(), sequence: mark.sequence, last: 0 });
    let unnamed: Vec<_> = unnamed.collect();
    for chain in chains.into_values() {
        chain.finish(&mut verified);
    }
    verified.problems.extend(unnamed);
    verified.problems.sort_by_key(|problem| problem.line().unwrap_or(u64::MAX));
    verified.unconfirmed.sort_by_key(|unconfirmed| unconfirmed.line);
    verified
}

#[cfg(test)]
mod tests;
