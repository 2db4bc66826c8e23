use strum::VariantArray as _;

use super::*;

#[test]
fn every_situation_is_known_again_by_its_reason() {
    for &situation in Situation::VARIANTS {
        assert_eq!(situation.reason().parse(), Ok(situation));
    }
}

#[test]
fn reasons_are_camel_case_and_messages_hold_no_figures() {
    for &situation in Situation::VARIANTS {
        let (reason, message) = (situation.reason(), situation.row().message);
        assert!(reason.chars().all(|c| c.is_ascii_alphabetic()) && reason.starts_with(|c: char| c.is_ascii_uppercase()), "{reason}");
        assert!(!message.chars().any(|c| c.is_ascii_digit()), "{message}");
    }
}
