//! What a fleet has done, as text: the calls of each object in their order, with their number, and apart from that the times.
//!
//! The first must be equal whatever becomes of the schedule; the second may move, by less than an interval.

use std::collections::BTreeMap;

use twinconsent_core::consent::apply::Notice;
use twinconsent_core::consent::polling;

use super::{Fleet, World};
use crate::driver::at;
use crate::driver::effects::{LOOKS, POLL, POST};

/// The time and the rest of a line.
fn cut(line: &str) -> (&str, &str) {
    let (time, what) = line.split_once("  ").unwrap();
    (time, what.trim_start())
}

/// What was done for an object and what came of it, in order, without times; what comes again at once is counted.
fn calls_of(world: &World) -> String {
    let mut all: Vec<(&str, usize)> = Vec::new();
    for line in &world.trace {
        let what = cut(line).1;
        match all.last_mut() {
            Some((last, times)) if *last == what => *times += 1,
            _ => all.push((what, 1)),
        }
    }
    let line = |(what, times): (&str, usize)| if times > 1 { format!("  {what} ×{times}") } else { format!("  {what}") };
    all.into_iter().map(line).collect::<Vec<_>>().join("\n")
}

/// When what was done for an object, in seconds since the start, but for events and what was polled again and again.
fn times_of(world: &World) -> String {
    let mut all: Vec<String> = Vec::new();
    let (mut last, mut again) = ("", 0);
    for line in &world.trace {
        let (time, what) = cut(line);
        let what = what.split_once(" → ").map_or(what, |(what, _)| what);
        let what = if what.starts_with("write Ready") { "write" } else { what };
        again = if what == last { again + 1 } else { 0 };
        last = what;
        if !what.starts_with("event") && again < MOST_AGAIN {
            all.push(format!("{what} {}", second(time)));
        }
    }
    format!("  {}", all.join(", "))
}

/// How many times of the same in a row are told.
const MOST_AGAIN: u32 = 3;

/// The second that a time of the trace names.
fn second(time: &str) -> u64 {
    time.split(['+', ':']).zip([86_400, 3600, 60, 1]).map(|(number, seconds)| number.parse::<u64>().unwrap() * seconds).sum()
}

/// Objects of which the same is to be said, together: their numbers, and what it is.
fn together(members: &[World], of: fn(&World) -> String) -> String {
    let mut alike: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (number, world) in members.iter().enumerate() {
        alike.entry(of(world)).or_default().push(number);
    }
    let mut alike: Vec<(Vec<usize>, String)> = alike.into_iter().map(|(what, numbers)| (numbers, what)).collect();
    alike.sort();
    let blocks = alike.into_iter().map(|(numbers, what)| format!("{}:\n{what}", ranges(&numbers)));
    blocks.collect::<Vec<_>>().join("\n")
}

fn ranges(numbers: &[usize]) -> String {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for &number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => ranges.push((number, number)),
        }
    }
    let range = |(first, last): (usize, usize)| if first == last { format!("c{first:03}") } else { format!("c{first:03} to c{last:03}") };
    ranges.into_iter().map(range).collect::<Vec<_>>().join(", ")
}

impl Fleet {
    fn called(&self, what: &str) -> usize {
        self.members.iter().flat_map(|world| &world.called).filter(|called| called.what == what).count()
    }

    /// The calls in order and in number.
    pub fn calls(&self) -> String {
        let events = |world: &World| world.notices.iter().filter(|notice| matches!(notice, Notice::Event(_))).count();
        let (polls, looks, posts, pages) = (self.called(POLL), self.called(LOOKS), self.called(POST), self.pages.len());
        let executed: usize = self.members.iter().map(|world| world.heygen.executed()).sum();
        let writes: usize = self.members.iter().map(|world| world.writes).sum();
        let events: usize = self.members.iter().map(events).sum();
        format!(
            "{}\nin all: {polls} polls of one group, {pages} pages of the list, {looks} pages of looks, {posts} POSTs, {executed} of them \
             executed; {writes} status writes, {events} events",
            together(&self.members, calls_of)
        )
    }

    /// When they were made.
    pub fn times(&self) -> String {
        let minute = |time| polling::since(at(1), time).as_secs() / 60;
        let mut minutes: BTreeMap<u64, BTreeMap<&str, usize>> = BTreeMap::new();
        let called = self.members.iter().flat_map(|world| &world.called).map(|called| (called.at, called.what));
        for (time, what) in called.chain(self.pages.iter().map(|time| (*time, "page"))) {
            *minutes.entry(minute(time)).or_default().entry(what).or_default() += 1;
        }
        let counted = minutes.into_iter().map(|(minute, counts)| {
            let counts: Vec<String> = counts.into_iter().map(|(what, count)| format!("{what} {count}")).collect();
            format!("minute {minute}: {}", counts.join(", "))
        });
        format!("{}\n{}", counted.collect::<Vec<_>>().join("\n"), together(&self.members, times_of))
    }
}
