//! A provider's circuit breaker: what has failed lately decides whether the next call is tried at all.
//!
//! ```text
//! closed ──too many failed or slow──► open ──after `open_ms`──► half-open ──all probes good──► closed
//!                                      ▲                           └──one probe bad──► open
//! ```
//! A pure state machine: `now` is an argument. `tower-resilience` has one too, but as a layer that reads the clock and
//! knows no call that counts for nothing; cancelled and refused calls are such.

mod guarded;
#[cfg(test)]
mod tests;
mod window;

use std::time::{Duration, Instant};

use domain::breaker::BreakerLimits;

pub(crate) use guarded::{Board, Guarded};
use window::Window;

/// Where a breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    Closed,
    HalfOpen,
    Open,
}

impl State {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half_open",
            Self::Open => "open",
        }
    }

    /// The gauge's value.
    pub(crate) fn number(self) -> f64 {
        match self {
            Self::Closed => 0.0,
            Self::HalfOpen => 1.0,
            Self::Open => 2.0,
        }
    }
}

/// What a call says about its upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It answered, in time.
    Good,
    /// It answered late, or somebody waited that long in vain.
    Slow,
    /// It did not work.
    Failed,
    /// Nothing: the call did not get to it, or was given up early.
    Void,
}

/// A call that was let through. A pass of an earlier phase says nothing about the present one.
#[derive(Debug)]
pub(crate) struct Pass {
    phase: u64,
}

enum Phase {
    Closed(Window),
    Open { until: Instant },
    HalfOpen { running: u32, good: u32 },
}

/// One provider's breaker.
pub(crate) struct Breaker {
    limits: BreakerLimits,
    phase: Phase,
    /// Counts the changes of phase.
    number: u64,
}

impl Breaker {
    pub(crate) fn new(limits: BreakerLimits) -> Self {
        Self {
            limits,
            phase: Phase::Closed(Window::new(limits.window())),
            number: 0,
        }
    }

    pub(crate) fn state(&self) -> State {
        match self.phase {
            Phase::Closed(_) => State::Closed,
            Phase::Open { .. } => State::Open,
            Phase::HalfOpen { .. } => State::HalfOpen,
        }
    }

    /// How long calls are refused from now on, if they are. Lets nobody through.
    pub(crate) fn refuses_for(&self, now: Instant) -> Option<Duration> {
        match self.phase {
            Phase::Open { until } if now < until => Some(until - now),
            Phase::HalfOpen { running, good } if running + good >= self.probes() => Some(PROBING),
            _ => None,
        }
    }

    /// Lets a call through, or says when to ask again. Every pass is given back with [`Self::settle`].
    pub(crate) fn admit(&mut self, now: Instant) -> Result<Pass, Duration> {
        if let Some(wait) = self.refuses_for(now) {
            return Err(wait);
        }
        if matches!(self.phase, Phase::Open { .. }) {
            self.enter(Phase::HalfOpen { running: 0, good: 0 });
        }
        if let Phase::HalfOpen { running, .. } = &mut self.phase {
            *running += 1;
        }
        Ok(Pass { phase: self.number })
    }

    /// Takes a pass back, with what came of the call.
    pub(crate) fn settle(&mut self, pass: &Pass, verdict: Verdict, now: Instant) {
        if pass.phase != self.number {
            return;
        }
        let probes = self.probes();
        match &mut self.phase {
            Phase::Closed(window) => {
                if verdict == Verdict::Void {
                    return;
                }
                window.record(verdict, now);
                if window.total(now).trips(&self.limits) {
                    self.open(now);
                }
            }
            Phase::HalfOpen { running, good } => {
                *running = running.saturating_sub(1);
                match verdict {
                    Verdict::Void => {}
                    Verdict::Failed | Verdict::Slow => self.open(now),
                    Verdict::Good => {
                        *good += 1;
                        if *good >= probes {
                            self.enter(Phase::Closed(Window::new(self.limits.window())));
                        }
                    }
                }
            }
            Phase::Open { .. } => {}
        }
    }

    fn open(&mut self, now: Instant) {
        self.enter(Phase::Open {
            until: now + self.limits.open(),
        });
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.number += 1;
    }

    fn probes(&self) -> u32 {
        self.limits.probes.max(1)
    }
}

/// What is told to those who come while probes are under way: nobody knows how long those take.
const PROBING: Duration = Duration::from_secs(1);
