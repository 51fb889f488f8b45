use std::time::{Duration, Instant};

use domain::breaker::BreakerLimits;
use proptest::prelude::*;

use super::{Breaker, Pass, State, Verdict};

fn limits() -> BreakerLimits {
    BreakerLimits {
        window_ms: 10_000,
        minimum_calls: 4,
        failure_percent: 50,
        slow_percent: 75,
        open_ms: 5_000,
        probes: 2,
        ..BreakerLimits::default()
    }
}

fn after(start: Instant, ms: u64) -> Instant {
    start + Duration::from_millis(ms)
}

/// Calls that end at once, one a millisecond.
fn run(breaker: &mut Breaker, from: Instant, verdicts: &[Verdict]) {
    for (ms, verdict) in verdicts.iter().enumerate() {
        let now = after(from, ms as u64);
        let pass = breaker.admit(now).unwrap();
        breaker.settle(&pass, *verdict, now);
    }
}

fn opened(start: Instant) -> Breaker {
    let mut breaker = Breaker::new(limits());
    run(&mut breaker, start, &[Verdict::Failed; 4]);
    assert_eq!(breaker.state(), State::Open);
    breaker
}

#[test]
fn it_opens_when_half_of_enough_calls_have_failed_and_not_before() {
    let start = Instant::now();
    let mut breaker = Breaker::new(limits());
    run(&mut breaker, start, &[Verdict::Failed; 3]);
    assert_eq!(breaker.state(), State::Closed);
    let mut breaker = Breaker::new(limits());
    let good = [
        Verdict::Good,
        Verdict::Good,
        Verdict::Good,
        Verdict::Failed,
        Verdict::Failed,
    ];
    run(&mut breaker, start, &good);
    assert_eq!(breaker.state(), State::Closed);
    run(&mut breaker, start, &[Verdict::Failed]);
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn it_opens_when_most_calls_are_slow() {
    let mut breaker = Breaker::new(limits());
    let calls = [Verdict::Good, Verdict::Slow, Verdict::Slow];
    run(&mut breaker, Instant::now(), &calls);
    assert_eq!(breaker.state(), State::Closed);
    run(&mut breaker, Instant::now(), &[Verdict::Slow]);
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn what_is_older_than_the_window_is_forgotten() {
    let start = Instant::now();
    let mut breaker = Breaker::new(limits());
    run(&mut breaker, start, &[Verdict::Failed; 3]);
    run(&mut breaker, after(start, 10_001), &[Verdict::Failed]);
    assert_eq!(breaker.state(), State::Closed);
    run(&mut breaker, after(start, 10_002), &[Verdict::Failed; 3]);
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn while_it_is_open_calls_are_refused_with_the_time_that_is_left() {
    let start = Instant::now();
    let mut breaker = opened(start);
    let wait = breaker.admit(after(start, 1_003)).unwrap_err();
    assert_eq!(wait, Duration::from_millis(4_000));
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn after_that_no_more_than_the_probes_are_let_through_and_good_ones_close_it() {
    let start = Instant::now();
    let mut breaker = opened(start);
    let now = after(start, 5_003);
    let (first, second) = (breaker.admit(now).unwrap(), breaker.admit(now).unwrap());
    assert_eq!(breaker.state(), State::HalfOpen);
    assert!(breaker.admit(now).is_err());
    breaker.settle(&first, Verdict::Good, now);
    assert!(
        breaker.admit(now).is_err(),
        "one good and one running are all there are"
    );
    breaker.settle(&second, Verdict::Good, now);
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn one_bad_probe_opens_it_again_and_a_void_one_gives_its_place_back() {
    let start = Instant::now();
    for bad in [Verdict::Failed, Verdict::Slow] {
        let mut breaker = opened(start);
        let now = after(start, 5_003);
        let (first, second) = (breaker.admit(now).unwrap(), breaker.admit(now).unwrap());
        breaker.settle(&first, Verdict::Void, now);
        let third = breaker.admit(now).unwrap();
        breaker.settle(&third, bad, now);
        assert_eq!(breaker.state(), State::Open);
        breaker.settle(&second, Verdict::Good, now);
        assert_eq!(breaker.state(), State::Open, "a late probe says nothing any more");
    }
}

#[test]
fn a_call_that_began_before_it_opened_says_nothing_afterwards() {
    let start = Instant::now();
    let mut breaker = Breaker::new(limits());
    let early = breaker.admit(start).unwrap();
    run(&mut breaker, start, &[Verdict::Failed; 4]);
    let now = after(start, 5_003);
    let probe = breaker.admit(now).unwrap();
    breaker.settle(&early, Verdict::Failed, now);
    assert_eq!(breaker.state(), State::HalfOpen);
    breaker.settle(&probe, Verdict::Good, now);
}

fn verdicts() -> impl Strategy<Value = Verdict> {
    prop_oneof![
        Just(Verdict::Good),
        Just(Verdict::Slow),
        Just(Verdict::Failed),
        Just(Verdict::Void)
    ]
}

proptest! {
    /// Whatever happens in whatever order: probes are bounded, refusals end, and an upstream that is well again
    /// gets its calls.
    #[test]
    fn it_never_lets_too_many_probes_through_and_never_stays_shut(
        steps in prop::collection::vec((0_u64..3_000, any::<bool>(), verdicts()), 0..200)
    ) {
        let mut breaker = Breaker::new(limits());
        let (mut now, mut passes): (_, Vec<Pass>) = (Instant::now(), Vec::new());
        for (pause, begin, verdict) in steps {
            now = after(now, pause);
            if begin {
                match breaker.admit(now) {
                    Ok(pass) => passes.push(pass),
                    Err(wait) => prop_assert!(wait <= limits().open() && !wait.is_zero()),
                }
            } else if let Some(pass) = passes.pop() {
                breaker.settle(&pass, verdict, now);
            }
            let probing = passes.iter().filter(|pass| pass.phase == breaker.number).count();
            if breaker.state() == State::HalfOpen {
                prop_assert!(probing <= 2);
            }
        }
        for pass in passes.drain(..) {
            breaker.settle(&pass, Verdict::Void, now);
        }
        for _ in 0..5 {
            now = after(now, limits().open_ms);
            let pass = breaker.admit(now).unwrap();
            breaker.settle(&pass, Verdict::Good, now);
        }
        prop_assert_eq!(breaker.state(), State::Closed);
    }

    /// Calls that say nothing never open it.
    #[test]
    fn void_calls_change_nothing(count in 0_usize..100) {
        let mut breaker = Breaker::new(limits());
        run(&mut breaker, Instant::now(), &vec![Verdict::Void; count]);
        prop_assert_eq!(breaker.state(), State::Closed);
    }
}
