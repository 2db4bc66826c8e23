//! PURE. Which account is read next, of those that the operator was started with and those that consents name.
//!
//! A user who may write a consent may name any number of accounts that do not exist. So those that do are read in a round of their own,
//! which is no longer for all the others: the kill switch of an account is noticed in time whatever tenants invent. The others are read
//! soon after they are named, and then the more seldom the more of them there are and the longer they have been missing.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

/// How often each account is read that exists.
pub(super) const EVERY: Duration = Duration::from_secs(5);

/// The longest until an account is looked for again that did not exist.
const LONGEST: Duration = Duration::from_secs(300);

/// How much longer the others wait for each account that does not exist.
const PER_MISSING: Duration = Duration::from_secs(1);

/// How many accounts are read in a row that exist while others are due, too.
const IN_A_ROW: u32 = 4;

/// Every name, and when it is due. Times are monotonic.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    names: HashMap<String, Name>,
    existing: BTreeSet<(Duration, String)>,
    missing: BTreeSet<(Duration, String)>,
    in_a_row: u32,
}

#[derive(Debug)]
struct Name {
    exists: bool,
    due: Duration,
    /// How often in a row it was looked for in vain.
    misses: u32,
    woken: bool,
}

impl Agenda {
    /// Notes which accounts there are to be read from now on. Returns those that are not any more.
    pub(super) fn set_names(&mut self, names: &BTreeSet<String>, now: Duration) -> Vec<String> {
        let gone: Vec<String> = self.names.keys().filter(|name| !names.contains(*name)).cloned().collect();
        for name in &gone {
            self.take(name);
        }
        for name in names.iter().filter(|name| !self.names.contains_key(*name)).cloned().collect::<Vec<_>>() {
            self.put(name, Name { exists: false, due: now, misses: 0, woken: false });
        }
        gone
    }

    /// Lets an account be read that a consent waits for.
    pub(super) fn want(&mut self, name: &str, now: Duration) {
        let wanted = match self.take(name) {
            Some(known) => Name { due: known.due.min(now), woken: true, ..known },
            None => Name { exists: false, due: now, misses: 0, woken: true },
        };
        self.put(name.to_owned(), wanted);
    }

    /// The next, and whether it was asked for; it is due again by itself should it not be said what came of it.
    ///
    /// # Errors
    /// With the time before which there is none.
    pub(super) fn next(&mut self, now: Duration) -> Result<(String, bool), Duration> {
        let due = |line: &BTreeSet<(Duration, String)>| line.first().filter(|(due, _)| *due <= now).map(|(_, name)| name.clone());
        let (existing, missing) = (due(&self.existing), due(&self.missing));
        let others_due = self.in_a_row >= IN_A_ROW && missing.is_some();
        self.in_a_row = if existing.is_some() && !others_due { self.in_a_row + 1 } else { 0 };
        let Some(name) = existing.filter(|_| !others_due).or(missing) else {
            let first = [&self.existing, &self.missing].into_iter().filter_map(|line| line.first()).map(|(due, _)| *due).min();
            return Err(first.unwrap_or(Duration::MAX));
        };
        let Some(known) = self.take(&name) else { return Err(now) };
        let woken = known.woken;
        self.put(name.clone(), Name { due: now + EVERY, woken: false, ..known });
        Ok((name, woken))
    }

    /// Notes whether an account was found.
    pub(super) fn read(&mut self, name: &str, exists: bool, now: Duration) {
        let Some(known) = self.take(name) else { return };
        if exists {
            self.put(name.to_owned(), Name { exists, due: now + EVERY, misses: 0, ..known });
            return;
        }
        let grown = EVERY.saturating_mul(1 << known.misses.min(10)).min(LONGEST);
        let many = PER_MISSING.saturating_mul(u32::try_from(self.missing.len() + 1).unwrap_or(u32::MAX));
        let again = grown.min(many.max(EVERY));
        self.put(name.to_owned(), Name { exists, due: now + again, misses: known.misses.saturating_add(1), ..known });
    }

    fn put(&mut self, name: String, known: Name) {
        self.line(known.exists).insert((known.due, name.clone()));
        self.names.insert(name, known);
    }

    fn take(&mut self, name: &str) -> Option<Name> {
        let (name, known) = self.names.remove_entry(name)?;
        self.line(known.exists).remove(&(known.due, name));
        Some(known)
    }

