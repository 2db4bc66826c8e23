use proptest::prelude::*;

use super::*;

proptest! {
    /// One namespace's thousand delay another one's next by at most one turn each, whatever has come, gone and been held before.
    #[test]
    fn what_waits_is_delayed_by_at_most_one_turn_of_each_other_namespace(
        history in prop::collection::vec((0u64..6, 0u8..8), 0..300),
        last in 0u64..6,
    ) {
        let mut line = FairLine::default();
        let (mut waiting, mut held) = (Vec::new(), Vec::new());
        for (number, (namespace, what)) in (0_i64..).zip(history) {
            match what {
                0 => if let Some((order, uid)) = line.first() {
                    let place = waiting.iter().position(|(_, _, it)| *it == uid).unwrap();
                    let (namespace, ..) = waiting.swap_remove(place);
                    prop_assert!(line.take(namespace, order, uid));
                },
                1 => if let Some((namespace, order, uid)) = waiting.pop() {
                    prop_assert!(line.remove(namespace, order, uid));
                },
                2 => if let Some((namespace, order, uid)) = waiting.pop() {
                    prop_assert!(line.hold(namespace, order, uid));
                    held.push((namespace, order, uid));
                },
                3 => if let Some((namespace, order, uid)) = held.pop() {
                    line.push(namespace, order, uid);
                    line.release(namespace);
                    waiting.push((namespace, order, uid));
                },
                _ => {
                    let uid = Uid::try_from(number).unwrap();
                    line.push(namespace, number, uid);
                    waiting.push((namespace, number, uid));
                }
            }
            prop_assert_eq!(line.len(), waiting.len());
        }
        let own = waiting.iter().filter(|(namespace, ..)| *namespace == last).count();
        line.push(last, i64::MAX, Uid::MAX);
        waiting.push((last, i64::MAX, Uid::MAX));
        let mut before = [0; 6];
        while let Some((order, uid)) = line.first() {
            let (namespace, ..) = *waiting.iter().find(|(_, _, it)| *it == uid).unwrap();
            line.take(namespace, order, uid);
            if uid == Uid::MAX {
                break;
            }
            before[usize::try_from(namespace).unwrap()] += 1;
        }
        prop_assert_eq!(before[usize::try_from(last).unwrap()], own, "those of its own namespace come in order");
        prop_assert!(before.iter().all(|others| *others <= own + 1), "{before:?} before the last of {own} of {last}");
    }
}

#[test]
fn a_namespace_that_asks_for_its_place_again_all_the_time_keeps_it() {
    let mut line = FairLine::default();
    line.push(1, 0, 1);
    line.push(2, 0, 2);
    for _ in 0..10 {
        assert!(line.hold(1, 0, 1));
        assert_eq!(line.first(), Some((0, 2)), "nothing waits in the first place");
        line.push(1, 0, 1);
        line.release(1);
    }
    assert_eq!(line.first(), Some((0, 1)));
    assert!(line.take(1, 0, 1) && line.take(2, 0, 2));
    assert_eq!((line.first(), line.len(), line.waiting.len(), line.round.len()), (None, 0, 0, 0), "nothing is left of them");
}

#[test]
fn four_of_the_first_kind_pass_for_one_of_the_second_and_a_share_that_is_not_used_passes_on() {
    let got = |first: bool, second: bool| {
        let mut split = Split::default();
        let next = |_| {
            let next = split.prefer(first.then_some('1'), second.then_some('2'));
            split.passed(next == Some('1'));
            next
        };
        (0..10).filter_map(next).collect::<String>()
    };
    assert_eq!((got(true, true), got(true, false), got(false, true)), ("1111211112".into(), "1111111111".into(), "2222222222".into()));
}
