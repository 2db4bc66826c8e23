use super::*;

#[test]
fn no_situation_is_missing_among_all_of_them() {
    assert_eq!(Situation::ALL, Situation::VARIANTS);
}

#[test]
fn every_situation_is_known_again_by_its_reason() {
    for situation in Situation::ALL {
        assert_eq!(Situation::from_reason(situation.row().reason), Some(situation));
    }
}

#[test]
fn reasons_are_camel_case_and_messages_hold_no_figures() {
    for situation in Situation::ALL {
        let row = situation.row();
        assert!(
            row.reason.chars().all(|c| c.is_ascii_alphabetic()) && row.reason.starts_with(|c: char| c.is_ascii_uppercase()),
            "{}",
            row.reason
        );
        assert!(!row.message.chars().any(|c| c.is_ascii_digit()), "{}", row.message);
    }
}
