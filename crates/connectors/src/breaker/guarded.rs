//! A breaker as calls meet it: behind a lock, counted, and heard of when it changes.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use domain::{CallErrorKind, CallOutcome, Provider, ProviderId, TenantId};

use super::{Breaker, Pass, State, Verdict};
use crate::failure::CallFailure;
use crate::metrics::BreakerMetrics;

/// The breaker of one provider.
pub(crate) struct Guarded {
    breaker: Mutex<Breaker>,
    slow: Duration,
    enabled: bool,
    id: ProviderId,
    name: String,
    board: Arc<Board>,
}

impl Guarded {
    pub(crate) fn new(provider: &Provider, board: Arc<Board>) -> Self {
        let limits = provider.limits.breaker;
        board.put(provider);
        Self {
            breaker: Mutex::new(Breaker::new(limits)),
            slow: limits.slow_call(),
            enabled: limits.enabled,
            id: provider.id,
            name: provider.name.clone(),
            board,
        }
    }

    /// Refuses at once while the breaker is open, so that nobody waits for a place in vain.
    pub(crate) fn check(&self) -> Result<(), CallFailure> {
        if !self.enabled {
            return Ok(());
        }
        let wait = self.lock().refuses_for(Instant::now());
        wait.map_or(Ok(()), |wait| Err(self.refusal(wait)))
    }

    /// Lets a call through; what came of it is told to the [`Ticket`].
    pub(crate) fn admit(&self) -> Result<Ticket<'_>, CallFailure> {
        let begun = Instant::now();
        let pass = if self.enabled {
            let admitted = self.step(|breaker| breaker.admit(begun));
            Some(admitted.map_err(|wait| self.refusal(wait))?)
        } else {
            None
        };
        Ok(Ticket {
            guarded: self,
            pass,
            begun,
        })
    }

    fn refusal(&self, wait: Duration) -> CallFailure {
        let seconds = wait.as_millis().div_ceil(1_000).max(1);
        CallFailure::new(
            CallErrorKind::Unavailable,
            format!(
                "calls of `{}` are refused at present, because too many of them failed or took too long \
                 (circuit breaker); nothing was sent; try again in {seconds} s",
                self.name
            ),
        )
    }

    fn settle(&self, pass: &Pass, verdict: Verdict, now: Instant) {
        match verdict {
            Verdict::Good | Verdict::Slow => self.board.metrics.success.with([&self.name]).increment(1),
            Verdict::Failed => self.board.metrics.failures.with([&self.name]).increment(1),
            Verdict::Void => {}
        }
        self.step(|breaker| breaker.settle(pass, verdict, now));
    }

    /// A step of the state machine; a change of state is told outside of the lock.
    fn step<T>(&self, step: impl FnOnce(&mut Breaker) -> T) -> T {
        let (result, before, after) = {
            let mut breaker = self.lock();
            let before = breaker.state();
            let result = step(&mut breaker);
            (result, before, breaker.state())
        };
        if before != after {
            self.board.moved(self.id, after);
            self.tell(before, after);
        }
        result
    }

    fn tell(&self, before: State, after: State) {
        let (before, state) = (before.as_str(), after.as_str());
        if after == State::Open {
            self.board.metrics.trips.with([&self.name]).increment(1);
            tracing::warn!(
                breaker = self.name,
                before,
                state,
                "circuit breaker of {} is {state}",
                self.name
            );
        } else {
            tracing::info!(
                breaker = self.name,
                before,
                state,
                "circuit breaker of {} is {state}",
                self.name
            );
        }
    }

    fn lock(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call that was let through. Dropped without an outcome it was given up: that says something only when it waited
/// long enough to be called slow.
pub(crate) struct Ticket<'a> {
    guarded: &'a Guarded,
    pass: Option<Pass>,
    begun: Instant,
}

