//! The contract of `domain::ports::queue`, run on both adapters by the same code.
//!
//! RabbitMQ is a real one: `DEVMESH_TEST_RABBITMQ_URL` names it, or the first test starts a private one. Every test has
//! a virtual host of its own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a panic is how a test says no"
)]

mod cases;
mod subject;
mod wire;

macro_rules! on_both {
    ($($case:ident),+ $(,)?) => {
        mod in_process {
            $(#[tokio::test] async fn $case() {
                crate::cases::$case(crate::subject::Subject::in_process()).await;
            })+
        }
        mod rabbitmq {
            $(#[tokio::test] async fn $case() {
                crate::cases::$case(crate::subject::Subject::rabbitmq().await).await;
            })+
        }
    };
}

on_both![
    a_published_message_is_received_as_it_was_sent,
    an_acknowledged_message_does_not_come_again,
    a_delivery_that_is_dropped_comes_again,
    a_requeued_message_comes_again,
    a_message_that_comes_back_too_often_is_put_aside,
    dead_letters_are_listed_oldest_first_and_stay,
    at_most_as_many_dead_letters_are_listed_as_asked_for,
    dead_letters_are_replayed_to_their_class_and_die_again_if_they_must,
    bytes_that_are_no_message_are_an_error_and_can_be_put_aside,
    urgent_classes_come_first,
    a_low_class_is_not_starved_by_a_full_critical_one,
    at_most_prefetch_messages_are_unanswered,
    a_busy_receiver_leaves_messages_to_an_idle_one,
    an_idle_subscription_receives_what_comes_later_in_any_class,
    a_batch_arrives_once_and_whole_over_two_receivers,
    a_receiver_of_a_backlog_that_gets_stuck_leaves_the_rest_to_an_idle_one,
    a_full_class_refuses_and_keeps_what_it_took,
    the_trace_context_travels,
    a_stream_that_is_dropped_keeps_its_deliveries_answerable,
    what_a_dropped_stream_had_not_given_out_goes_to_others,
    a_closed_queue_ends_its_streams_and_takes_nothing,
];
