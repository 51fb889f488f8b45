//! Which process is killed after which call: a pure function of the seed.

use crate::{Service, Shape};

/// One kill -9.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kill {
    /// It happens once so many calls have begun.
    pub after: usize,
    /// Whose process.
    pub service: Service,
    /// Which of them, from 1 on.
    pub replica: usize,
    /// While the upstream holds a write open that this process has sent.
    pub inside_write: bool,
}

/// What happens in a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// In the order of `after`.
    pub kills: Vec<Kill>,
}

impl Plan {
    /// `kills` of each service, spread over `calls`; in the shape `up`, where a kill takes everything, `kills` in all.
    /// Every other kill of who sends writes is inside one.
    pub fn new(seed: u64, shape: Shape, calls: usize, kills: usize) -> Self {
        let mut random = Random(seed);
        let services: &[Service] = match shape {
            Shape::Up => &[Service::Worker],
            Shape::Cluster => &Service::ALL,
        };
        let mut planned = Vec::new();
        for number in 0..kills {
            for service in services {
                let sends = *service != Service::RestApi;
                let replicas = if sends && shape == Shape::Cluster { 2 } else { 1 };
                planned.push(Kill {
                    after: random.below(calls),
                    service: *service,
                    replica: 1 + random.below(replicas),
                    inside_write: sends && number % 2 == 0,
                });
            }
        }
        planned.sort_by_key(|kill| kill.after);
        Self { kills: planned }
    }
}

/// `SplitMix64`: written out, so that a seed means the same in every later version.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        let bound = u64::try_from(bound.max(1)).unwrap_or(u64::MAX);
        usize::try_from(mixed % bound).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_plans_the_same_and_another_one_does_not() {
        let plan = |seed| Plan::new(seed, Shape::Cluster, 2000, 30);
        assert_eq!(plan(7), plan(7));
        assert_ne!(plan(7), plan(8));
    }

    #[test]
    fn every_service_is_killed_as_often_as_asked_and_half_of_who_writes_inside_a_write() {
        let plan = Plan::new(1, Shape::Cluster, 2000, 30);
        for service in Service::ALL {
            let of = plan.kills.iter().filter(|kill| kill.service == service);
            let inside = of.clone().filter(|kill| kill.inside_write).count();
            assert_eq!(of.count(), 30);
            assert_eq!(inside, if service == Service::RestApi { 0 } else { 15 });
        }
    }

    #[test]
    fn kills_come_in_the_order_of_the_calls_and_before_the_last_one() {
        let plan = Plan::new(3, Shape::Up, 200, 10);
        assert!(plan.kills.is_sorted_by_key(|kill| kill.after));
        assert!(plan.kills.iter().all(|kill| kill.after < 200));
    }
}
