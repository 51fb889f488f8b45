//! The comparison of `docs/routing.md` in small: each strategy is better than the baselines at what it is there for.

#[path = "../examples/routing/baselines.rs"]
mod baselines;
#[path = "../examples/routing/measures.rs"]
#[expect(dead_code, reason = "the example shows the names of the figures")]
mod measures;
#[path = "../examples/routing/random.rs"]
mod random;
#[path = "../examples/routing/run.rs"]
mod run;
#[path = "../examples/routing/world.rs"]
mod world;

use baselines::{Anyone, PowerOfTwo};
use measures::FIGURES;
use routing::{Candidate, Name, Says, Strategy, shares};
use run::{Size, run};
use uuid::Uuid;

const SIZE: Size = Size {
    agents: 80,
    tasks: 1_200,
    warm_up: 300,
};

fn figures(strategy: &dyn Strategy) -> [f64; FIGURES.len()] {
    let mut sums = [0.0; FIGURES.len()];
    for seed in 0..3 {
        let figures = run(strategy, SIZE, seed).figures();
        sums.iter_mut()
            .zip(figures)
            .for_each(|(sum, figure)| *sum += figure);
    }
    sums
}

#[test]
fn each_strategy_beats_random_and_the_power_of_two_at_what_it_is_there_for() {
    let baselines = [figures(&Anyone), figures(&PowerOfTwo)];
    let own: [(Name, &[usize]); 6] = [
        (Name::RoundRobin, &[0]),
        (Name::LeastLoaded, &[1]),
        (Name::CapabilityMatch, &[2]),
        (Name::PerformanceBased, &[4, 5]),
        (Name::CostOptimized, &[7]),
        (Name::Auto, &[2, 5, 6, 7]),
    ];
    for (name, its) in own {
        let got = figures(name.strategy());
        for at in its.iter().copied() {
            let figure = &FIGURES[at];
            let better = |than: f64| {
                if figure.less {
                    got[at] < than
                } else {
                    got[at] > than
                }
            };
            let all = baselines.iter().all(|baseline| better(baseline[at]));
            assert!(all, "{name}, {}: {} beside {baselines:?}", figure.name, got[at]);
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let once = || run(Name::Auto.strategy(), SIZE, 4).figures();
    assert_eq!(once(), once());
}

#[test]
fn the_power_of_two_prefers_the_less_loaded_of_two() {
    let candidate = |(number, load): (u128, f64)| Candidate {
        agent: Uuid::from_u128(number),
        load,
        fit: 0.0,
        success: 1.0,
        wait_seconds: 0.0,
        run_seconds: 0.0,
        cost_usd: 0.0,
        late_seconds: 0.0,
        last_chosen: 0,
    };
    let candidates = [(1, 0.0), (2, 0.5), (3, 0.5)].map(candidate);
    // Three pairs: the idle one wins two of them, the others share the third.
    let shares = shares(&PowerOfTwo, &Says::default(), &candidates);
    let expected = [2.0 / 3.0, 1.0 / 6.0, 1.0 / 6.0];
    for (share, expected) in shares.iter().zip(expected) {
        assert!((share - expected).abs() < 1e-12, "{shares:?}");
    }
}
