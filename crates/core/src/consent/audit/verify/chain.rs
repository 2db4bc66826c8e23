//! The chain of one object, as far as it must be known to judge the next line.

use std::collections::VecDeque;

use super::line::{Digest, Line, bytes};
use super::{Problem, Unconfirmed, Verified};
use crate::api::consent::AuditMark;

/// How many lines of an object are known at once: as many as two replicas may have written across each other.
const MOST_KNOWN: usize = 16;

/// How many lines may wait for an event that is missing before them.
const MOST_GAPS: usize = 16;

/// The chain of one object.
pub(super) struct Chain {
    uid: String,
    /// The last lines, in the order of the log.
    known: VecDeque<Known>,
    /// What is missing, unless it still comes.
    gaps: VecDeque<Gap>,
    /// The highest number so far, and the highest that is confirmed.
    highest: i64,
    confirmed: i64,
    /// The highest number of a line that is no longer known.
    forgotten: i64,
    mark: Option<(i64, Option<Digest>)>,
    is_marked: bool,
}

/// A line that is known.
struct Known {
    line: u64,
    sequence: i64,
    digest: Digest,
    previous: Option<Digest>,
    write: Option<u128>,
    is_confirmed: bool,
}

/// An event that a line names and that was not there.
struct Gap {
    named: Digest,
    /// The line that names it.
    line: u64,
    /// The first number that is missing, and the one that is named.
    from: i64,
    to: i64,
    /// Whether an event with this number is there, which is another one.
    is_replaced: bool,
}

impl Gap {
    fn problem(self, uid: &str) -> Problem {
        let (line, uid, from, to) = (self.line, uid.to_owned(), self.from, self.to);
        if self.is_replaced { Problem::Replaced { line, uid, sequence: to } } else { Problem::Missing { line, uid, from, to } }
    }
}

impl Chain {
    pub(super) fn new(uid: String, mark: Option<&AuditMark>) -> Self {
        let mark = mark.map(|mark| (mark.sequence, bytes(&mark.digest)));
        let (known, gaps) = (VecDeque::new(), VecDeque::new());
        Self { uid, known, gaps, highest: 0, confirmed: 0, forgotten: 0, mark, is_marked: false }
    }

    /// Whether a line has its place in the chain as it is.
    pub(super) fn fits(&self, line: &Line) -> bool {
        let is_repeated = self.known.iter().any(|known| known.digest == line.digest);
        let parent = self.known.iter().find(|known| Some(known.digest) == line.previous);
        !is_repeated && parent.is_some_and(|parent| parent.sequence.saturating_add(1) == line.sequence)
    }

    pub(super) fn take(&mut self, line: &Line, verified: &mut Verified) {
        if let Some(first) = self.known.iter().find(|known| known.digest == line.digest) {
            return verified.problems.push(Problem::Repeated { line: line.number, id: line.id(), first: first.line });
        }
        let parent = self.known.iter().position(|known| Some(known.digest) == line.previous);
        let fills = self.gaps.iter().position(|gap| gap.named == line.digest);
        let expected = match (line.previous, parent) {
            (None, _) => 1,
            (Some(_), Some(parent)) => self.known[parent].sequence.saturating_add(1),
            (Some(_), None) => line.sequence,
        };
        if line.sequence != expected {
            verified.problems.push(Problem::WrongNumber { line: line.number, id: line.id(), expected });
        } else if fills.is_none() && parent.is_none() && line.sequence <= self.forgotten {
            // Too old to be told from one that was there.
            return verified.problems.push(Problem::OutOfPlace { line: line.number, id: line.id() });
        }
        if let (Some(previous), None) = (line.previous, parent) {
            self.misses(previous, line, verified);
        }
        self.known.push_back(Known {
            line: line.number,
            sequence: line.sequence,
            digest: line.digest,
            previous: line.previous,
            write: line.write,
            is_confirmed: false,
        });
        self.highest = self.highest.max(line.sequence);
        if let Some(parent) = parent
            && (line.write.is_none() || self.known[parent].write != line.write)
        {
            self.confirm(parent, verified);
        }
        let is_marked = self.mark == Some((line.sequence, Some(line.digest)));
        self.is_marked |= is_marked;
        let fills = fills.and_then(|gap| self.gaps.remove(gap));
        if let Some(gap) = &fills {
            verified.problems.push(Problem::OutOfOrder { line: line.number, id: line.id(), follower: gap.line });
        }
        if is_marked || fills.is_some() {
            self.confirm(self.known.len() - 1, verified);
        }
        if self.known.len() > MOST_KNOWN
            && let Some(known) = self.known.pop_front()
        {
            self.forgotten = self.forgotten.max(known.sequence);
            self.leave(&known, verified);
        }
    }

    /// Notes that the event that a line names is not there.
    fn misses(&mut self, named: Digest, line: &Line, verified: &mut Verified) {
        let to = line.sequence - 1;
        let is_replaced = self.known.iter().any(|known| known.sequence == to);
        let from = if self.highest < to { self.highest + 1 } else { to };
        self.gaps.push_back(Gap { named, line: line.number, from, to, is_replaced });
        if self.gaps.len() > MOST_GAPS {
            verified.problems.extend(self.gaps.pop_front().map(|gap| gap.problem(&self.uid)));
        }
    }

    /// Confirms a line, and with it those of the same write before it.
    fn confirm(&mut self, place: usize, verified: &mut Verified) {
        let mut place = Some(place);
        while let Some(at) = place {
            let (line, sequence, previous, write) = {
                let known = &mut self.known[at];
                if std::mem::replace(&mut known.is_confirmed, true) {
                    return;
                }
                (known.line, known.sequence, known.previous, known.write)
            };
            self.confirmed = self.confirmed.max(sequence);
            let rival =
                |known: &&Known| known.line != line && known.is_confirmed && known.sequence == sequence && known.previous == previous;
            if let Some(other) = self.known.iter().find(rival) {
                let id = format!("{}/{sequence}", self.uid);
                verified.problems.push(Problem::Forked { line: line.max(other.line), id, other: line.min(other.line) });
            }
            place = self.known.iter().position(|known| Some(known.digest) == previous && write.is_some() && known.write == write);
        }
    }

    /// How much is kept.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.known.len() + self.gaps.len()
    }

    /// Forgets a line.
    fn leave(&self, known: &Known, verified: &mut Verified) {
        if !known.is_confirmed {
            let id = format!("{}/{}", self.uid, known.sequence);
            verified.unconfirmed.push(Unconfirmed { line: known.line, id, superseded: known.sequence <= self.confirmed });
        }
    }

    /// Judges what is left at the end of the log.
    pub(super) fn finish(mut self, verified: &mut Verified) {
        for gap in std::mem::take(&mut self.gaps) {
            verified.problems.push(gap.problem(&self.uid));
        }
        for known in &self.known {
            self.leave(known, verified);
        }
        if let Some((sequence, _)) = self.mark.filter(|_| !self.is_marked) {
            verified.problems.push(Problem::NotInLog { uid: self.uid, sequence, last: self.highest });
        }
    }
}
