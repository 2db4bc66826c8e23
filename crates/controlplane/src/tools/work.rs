//! Pure: how much there is to build, how much of it is done, and how long the rest takes.
//!
//! What is counted is what the compilers themselves count: packages of Go, as `go list -deps` names those that are not in Go's cache
//! yet, and crates, as cargo's own progress does. What a package or a crate costs on average is known roughly, and how fast this machine
//! is shows while it works.

use std::collections::VecDeque;
use std::time::Duration;

/// What a package of Go costs on average, in seconds of one core: as measured with all 2,643 of `make demo`, and those of
/// kube-apiserver cost more than those of etcd.
const PACKAGE_SECONDS: f64 = 0.3;

/// What a crate costs on average, likewise: those of `make demo`.
const CRATE_SECONDS: f64 = 0.8;

/// For how many seconds of one core this machine is believed to be as fast as the one that was measured: then its own pace counts more.
const BELIEVED: f64 = 60.0;

/// What pace counts: that of the last minutes, as a machine is busy at times.
const RECENT: Duration = Duration::from_secs(180);

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Package,
    Crate,
}

impl Unit {
    fn seconds(self) -> f64 {
        match self {
            Unit::Package => PACKAGE_SECONDS,
            Unit::Crate => CRATE_SECONDS,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Unit::Package => "Go packages",
            Unit::Crate => "crates",
        }
    }
}

/// One program of Go, or everything that cargo builds.
#[derive(Debug, Clone, Copy)]
struct Part {
    unit: Unit,
    done: u32,
    all: u32,
    /// Whether `all` was counted, or is what is usual.
    counted: bool,
    /// What was there before, and so is no work of ours.
    before: u32,
}

/// All that is to be built.
#[derive(Debug, Clone, Default)]
pub(super) struct Work {
    parts: Vec<Part>,
    /// What builders build whose parts are not known yet.
    awaited: Vec<Unit>,
    /// How much was done after how long, in seconds of one core.
    seen: VecDeque<(Duration, f64)>,
}

/// How fast this machine can be expected to be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Machine {
    pub(super) cores: f64,
    /// How many others want a core, on average.
    pub(super) load: f64,
}

impl Machine {
    /// How many cores are left for us: all processes that want one get the same, and we want as many as there are.
    fn share(self) -> f64 {
        self.cores * self.cores / (self.cores + self.load.max(0.0))
    }
}

impl Work {
    /// Another builder, which tells later what parts there are.
    pub(super) fn await_parts(&mut self, unit: Unit) {
        self.awaited.push(unit);
    }

    /// All its parts are told, and may be none.
    pub(super) fn shown(&mut self, unit: Unit) {
        self.awaited.retain(|other| *other != unit);
    }

    /// Another part, of usually so many units; its number is for the other calls.
    pub(super) fn add(&mut self, unit: Unit, usual: u32) -> usize {
        self.parts.push(Part { unit, done: 0, all: usual, counted: false, before: 0 });
        self.parts.len() - 1
    }

    /// So many units were counted.
    pub(super) fn count(&mut self, part: usize, all: u32) {
        let part = &mut self.parts[part];
        (part.all, part.counted) = (all, true);
    }

    /// So many of them are done.
    pub(super) fn done(&mut self, part: usize, done: u32) {
        let part = &mut self.parts[part];
        part.done = done.min(part.all).max(part.done);
    }

    /// The count of a tool that also counts what need not be built, and skips that first.
    pub(super) fn count_with_fresh(&mut self, part: usize, done: u32, all: u32) {
        let first = !self.parts[part].counted;
        self.count(part, all);
        if first {
            self.parts[part].before = done;
        }
        self.done(part, done);
    }

    /// Nothing of it is left to do.
    pub(super) fn end(&mut self, part: usize) {
        let part = &mut self.parts[part];
        if !part.counted {
            part.all = part.done;
        }
        (part.done, part.counted) = (part.all, true);
    }

    /// Whether all of it was told and counted.
    pub(super) fn is_counted(&self) -> bool {
        self.awaited.is_empty() && self.parts.iter().all(|part| part.counted)
    }

    /// Whether anything is left to do.
    pub(super) fn is_left(&self) -> bool {
        self.parts.iter().any(|part| part.done < part.all)
    }

    fn units(&self, unit: Unit) -> (u32, u32, bool) {
        let parts = self.parts.iter().filter(|part| part.unit == unit);
        parts.fold((0, 0, true), |(done, all, counted), part| (done + part.done, all + part.all, counted && part.counted))
    }

    /// Of all units, in hundredths; a hundred only when nothing is left.
    fn percent(&self) -> u32 {
        let (done, all) = self.parts.iter().fold((0, 0), |(done, all), part| (done + part.done, all + part.all));
        (done * 100).checked_div(all).unwrap_or(100)
    }

    fn seconds(&self, units: impl Fn(&Part) -> u32) -> f64 {
        self.parts.iter().map(|part| f64::from(units(part)) * part.unit.seconds()).sum()
    }