impl Ticket<'_> {
    /// Tells what came of the call.
    pub(crate) fn settle(mut self, outcome: &CallOutcome) {
        let Some(pass) = self.pass.take() else {
            return;
        };
        let now = Instant::now();
        let verdict = match verdict(outcome) {
            Verdict::Good if now - self.begun >= self.guarded.slow => Verdict::Slow,
            verdict => verdict,
        };
        self.guarded.settle(&pass, verdict, now);
    }

    /// The call's time ran out.
    pub(crate) fn timed_out(mut self) {
        if let Some(pass) = self.pass.take() {
            self.guarded.settle(&pass, Verdict::Failed, Instant::now());
        }
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        let Some(pass) = self.pass.take() else {
            return;
        };
        let now = Instant::now();
        let verdict = if now - self.begun >= self.guarded.slow {
            Verdict::Slow
        } else {
            Verdict::Void
        };
        self.guarded.settle(&pass, verdict, now);
    }
}

/// What an outcome says about the upstream.
fn verdict(outcome: &CallOutcome) -> Verdict {
    use CallErrorKind as Kind;
    match outcome.error {
        None | Some(Kind::UpstreamRejected) => Verdict::Good,
        Some(Kind::UpstreamFailed | Kind::UpstreamUnreachable | Kind::UpstreamInvalid | Kind::Timeout) => {
            Verdict::Failed
        }
        // It was refused on this side, or is a fault of ours.
        Some(_) => Verdict::Void,
    }
}

/// The states of all breakers of a process, as the gauges show them. Providers of several tenants may have one name:
/// a series shows the worst of them.
pub(crate) struct Board {
    metrics: BreakerMetrics,
    states: Mutex<HashMap<ProviderId, Line>>,
}

struct Line {
    name: String,
    tenant: TenantId,
    state: State,
}

impl Board {
    pub(crate) fn new(metrics: BreakerMetrics) -> Self {
        Self {
            metrics,
            states: Mutex::default(),
        }
    }

    fn put(&self, provider: &Provider) {
        let line = Line {
            name: provider.name.clone(),
            tenant: provider.tenant_id,
            state: State::Closed,
        };
        let mut states = self.lock();
        states.insert(provider.id, line);
        self.show(&states, &provider.name, provider.tenant_id);
    }

    fn moved(&self, id: ProviderId, state: State) {
        let mut states = self.lock();
        let Some(line) = states.get_mut(&id) else { return };
        line.state = state;
        let (name, tenant) = (line.name.clone(), line.tenant);
        self.show(&states, &name, tenant);
    }

    /// The provider is gone; its series go with the last of that name or tenant.
    pub(crate) fn forget(&self, id: ProviderId) {
        let mut states = self.lock();
        if let Some(line) = states.remove(&id) {
            self.show(&states, &line.name, line.tenant);
        }
    }

    /// The names of the providers whose breakers are open, sorted.
    pub(crate) fn open(&self) -> Vec<String> {
        let states = self.lock();
        let open = states.values().filter(|line| line.state == State::Open);
        let names: BTreeSet<_> = open.map(|line| line.name.clone()).collect();
        names.into_iter().collect()
    }

    fn show(&self, states: &HashMap<ProviderId, Line>, name: &str, tenant: TenantId) {
        let worst = |of: &dyn Fn(&Line) -> bool| {
            let states = states.values().filter(|line| of(line));
            states.map(|line| line.state).max()
        };
        match worst(&|line| line.name == name) {
            Some(state) => self.metrics.state.with([name]).set(state.number()),
            None => self.retire(name),
        }
        let label = tenant.to_string();
        match worst(&|line| line.tenant == tenant) {
            Some(state) => self.metrics.tenant_state.with([&label]).set(state.number()),
            None => drop(self.metrics.tenant_state.remove([&label])),
        }
    }

    fn retire(&self, name: &str) {
        let BreakerMetrics {
            state,
            failures,
            success,
            trips,
            tenant_state: _,
        } = &self.metrics;
        state.remove([name]);
        failures.remove([name]);
        success.remove([name]);
        trips.remove([name]);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ProviderId, Line>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
