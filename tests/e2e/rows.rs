//! Which test shows which row of the conditions table.

use strum::VariantArray as _;
use twinconsent_core::api::conditions::Situation;

use crate::{
    after_two_polls as withdrawn, rows_accounts as accounts, rows_answered as answered, rows_belief as belief, rows_owning as owning,
    rows_pausing as pausing, rows_permitted as permitted, rows_requests as requests, rows_secrets as secrets, rows_waiting as waiting,
};

/// The tests themselves, so that a row without one does not compile.
fn shown_by(situation: Situation) -> fn() {
    match situation {
        Situation::Withdrawn => permitted::a_withdrawal_ends_what_was_permitted_and_nobody_is_asked_any_more,
        Situation::Lapsed => permitted::a_consent_lapses_at_its_time_and_counts_again_when_that_is_moved,
        Situation::TermsChanged => permitted::an_approval_is_none_for_terms_that_the_person_was_never_asked_for,
        Situation::InitiationDisabled => permitted::a_consent_that_only_follows_never_asks_and_sees_what_others_asked_for,
        Situation::Suspended => pausing::a_consent_that_is_suspended_before_any_poll_asks_nothing_until_it_is_resumed,
        Situation::Duplicate => owning::the_second_consent_for_a_group_waits_in_its_namespace_until_the_first_is_gone,
        Situation::Restored => belief::a_restored_status_permits_nothing_until_heygen_was_read,
        Situation::Unverified => belief::what_is_not_verified_for_too_long_is_told_whatever_stopped_it_and_heals_by_itself,
        Situation::Revoked | Situation::GroupMissing => {
            withdrawn::an_approval_is_withdrawn_and_a_group_missing_only_after_two_polls_far_apart
        }
        Situation::Refused => answered::a_person_who_refused_is_asked_again_only_under_a_higher_epoch,
        Situation::TrainingFailed => answered::a_failed_training_is_told_and_leaves_an_approval_as_it_was,
        Situation::Approved => answered::both_words_for_an_approval_are_one,
        Situation::Waived => answered::a_waiver_by_word_and_one_by_silence_need_no_request,
        Situation::NotRequired => answered::only_a_group_of_nothing_but_photos_needs_no_consent,
        Situation::AccountNotReady => accounts::a_consent_names_the_account_and_the_account_the_secret_then_the_key_that_is_missing,
        Situation::AccountNotAllowed => accounts::an_account_serves_the_namespaces_that_it_names_or_selects,
        Situation::InvalidRequest => requests::a_request_that_heygen_calls_invalid_names_the_field_and_heals_when_heygen_changes_its_mind,
        Situation::NotEntitled => requests::what_an_account_is_not_entitled_to_stops_one_object_and_no_neighbour,
        Situation::AlreadyBegun => {
            requests::a_consent_that_was_begun_elsewhere_is_asked_for_once_also_by_the_next_process_and_seen_when_given
        }
        Situation::LinkSecretConflict => secrets::a_secret_of_another_owner_is_never_touched_and_the_person_not_asked_until_it_is_gone,
        Situation::LinkSecretNotWritable => secrets::a_link_in_hand_reaches_its_secret_once_that_can_be_written,
        Situation::Initiating => requests::a_request_that_waits_for_a_permit_says_so_and_costs_one_write_more,
        Situation::Unrecognized => answered::an_unknown_word_is_shown_and_is_no_approval,
        Situation::LinkExpired => waiting::a_link_that_has_died_is_told_and_not_renewed_unless_asked,
        Situation::Overdue => waiting::a_deadline_that_has_passed_is_told_and_ends_nothing,
        Situation::Awaiting => waiting::a_person_is_awaited_and_a_pipeline_may_go_on_meanwhile,
    }
}

#[test]
fn every_row_of_the_conditions_table_has_its_test() {
    assert_eq!(Situation::VARIANTS.iter().copied().map(shown_by).count(), Situation::VARIANTS.len());
}
