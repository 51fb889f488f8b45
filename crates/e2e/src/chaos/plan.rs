//! Which fault begins after which call: a pure function of the seed.

use std::fmt;

use crate::{Service, Shape};

/// A server that the mesh needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    /// The database.
    Postgres,
    /// The broker.
    RabbitMq,
    /// The cache.
    Redis,
}

/// What an upstream does instead of answering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// It does what it was asked and never answers.
    Hangs,
    /// It resets the connection, every other time after it did what it was asked.
    Resets,
    /// It does what it was asked and answers something that is no JSON, or is cut short.
    Garbage,
    /// It sends callers to an address that is forbidden, every other time after it did what it was asked.
    Redirects,
}

/// One fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// kill -9 of one process, which is started again.
    Kill {
        /// Whose process.
        service: Service,
        /// Which of them, from 1 on.
        replica: usize,
        /// While the upstream holds a write open that this process has sent.
        inside_write: bool,
    },
    /// A server that is away for a while.
    Away {
        /// Which.
        server: Server,
        /// It is killed, not stopped in order.
        abruptly: bool,
    },
    /// The disk under the audit spools has no byte left for a while.
    DiskFull,
    /// The upstream is broken for a while.
    Upstream(Broken),
}

/// When a fault begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Planned {
    /// Once so many calls have begun.
    pub after: usize,
    /// So many calls begin before it is mended; a killed process is started again at once.
    pub during: usize,
    /// Which.
    pub fault: Fault,
}

/// What happens in a run, one fault after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// In the order of `after`.
    pub faults: Vec<Planned>,
}

/// A fault that lasts takes the place of so many kills.
const LASTING: usize = 3;

impl Plan {
    /// `kills` of each service and `outages` of everything that can be away or broken, in any order, spread over `calls`;
    /// in the shape `up`, where a kill takes everything, `kills` in all. Every other kill of who sends writes is inside one.
    pub fn new(seed: u64, shape: Shape, calls: usize, kills: usize, outages: usize) -> Self {
        let mut random = Random(seed);
        let mut faults = random.kills(shape, kills);
        faults.extend(lasting(shape, outages));
        random.shuffle(&mut faults);
        let weight = |fault: &Fault| if fault.lasts() { LASTING } else { 1 };
        let all: usize = faults.iter().map(weight).sum();
        let mut before = 0;
        let place = |fault: Fault| {
            let (from, to) = (calls * before / all, calls * (before + weight(&fault)) / all);
            before += weight(&fault);
            Planned {
                after: from + random.below((to - from).div_ceil(3)),
                during: if fault.lasts() { (to - from) / 2 } else { 0 },
                fault,
            }
        };
        Self {
            faults: faults.into_iter().map(place).collect(),
        }
    }

    /// How many faults are so.
    pub fn count(&self, is_so: impl Fn(&Fault) -> bool) -> usize {
        self.faults.iter().filter(|planned| is_so(&planned.fault)).count()
    }
}

fn lasting(shape: Shape, outages: usize) -> Vec<Fault> {
    let mut kinds = vec![Fault::DiskFull];
    kinds.extend([Broken::Hangs, Broken::Resets, Broken::Garbage, Broken::Redirects].map(Fault::Upstream));
    let mut faults = kinds.repeat(outages);
    if shape == Shape::Cluster {
        for number in 0..outages {
            let abruptly = number % 2 == 1;
            let away = |server| Fault::Away { server, abruptly };
            faults.extend([Server::Postgres, Server::RabbitMq, Server::Redis].map(away));
        }
    }
    faults
}

impl Fault {
    /// Whether it goes on for a number of calls.
    pub fn lasts(self) -> bool {
        !matches!(self, Self::Kill { .. })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill {
                service,
                inside_write: false,
                ..
            } => write!(out, "kill -9 {}", service.name()),
            Self::Kill { service, .. } => write!(out, "kill -9 {} inside a write", service.name()),
            Self::Away {
                server,
                abruptly: false,
            } => write!(out, "{server:?} stopped"),
            Self::Away { server, .. } => write!(out, "{server:?} killed"),
            Self::DiskFull => write!(out, "disk full under the spools"),
            Self::Upstream(broken) => write!(out, "upstream: {}", format!("{broken:?}").to_lowercase()),
        }
    }
}

/// `SplitMix64`: written out, so that a seed means the same in every later version.
struct Random(u64);

impl Random {
    fn kills(&mut self, shape: Shape, kills: usize) -> Vec<Fault> {
        let services: &[Service] = match shape {
            Shape::Up => &[Service::Worker],
            Shape::Cluster => &Service::ALL,
        };
        let mut faults = Vec::new();
        for number in 0..kills {
            for service in services {
                let sends = *service != Service::RestApi;
                let replicas = if sends && shape == Shape::Cluster { 2 } else { 1 };
                faults.push(Fault::Kill {
                    service: *service,
                    replica: 1 + self.below(replicas),
                    inside_write: sends && number % 2 == 0,
                });
            }
        }
        faults
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }

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
        let plan = |seed| Plan::new(seed, Shape::Cluster, 2000, 30, 2);
        assert_eq!(plan(7), plan(7));
        assert_ne!(plan(7), plan(8));
    }

    #[test]
    fn every_service_is_killed_as_often_as_asked_and_half_of_who_writes_inside_a_write() {
        let plan = Plan::new(1, Shape::Cluster, 2000, 30, 2);
        for wanted in Service::ALL {
            let of = |fault: &Fault| matches!(fault, Fault::Kill { service, .. } if *service == wanted);
            let inside = |fault: &Fault| matches!(fault, Fault::Kill { service, inside_write: true, .. } if *service == wanted);
            assert_eq!(plan.count(of), 30);
            assert_eq!(
                plan.count(inside),
                if wanted == Service::RestApi { 0 } else { 15 }
            );
        }
    }

    #[test]
    fn a_cluster_loses_each_server_in_both_ways_and_up_has_none_to_lose() {
        let away = |fault: &Fault| matches!(fault, Fault::Away { .. });
        assert_eq!(Plan::new(1, Shape::Cluster, 2000, 30, 2).count(away), 6);
        assert_eq!(Plan::new(1, Shape::Up, 2000, 30, 2).count(away), 0);
        assert_eq!(
            Plan::new(1, Shape::Up, 2000, 30, 2).count(|fault| fault.lasts()),
            10
        );
    }

    #[test]
    fn a_fault_is_over_before_the_next_one_begins_and_before_the_last_call() {
        for shape in [Shape::Cluster, Shape::Up] {
            let plan = Plan::new(3, shape, 600, 10, 2);
            let ends = plan.faults.iter().map(|planned| planned.after + planned.during);
            let next = plan
                .faults
                .iter()
                .skip(1)
                .map(|planned| planned.after)
                .chain([600]);
            assert!(ends.zip(next).all(|(end, next)| end <= next), "{plan:?}");
        }
    }
}