    /// What was done by us so far.
    fn worked(&self) -> f64 {
        self.seconds(|part| part.done.saturating_sub(part.before))
    }

    /// It is so late: remembers what is done by now.
    pub(super) fn tick(&mut self, elapsed: Duration) {
        let worked = self.worked();
        if self.seen.back().is_none_or(|(last, _)| elapsed >= *last + RECENT / 10) {
            self.seen.push_back((elapsed, worked));
        }
        while self.seen.len() > 1 && self.seen[1].0 + RECENT <= elapsed {
            self.seen.pop_front();
        }
    }

    /// How long the rest takes, after so long.
    fn left(&self, elapsed: Duration, machine: Machine) -> Duration {
        // As if the first seconds had been worked off at the pace that is expected, and then at that of the whole time.
        let pace = |worked: f64, time: Duration, believed: f64| (worked + BELIEVED) / (time.as_secs_f64() + BELIEVED / believed);
        let whole = pace(self.worked(), elapsed, machine.share());
        let (then, worked) = self.seen.front().copied().unwrap_or_default();
        let recent = pace((self.worked() - worked).max(0.0), elapsed.saturating_sub(then), whole);
        Duration::from_secs_f64(self.seconds(|part| part.all - part.done) / recent)
    }

    /// What is said at the start: all that was to be built then, as a builder may be at work before the other has counted.
    pub(super) fn announcement(&self, machine: Machine) -> String {
        let parts: Vec<String> = [Unit::Package, Unit::Crate]
            .into_iter()
            .filter_map(|unit| {
                let (_, _, counted) = self.units(unit);
                let parts = self.parts.iter().filter(|part| part.unit == unit);
                let missing: u32 = parts.map(|part| part.all - part.before).sum();
                let about = if counted { "" } else { "about " };
                (missing > 0).then(|| format!("{about}{} {}", thousands(missing), unit.name()))
            })
            .collect();
        let busy = if machine.load >= 1.0 { ", as busy as they are" } else { "" };
        format!(
            "to build: {}; {} on {} cores{busy}. Interrupted, it goes on where it stopped",
            parts.join(" and "),
            spoken(self.left(Duration::ZERO, machine)),
            machine.cores
        )
    }

    /// What is said meanwhile; it fits on a terminal of 80 columns.
    pub(super) fn line(&self, elapsed: Duration, machine: Machine) -> String {
        let mut line = format!("{} %", self.percent());
        for unit in [Unit::Package, Unit::Crate] {
            let (done, all, counted) = self.units(unit);
            if all > 0 {
                let about = if counted { "" } else { "~" };
                line += &format!(" · {} of {about}{} {}", thousands(done), thousands(all), unit.name());
            }
        }
        format!("{line} · {} left", spoken(self.left(elapsed, machine)).replace("about ", "~"))
    }
}

/// A time as one says it: seconds of what takes minutes are not believed.
pub(crate) fn spoken(time: Duration) -> String {
    match time.as_secs() {
        0..=9 => "seconds".to_owned(),
        seconds @ 10..=89 => format!("about {} s", seconds.div_ceil(10) * 10),
        seconds => format!("about {} min", (seconds + 30) / 60),
    }
}

/// How long building so many packages of Go takes on this machine, for a line before anything was counted.
pub(super) fn usual(packages: u32, machine: Machine) -> String {
    let mut work = Work::default();
    work.add(Unit::Package, packages);
    spoken(work.left(Duration::ZERO, machine))
}

