//! PURE. What a candidate writes into the Lease, given what it has seen there and when.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::LeaseSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

use super::LEASE_DURATION;

/// The longest that another one's Lease is believed to be valid, whatever it says: longer would keep every replica from working for as long
/// as is written there.
const LONGEST: Duration = Duration::from_secs(300);

/// One process that stands for election.
#[derive(Debug)]
pub(super) struct Candidate {
    identity: String,
    seen: Option<Seen>,
}

/// What the Lease said, and since when it has said so as far as this process knows.
#[derive(Debug)]
struct Seen {
    spec: LeaseSpec,
    since: Duration,
}

/// What to do about the Lease.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Bid {
    /// Write this; the replica that has written it leads.
    Write(LeaseSpec),
    /// Another one holds it, for so long at most unless it renews.
    Wait(Duration),
    /// We led, and the Lease is not ours any more: lead no longer.
    Lost,
}

impl Candidate {
    pub(super) fn new(identity: String) -> Self {
        Self { identity, seen: None }
    }

    /// What to do, given whether we lead and what the Lease says `now` (a monotonic time); `None`: there is none.
    pub(super) fn bid(&mut self, leads: bool, spec: Option<&LeaseSpec>, now: Duration, wall: Timestamp) -> Bid {
        if let Some(spec) = spec
            && holder(spec) == Some(&self.identity)
        {
            return Bid::Write(self.renewed(spec, wall));
        }
        if leads {
            // Also when it was deleted: another one may be taking it this moment.
            return Bid::Lost;
        }
        let Some(spec) = spec else { return Bid::Write(self.taken(&LeaseSpec::default(), wall)) };
        if holder(spec).is_none() {
            return Bid::Write(self.taken(spec, wall));
        }
        let since = match &self.seen {
            Some(seen) if seen.spec == *spec => seen.since,
            _ => now,
        };
        self.seen = Some(Seen { spec: spec.clone(), since });
        let left = valid_for(spec).saturating_sub(now.saturating_sub(since));
        if left.is_zero() { Bid::Write(self.taken(spec, wall)) } else { Bid::Wait(left) }
    }

    /// What gives the Lease back, so that no replica has to wait until it is over.
    pub(super) fn released(&self, spec: &LeaseSpec, wall: Timestamp) -> LeaseSpec {
        LeaseSpec { holder_identity: None, lease_duration_seconds: Some(1), renew_time: Some(MicroTime(wall)), ..spec.clone() }
    }

    fn renewed(&self, spec: &LeaseSpec, wall: Timestamp) -> LeaseSpec {
        LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(LEASE_DURATION.as_secs()).ok(),
            renew_time: Some(MicroTime(wall)),
            ..spec.clone()
        }
    }

    fn taken(&self, spec: &LeaseSpec, wall: Timestamp) -> LeaseSpec {
        LeaseSpec {
            acquire_time: Some(MicroTime(wall)),
            lease_transitions: Some(spec.lease_transitions.map_or(0, |transitions| transitions.saturating_add(1))),
            ..self.renewed(spec, wall)
        }
    }
}

/// The holder of the Lease, according to it.
pub(super) fn holder(spec: &LeaseSpec) -> Option<&String> {
    spec.holder_identity.as_ref().filter(|holder| !holder.is_empty())
}

