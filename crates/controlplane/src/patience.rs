//! When to give up waiting: when nothing moves, and not because a machine is slow.
//!
//! A deadline for the whole would measure the machine. So it is one for standing still: it begins anew whenever something is seen that
//! was not seen before. What goes round in circles does not move, and what moves for ever without an end has `MOST_DEADLINES`.
//! And time is counted by checks: a machine on which a check takes ten times as long does everything else as slowly, so that of a check
//! no more counts than twice the pause before it.

use std::collections::HashSet;
use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::thread;
use std::time::{Duration, Instant};

/// How many times its deadline something may take that moves on and on.
const MOST_DEADLINES: u32 = 10;

/// How long something may stand still, and what was seen of it.
#[derive(Debug)]
pub struct Patience {
    deadline: Duration,
    /// How long the whole may take.
    most: Duration,
    pause: Duration,
    began: Instant,
    /// When it was checked last, from the beginning on.
    checked: Duration,
    /// What counts of the time until then.
    spent: Duration,
    /// What counted when there was something new last.
    moved: Duration,
    seen: HashSet<u64>,
}

/// Why the wait has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GivenUp {
    /// Nothing new was seen.
    #[error("standing still for {0:?}")]
    Still(Duration),
    /// There was always something new, and no end.
    #[error("no end after {0:?}")]
    Endless(Duration),
}

impl Patience {
    /// Begins to wait for something that may stand still for so long, with this pause before each check.
    #[must_use]
    pub fn of(deadline: Duration, pause: Duration) -> Self {
        Self::within(deadline, pause, deadline * MOST_DEADLINES)
    }

    /// The same, for what may move for so long in all.
    #[must_use]
    pub fn within(deadline: Duration, pause: Duration, most: Duration) -> Self {
        let zero = Duration::ZERO;
        Self { deadline, most, pause, began: Instant::now(), checked: zero, spent: zero, moved: zero, seen: HashSet::new() }
    }

    /// How long it has taken so far, apart from the machine's speed.
    pub fn spent(&mut self) -> Duration {
        self.count(self.began.elapsed());
        self.spent
    }

    fn count(&mut self, elapsed: Duration) {
        self.spent += elapsed.saturating_sub(self.checked).min(self.pause * 2);
        self.checked = elapsed;
    }

    /// Takes in what is there to be seen instead of the end.
    ///
    /// # Errors
    /// When it is time to give up.
    pub fn sees(&mut self, what: impl Hash) -> Result<(), GivenUp> {
        self.sees_at(self.began.elapsed(), [what])
    }

    /// Takes in several things, of which one that is new is enough.
    ///
    /// # Errors
    /// When it is time to give up.
    pub fn sees_each(&mut self, what: impl IntoIterator<Item = impl Hash>) -> Result<(), GivenUp> {
        self.sees_at(self.began.elapsed(), what)
    }

    fn sees_at(&mut self, elapsed: Duration, what: impl IntoIterator<Item = impl Hash>) -> Result<(), GivenUp> {
        self.count(elapsed);
        let before = self.seen.len();
        self.seen.extend(what.into_iter().map(|what| {
            let mut hasher = DefaultHasher::new();
            what.hash(&mut hasher);
            hasher.finish()
        }));
        if self.seen.len() > before {
            self.moved = self.spent;
        }
        if self.spent - self.moved > self.deadline {
            return Err(GivenUp::Still(self.deadline));
        }
        if elapsed > self.most { Err(GivenUp::Endless(elapsed)) } else { Ok(()) }
    }
}

/// Tries until it succeeds, as long as it does not stand still for `deadline`, with this pause between two tries.
///
/// # Errors
/// Why it was given up, and the last failure.
pub fn until<T, E: Debug>(deadline: Duration, pause: Duration, attempt: impl FnMut() -> Result<T, E>) -> Result<T, String> {
    timed(deadline, pause, attempt).map(|(value, _)| value)
}

/// The same, and how long it took, apart from the machine's speed.
///
/// # Errors
/// As [`until`].
pub fn timed<T, E: Debug>(deadline: Duration, pause: Duration, mut attempt: impl FnMut() -> Result<T, E>) -> Result<(T, Duration), String> {
    let mut patience = Patience::of(deadline, pause);
    loop {
        let error = match attempt() {
            Ok(value) => return Ok((value, patience.spent())),
            Err(error) => format!("{error:?}"),
        };
        patience.sees(&error).map_err(|given_up| format!("{given_up}; last: {error}"))?;
        thread::sleep(pause);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    const DEADLINE: Duration = Duration::from_secs(60);

    /// What becomes of a wait that sees these numbers, one at each step; when, if it is given up.
    fn seeing(step: Duration, numbers: impl IntoIterator<Item = u32>) -> Result<(), (u32, GivenUp)> {
        let mut patience = Patience::of(DEADLINE, Duration::from_millis(50));
        let mut checks = 0;
        numbers.into_iter().try_for_each(|number| {
            checks += 1;
            patience.sees_at(step * checks, [number]).map_err(|given_up| ((step * checks).as_secs().try_into().unwrap(), given_up))
        })
    }

    #[test]
    fn what_moves_has_its_time_anew_and_what_stands_still_or_goes_round_in_circles_is_given_up() {
        let step = Duration::from_millis(50);
        let moves_each_half_minute = (0..9 * 60 * 20).map(|check| check / 600);
        assert_eq!(seeing(step, moves_each_half_minute), Ok(()));
        for stands in [vec![7], vec![1, 2, 3]] {
            let (after, given_up) = seeing(step, stands.into_iter().cycle()).unwrap_err();
            assert!(after == 60 && matches!(given_up, GivenUp::Still(_)), "{after} s: {given_up}");
        }
        let (after, given_up) = seeing(step, 0..).unwrap_err();
        assert!(after == 600 && matches!(given_up, GivenUp::Endless(_)), "{after} s: {given_up}");
    }

    #[test]
    fn what_may_take_longer_in_all_stands_still_no_longer() {
        let step = Duration::from_millis(100);
        let mut patience = Patience::within(Duration::from_secs(10), step, Duration::from_secs(480));
        let given_up = (1..).find_map(|check: u32| Some((check, patience.sees_at(step * check, [check.min(3000)]).err()?)));
        assert_eq!(given_up, Some((3101, GivenUp::Still(Duration::from_secs(10)))));
        let mut patience = Patience::within(Duration::from_secs(10), step, Duration::from_secs(480));
        let given_up = (1..).find_map(|check: u32| Some((check, patience.sees_at(step * check, [check]).err()?)));
        assert_eq!(given_up, Some((4801, GivenUp::Endless(step * 4801))));
    }

    #[test]
    fn a_machine_on_which_a_check_takes_long_has_longer_and_is_not_waited_for_for_ever() {
        let (after, given_up) = seeing(Duration::from_millis(200), std::iter::repeat(7)).unwrap_err();
        assert!(after == 120 && matches!(given_up, GivenUp::Still(_)), "{after} s: {given_up}");
        let (after, given_up) = seeing(Duration::from_secs(30), std::iter::repeat(7)).unwrap_err();
        assert!(after == 630 && matches!(given_up, GivenUp::Endless(_)), "{after} s: {given_up}");
    }
}
