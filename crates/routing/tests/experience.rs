//! What is learned, and how it fades.

use proptest::prelude::*;
use routing::{Experience, Outcome};

const HOUR: f64 = 3_600.0;

fn learned(outcomes: &[Outcome]) -> Experience {
    outcomes.iter().fold(Experience::default(), |known, outcome| {
        known.after(*outcome, HOUR)
    })
}

fn outcome(succeeded: bool, seconds: f64, ended_at: u64) -> Outcome {
    Outcome {
        succeeded,
        seconds,
        ended_at,
    }
}

#[test]
fn an_outcome_counts_half_after_each_half_life() {
    let known = learned(&[outcome(true, 10.0, 0), outcome(false, 4.0, 3_600_000)]);
    assert_eq!((known.successes, known.failures, known.seconds), (0.5, 1.0, 9.0));
    let later = known.at(2 * 3_600_000, HOUR);
    assert_eq!(
        (later.successes, later.failures, later.weight()),
        (0.25, 0.5, 0.75)
    );
}

#[test]
fn seconds_that_are_no_time_count_as_none() {
    let known = learned(&[
        outcome(true, f64::NAN, 0),
        outcome(true, -5.0, 0),
        outcome(true, f64::INFINITY, 0),
    ]);
    assert_eq!((known.successes, known.seconds), (3.0, 0.0));
}

#[test]
fn without_a_half_life_nothing_is_forgotten() {
    let known = outcome(true, 1.0, 0);
    let known = Experience::default().after(known, 0.0).at(u64::MAX, 0.0);
    assert_eq!(known.successes, 1.0);
}

proptest! {
    #[test]
    fn the_order_in_which_outcomes_come_does_not_matter(
        outcomes in proptest::collection::vec((any::<bool>(), 0.0..100.0, 0..100_000_000_u64), 1..20),
        turn in 0..20_usize,
    ) {
        let outcomes: Vec<_> = outcomes.into_iter().map(|(ok, seconds, at)| outcome(ok, seconds, at)).collect();
        let mut turned = outcomes.clone();
        turned.rotate_left(turn % outcomes.len());
        let (one, other) = (learned(&outcomes), learned(&turned));
        prop_assert_eq!(one.as_of, other.as_of);
        for (one, other) in [
            (one.successes, other.successes),
            (one.failures, other.failures),
            (one.seconds, other.seconds),
            (one.squared_seconds, other.squared_seconds),
        ] {
            prop_assert!((one - other).abs() <= 1e-9 * one.max(1.0), "{one} {other}");
        }
    }
}