/// How long a Lease is valid that another one holds: as it says, within bounds.
///
/// Never less than ours: a holder may be a replica that believes itself leading until shortly before, also when another one has shortened its Lease.
fn valid_for(spec: &LeaseSpec) -> Duration {
    let says = spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok()).map_or(LEASE_DURATION, Duration::from_secs);
    says.clamp(LEASE_DURATION, LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate() -> Candidate {
        Candidate::new("us".to_owned())
    }

    fn at(seconds: u64) -> (Duration, Timestamp) {
        (Duration::from_secs(seconds), Timestamp::from_second(1_700_000_000 + i64::try_from(seconds).unwrap()).unwrap())
    }

    fn held_by(holder: &str, renewed: u64) -> LeaseSpec {
        LeaseSpec {
            holder_identity: Some(holder.to_owned()),
            lease_duration_seconds: Some(15),
            renew_time: Some(MicroTime(at(renewed).1)),
            lease_transitions: Some(3),
            ..LeaseSpec::default()
        }
    }

    fn bid(candidate: &mut Candidate, spec: Option<&LeaseSpec>, seconds: u64) -> Bid {
        let (now, wall) = at(seconds);
        candidate.bid(false, spec, now, wall)
    }

    fn written(bid: Bid) -> LeaseSpec {
        match bid {
            Bid::Write(spec) => spec,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_lease_that_does_not_exist_or_that_has_no_holder_is_taken_at_once() {
        let taken = written(bid(&mut candidate(), None, 100));
        assert_eq!(
            (taken.holder_identity.as_deref(), taken.lease_duration_seconds, taken.lease_transitions),
            (Some("us"), Some(15), Some(0))
        );
        assert_eq!((taken.acquire_time.clone(), taken.renew_time), (Some(MicroTime(at(100).1)), taken.acquire_time));
        for no_holder in [None, Some(String::new())] {
            let free = LeaseSpec { holder_identity: no_holder, ..held_by("", 100) };
            assert_eq!(written(bid(&mut candidate(), Some(&free), 100)).lease_transitions, Some(4));
        }
    }

    #[test]
    fn anothers_lease_is_taken_when_it_was_not_seen_to_change_for_as_long_as_it_is_valid() {
        let mut candidate = candidate();
        let held = held_by("them", 0);
        assert_eq!(bid(&mut candidate, Some(&held), 100), Bid::Wait(Duration::from_secs(15)));
        assert_eq!(bid(&mut candidate, Some(&held), 114), Bid::Wait(Duration::from_secs(1)));
        let taken = written(bid(&mut candidate, Some(&held), 115));
        assert_eq!((taken.holder_identity.as_deref(), taken.lease_transitions), (Some("us"), Some(4)));
    }

    #[test]
    fn a_renewal_starts_the_wait_anew() {
        let mut candidate = candidate();
        let _ = bid(&mut candidate, Some(&held_by("them", 0)), 100);
        assert_eq!(bid(&mut candidate, Some(&held_by("them", 2)), 114), Bid::Wait(Duration::from_secs(15)));
        assert_eq!(bid(&mut candidate, Some(&held_by("them", 2)), 128), Bid::Wait(Duration::from_secs(1)));
    }

    #[test]
    fn the_times_in_a_lease_decide_nothing() {
        // Renewed in 1970, or in the future: seen for the first time all the same.
        for renewed in [0, 9_000_000] {
            assert_eq!(bid(&mut candidate(), Some(&held_by("them", renewed)), 100), Bid::Wait(Duration::from_secs(15)));
        }
    }

    #[test]
    fn a_holder_says_itself_how_long_its_lease_is_valid() {
        let mut candidate = candidate();
        let held = LeaseSpec { lease_duration_seconds: Some(60), ..held_by("them", 0) };
        let _ = bid(&mut candidate, Some(&held), 100);
        assert_eq!(bid(&mut candidate, Some(&held), 159), Bid::Wait(Duration::from_secs(1)));
    }

    #[test]
    fn whatever_duration_stands_in_anothers_lease_it_is_over_after_a_time_that_makes_sense() {
        for (stands, valid) in [
            (None, 15),
            (Some(i32::MIN), 15),
            (Some(-1), 15),
            (Some(0), 15),
            (Some(1), 15),
            (Some(14), 15),
            (Some(299), 299),
            (Some(300), 300),
            (Some(301), 300),
            // 68 years.
            (Some(i32::MAX), 300),
        ] {
            let mut candidate = candidate();
            let held = LeaseSpec { lease_duration_seconds: stands, ..held_by("them", 0) };
            assert_eq!(bid(&mut candidate, Some(&held), 100), Bid::Wait(Duration::from_secs(valid)), "{stands:?}");
            assert_eq!(bid(&mut candidate, Some(&held), 99 + valid), Bid::Wait(Duration::from_secs(1)), "{stands:?}");
            assert_eq!(written(bid(&mut candidate, Some(&held), 100 + valid)).lease_duration_seconds, Some(15), "{stands:?}");
        }
    }

    #[test]
    fn a_leader_whose_lease_is_not_its_own_any_more_has_lost_whatever_became_of_it() {
        let (now, wall) = at(100);
        for lost in [None, Some(held_by("them", 0)), Some(LeaseSpec::default())] {
            assert_eq!(candidate().bid(true, lost.as_ref(), now, wall), Bid::Lost, "{lost:?}");
        }
        assert!(matches!(candidate().bid(true, Some(&held_by("us", 98)), now, wall), Bid::Write(_)));
    }

    #[test]
    fn our_own_lease_is_renewed_and_keeps_when_it_was_acquired() {
        let acquired = LeaseSpec { acquire_time: Some(MicroTime(at(50).1)), ..held_by("us", 98) };
        let renewed = written(bid(&mut candidate(), Some(&acquired), 100));
        assert_eq!(renewed, LeaseSpec { renew_time: Some(MicroTime(at(100).1)), ..acquired });
    }

    #[test]
    fn a_lease_that_was_given_back_is_free_for_every_replica() {
        let released = candidate().released(&held_by("us", 98), at(100).1);
        let mut other = Candidate::new("them".to_owned());
        assert_eq!(written(bid(&mut other, Some(&released), 100)).holder_identity.as_deref(), Some("them"));
        // Also where an empty name is taken for one.
        assert_eq!(released.lease_duration_seconds, Some(1));
    }
}
