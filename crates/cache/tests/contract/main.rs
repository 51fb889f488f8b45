//! The contract of `domain::ports::cache`, run on both adapters by the same code.
//!
//! Redis is a real one: `DEVMESH_TEST_REDIS_URL` names it, or the first test starts a private one. Every test has a key
//! prefix of its own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a panic is how a test says no"
)]

mod buckets;
mod cases;
mod subject;

macro_rules! on_both {
    ($($case:ident),+ $(,)?) => {
        mod in_process {
            $(#[tokio::test] async fn $case() {
                crate::cases::$case(crate::subject::Subject::in_process()).await;
            })+
        }
        mod redis {
            $(#[tokio::test] async fn $case() {
                crate::cases::$case(crate::subject::Subject::redis().await).await;
            })+
        }
    };
}

on_both![
    a_value_is_there_for_everybody_until_it_is_removed,
    a_value_may_be_empty_or_any_bytes,
    a_value_is_replaced_with_its_time,
    a_value_is_gone_after_its_time,
    an_expiry_that_is_prolonged_keeps_the_value,
    what_is_not_there_cannot_be_prolonged,
    of_many_who_set_an_absent_value_one_succeeds,
    an_absent_value_can_be_set_again_after_its_time,
    entries_are_numbered_from_one_and_read_from_where_one_stopped,
    numbers_go_on_when_old_entries_are_trimmed,
    simultaneous_appends_get_numbers_of_their_own,
    a_list_is_gone_after_its_time_and_begins_again,
    an_append_prolongs_the_list,
    a_list_that_is_not_there_is_empty,
    a_key_of_the_other_kind_is_an_error_and_stays_as_it_is,
    a_listener_hears_its_channel_from_another_participant,
    every_listener_hears_every_message,
    a_message_that_nobody_hears_is_no_error,
    it_answers_a_ping,
    a_bucket_gives_its_burst_and_then_says_how_long_to_wait,
    a_call_that_one_bucket_refuses_takes_nothing_from_the_others,
    buckets_of_other_tenants_and_subjects_are_others,
    a_limit_that_becomes_wider_has_a_token_again_after_an_interval_of_its_own,
    two_participants_together_get_what_the_limit_says,
];