fn thousands(number: u32) -> String {
    if number < 1000 { number.to_string() } else { format!("{},{:03}", number / 1000, number % 1000) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Machine = Machine { cores: 2.0, load: 0.0 };

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_percentage_is_of_all_units_and_a_hundred_only_at_the_end() {
        let mut work = Work::default();
        let go = work.add(Unit::Package, 500);
        let rust = work.add(Unit::Crate, 0);
        assert_eq!(work.percent(), 0);
        work.count(go, 700);
        work.count_with_fresh(rust, 0, 300);
        work.done(go, 699);
        work.done(rust, 300);
        assert_eq!(work.percent(), 99);
        work.end(go);
        assert_eq!((work.percent(), work.is_left()), (100, false));
    }

    #[test]
    fn what_one_builder_has_counted_is_not_all_until_the_other_has_told_its_parts() {
        let mut work = Work::default();
        work.await_parts(Unit::Package);
        work.await_parts(Unit::Crate);
        let go = work.add(Unit::Package, 0);
        work.shown(Unit::Package);
        work.count(go, 4);
        assert!(!work.is_counted(), "cargo has not begun");
        let rust = work.add(Unit::Crate, 0);
        work.shown(Unit::Crate);
        assert!(!work.is_counted());
        work.count_with_fresh(rust, 0, 40);
        assert!(work.is_counted());
    }

    #[test]
    fn a_count_never_goes_back_nor_beyond_its_end() {
        let mut work = Work::default();
        let go = work.add(Unit::Package, 0);
        work.count(go, 10);
        work.done(go, 8);
        work.done(go, 3);
        assert_eq!(work.units(Unit::Package), (8, 10, true));
        work.done(go, 12);
        assert_eq!(work.units(Unit::Package), (10, 10, true));
    }

    #[test]
    fn a_machine_that_is_half_as_fast_is_believed_after_a_while() {
        let mut work = Work::default();
        let go = work.add(Unit::Package, 0);
        work.count(go, 2000);
        let expected = 2000.0 * PACKAGE_SECONDS / 2.0;
        assert!((work.left(Duration::ZERO, IDLE).as_secs_f64() - expected).abs() < 1.0);
        // Half of it has taken as long as all should.
        work.done(go, 1000);
        let left = work.left(Duration::from_secs_f64(expected), IDLE).as_secs_f64();
        assert!(left > 0.9 * expected && left <= expected, "{left} of {expected}");
    }

    #[test]
    fn a_machine_that_others_need_meanwhile_is_believed_to_stay_busy() {
        let mut work = Work::default();
        let go = work.add(Unit::Package, 0);
        work.count(go, 2400);
        // Three minutes at the expected pace, and then at a tenth of it.
        let pace = IDLE.share() / PACKAGE_SECONDS;
        let packages = |second: u32| f64::from(second.min(180)) * pace + f64::from(second.saturating_sub(180)) * pace / 10.0;
        let mut after = |second: u32| {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few hundred")]
            work.done(go, packages(second) as u32);
            work.tick(seconds(second.into()));
            work.left(seconds(second.into()), IDLE).as_secs_f64() / ((2400.0 - packages(second)) / pace)
        };
        let idle: Vec<f64> = (0..=180).map(&mut after).collect();
        let busy: Vec<f64> = (181..=480).map(&mut after).collect();
        assert!(idle.iter().all(|share| (0.9..1.1).contains(share)), "{idle:?}");
        let last = busy[299];
        assert!(last > 4.0 && last < 11.0, "{last}");
        // As it goes by the last minutes, it comes nearer from one to the next.
        assert!(busy[60] > 1.2 && busy[150] > busy[60] && last > busy[150], "{busy:?}");
    }

    #[test]
    fn on_a_busy_machine_the_first_estimate_is_longer() {
        let mut work = Work::default();
        work.add(Unit::Package, 2000);
        let busy = work.left(Duration::ZERO, Machine { load: 6.0, ..IDLE });
        assert_eq!(busy, work.left(Duration::ZERO, IDLE) * 4);
    }

    #[test]
    fn crates_that_were_there_tell_nothing_of_the_pace() {
        let left = |before| {
            let mut work = Work::default();
            let rust = work.add(Unit::Crate, 0);
            work.count_with_fresh(rust, before, 320);
            work.done(rust, 310);
            work.left(seconds(120), IDLE)
        };
        assert!(left(300) > left(0) * 2, "{:?} {:?}", left(300), left(0));
    }

    #[test]
    fn the_start_tells_what_is_missing_and_how_long_it_takes() {
        let mut work = Work::default();
        let go = work.add(Unit::Package, 2600);
        let rust = work.add(Unit::Crate, 0);
        work.count_with_fresh(rust, 20, 320);
        let said = work.announcement(IDLE);
        assert!(said.starts_with("to build: about 2,600 Go packages and 300 crates; about "), "{said}");
        assert!(said.ends_with(" min on 2 cores. Interrupted, it goes on where it stopped"), "{said}");
        work.done(rust, 319);
        assert!(work.announcement(IDLE).contains(" and 300 crates; "), "that is what was to be built at the start");
        work.count(go, 0);
        work.end(rust);
        let rust = work.add(Unit::Crate, 0);
        work.count_with_fresh(rust, 4, 5);
        let said = work.announcement(Machine { load: 1.5, ..IDLE });
        assert!(said.starts_with("to build: 301 crates; seconds on 2 cores, as busy as they are"), "{said}");
    }

    #[test]
    fn the_longest_line_fits_on_a_terminal() {
        let mut work = Work::default();
        let go = work.add(Unit::Package, 14_000);
        let rust = work.add(Unit::Crate, 0);
        work.count_with_fresh(rust, 0, 1999);
        work.done(go, 13_870);
        work.done(rust, 1500);
        let line = work.line(seconds(90_000), IDLE);
        assert!(line.contains("13,870 of ~14,000 Go packages · 1,500 of 1,999 crates · ~"), "{line}");
        assert!(line.chars().count() < 80, "{line}");
    }

    #[test]
    fn times_are_as_exact_as_they_are_known() {
        let said = |time| spoken(seconds(time));
        assert_eq!(said(3), "seconds");
        assert_eq!(said(41), "about 50 s");
        assert_eq!(said(89), "about 90 s");
        assert_eq!(said(90), "about 2 min");
        assert_eq!(said(8 * 60 + 20), "about 8 min");
    }
}