    fn line(&mut self, exists: bool) -> &mut BTreeSet<(Duration, String)> {
        if exists { &mut self.existing } else { &mut self.missing }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pause between two reads.
    const PAUSE: Duration = Duration::from_millis(100);

    fn names(names: impl IntoIterator<Item = String>) -> BTreeSet<String> {
        names.into_iter().collect()
    }

    /// Reads until then, as the operator does; returns when which name was read.
    fn live(agenda: &mut Agenda, now: &mut Duration, until: Duration, exists: impl Fn(&str) -> bool) -> Vec<(Duration, String)> {
        let mut reads = Vec::new();
        while *now < until {
            match agenda.next(*now) {
                Ok((name, _)) => {
                    agenda.read(&name, exists(&name), *now);
                    reads.push((*now, name));
                    *now += PAUSE;
                }
                Err(at) => *now = at.min(until).max(*now + PAUSE / 10),
            }
        }
        reads
    }

    fn longest_gap(reads: &[(Duration, String)], name: &str) -> Duration {
        let times: Vec<Duration> = reads.iter().filter(|(_, read)| read == name).map(|(at, _)| *at).collect();
        times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(Duration::MAX)
    }

    #[test]
    fn however_many_names_are_invented_an_account_that_exists_is_read_every_few_seconds() {
        let (mut agenda, mut now) = (Agenda::default(), Duration::ZERO);
        let existing: Vec<String> = (0..5).map(|number| format!("existing-{number}")).collect();
        let exists = |name: &str| name.starts_with("existing");
        agenda.set_names(&names(existing.iter().cloned()), now);
        live(&mut agenda, &mut now, Duration::from_secs(10), exists);
        let mut reads = Vec::new();
        // A thousand names that are replaced by others all the time.
        for round in 0..60 {
            let invented = (0..1000).map(|number| format!("invented-{round}-{number}"));
            let gone = agenda.set_names(&names(existing.iter().cloned().chain(invented)), now);
            assert!(gone.len() == if round == 0 { 0 } else { 1000 });
            (0..1000).for_each(|number| agenda.want(&format!("invented-{round}-{number}"), now));
            let until = now + EVERY;
            reads.extend(live(&mut agenda, &mut now, until, exists));
        }
        for name in &existing {
            let gap = longest_gap(&reads, name);
            assert!(gap <= EVERY + Duration::from_secs(1), "{name} is not read for {gap:?}");
        }
        assert!(reads.len() > 50 * 60 / 2, "the others are read as well");
        agenda.set_names(&names(existing), now);
        assert_eq!((agenda.names.len(), agenda.existing.len(), agenda.missing.len()), (5, 5, 0), "they are forgotten");
    }

    #[test]
    fn a_few_accounts_that_are_missing_are_looked_for_as_often_as_the_others_and_many_seldom() {
        for (count, longest) in [(3, Duration::from_secs(6)), (100, Duration::from_secs(110)), (2000, LONGEST + Duration::from_secs(60))] {
            let (mut agenda, mut now) = (Agenda::default(), Duration::ZERO);
            agenda.set_names(&names((0..count).map(|number| number.to_string())), now);
            let reads = live(&mut agenda, &mut now, Duration::from_secs(3600), |_| false);
            let gap = longest_gap(&reads[reads.len() / 2..], "1");
            assert!(gap <= longest, "of {count} missing, one is not looked for for {gap:?}");
            let a_second = reads.len() as f64 / 3600.0;
            assert!(a_second < 8.0, "{a_second} reads a second for {count} that do not exist");
        }
    }

    #[test]
    fn what_is_new_is_looked_for_soon_and_often_at_first_however_many_are_missing() {
        let (mut agenda, mut now) = (Agenda::default(), Duration::ZERO);
        let invented: Vec<String> = (0..1000).map(|number| number.to_string()).collect();
        agenda.set_names(&names(invented.iter().cloned()), now);
        live(&mut agenda, &mut now, Duration::from_secs(3600), |_| false);
        agenda.want("new", now);
        let until = now + Duration::from_secs(60);
        let reads = live(&mut agenda, &mut now, until, |_| false);
        assert!(reads.iter().filter(|(_, name)| name == "new").count() >= 3, "{reads:?}");
    }

    #[test]
    fn what_is_woken_is_read_at_once_and_once_however_often() {
        let (mut agenda, now) = (Agenda::default(), Duration::from_secs(1));
        agenda.set_names(&names(["a", "b"].map(str::to_owned)), now);
        for name in ["a", "b"] {
            assert_eq!(agenda.next(now), Ok((name.to_owned(), false)));
            agenda.read(name, true, now);
        }
        assert_eq!(agenda.next(now), Err(now + EVERY));
        ["b", "b", "c"].into_iter().for_each(|name| agenda.want(name, now));
        for name in ["b", "c"] {
            assert_eq!(agenda.next(now), Ok((name.to_owned(), true)));
        }
        assert_eq!(agenda.next(now), Err(now + EVERY));
    }

    #[test]
    fn an_account_that_is_gone_and_comes_back_is_of_those_that_exist_again() {
        let (mut agenda, mut now) = (Agenda::default(), Duration::ZERO);
        agenda.set_names(&names(["a".to_owned()]), now);
        for exists in [true, false, true] {
            assert_eq!(agenda.next(now), Ok(("a".to_owned(), false)));
            agenda.read("a", exists, now);
            assert_eq!((agenda.existing.len(), agenda.missing.len()), (usize::from(exists), usize::from(!exists)));
            now += EVERY;
        }
    }
}
