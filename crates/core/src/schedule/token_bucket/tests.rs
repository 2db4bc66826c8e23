use proptest::prelude::*;

use super::*;

fn at(seconds: u64) -> Timestamp {
    polling::add(Timestamp::UNIX_EPOCH, Duration::from_secs(seconds))
}

proptest! {
    /// Promise 6: requests to HeyGen stay within burst + rate × w in any window of w seconds, also right after a restart, and when tokens
    /// are given back with which nothing was sent.
    #[test]
    fn in_any_window_at_most_burst_plus_rate_times_window_requests_pass(
        per_minute in 1u32..6000,
        burst in 1u32..50,
        gaps in prop::collection::vec((0u64..3000, any::<prop::sample::Index>()), 1..400),
    ) {
        let mut now = at(1);
        let mut bucket = TokenBucket::new(per_minute, burst, now);
        let (mut passed, mut unused) = (Vec::new(), Vec::new());
        for (gap, dice) in gaps {
            now = polling::add(now, Duration::from_millis(gap));
            match dice.index(40) {
                0 => {
                    bucket = TokenBucket::new(per_minute, burst, now);
                    unused.clear();
                }
                1..10 => unused.extend(bucket.take(now)),
                10..20 => if let Some(taken) = unused.pop() { bucket.give_back(taken) },
                _ => while bucket.take(now).is_some() { passed.push(now); },
            }
        }
        // (last - first + 1) <= burst + rate * (to - from) for every pair, in one walk: `behind` is the least of first - rate * from.
        let rate = f64::from(per_minute) / 60.0;
        let mut behind = f64::INFINITY;
        for (index, time) in passed.iter().enumerate() {
            let elapsed = polling::since(at(0), *time).as_secs_f64();
            behind = behind.min(index as f64 - rate * elapsed);
            let most = (index + 1) as f64 - rate * elapsed - behind;
            prop_assert!(most <= f64::from(burst) + 1e-4, "{most} requests more than the rate gives by {time:?}");
        }
    }
}

#[test]
fn a_token_is_there_when_the_bucket_said_so() {
    let mut now = at(1);
    let mut bucket = TokenBucket::new(120, 20, now);
    for _ in 0..100 {
        if bucket.take(now).is_none() {
            now = polling::add(now, bucket.wait(0, now));
            assert!(bucket.take(now).is_some());
        }
    }
}

#[test]
fn what_comes_behind_others_is_told_how_long_it_takes() {
    let bucket = TokenBucket::new(60, 2, at(0));
    assert_eq!(bucket.wait(0, at(0)), Duration::from_secs(1));
    assert_eq!(bucket.wait(9, at(0)), Duration::from_secs(10));
    assert_eq!(bucket.wait(1, at(60)), Duration::ZERO);
}

#[test]
fn a_rested_bucket_gives_its_burst_at_once() {
    let mut bucket = TokenBucket::new(60, 20, at(0));
    assert_eq!((bucket.tokens(at(0)), bucket.tokens(at(1)), bucket.tokens(at(3600))), (0, 1, 20));
    assert_eq!((0..30).filter(|_| bucket.take(at(3600)).is_some()).count(), 20);
}

#[test]
fn a_token_that_is_given_back_at_once_is_there_again() {
    let mut bucket = TokenBucket::new(60, 1, at(0));
    let taken = bucket.take(at(60)).unwrap();
    assert!(bucket.take(at(60)).is_none());
    bucket.give_back(taken);
    assert!(bucket.take(at(60)).is_some());
    assert!(bucket.take(at(60)).is_none());
}
