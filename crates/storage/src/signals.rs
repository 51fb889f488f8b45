//! Wake-up calls: something may have changed, look again.

use domain::ports::storage::Woken;
use tokio::sync::{broadcast, watch};

/// So many wake-ups of agents may be on their way; who is behind by more looks at all agents.
const WAKE_UPS: usize = 1_024;

/// The channels that the port hands out. A number only ever rises; what it counts means nothing.
#[derive(Debug)]
pub struct Signals {
    changes: watch::Sender<u64>,
    jobs: watch::Sender<u64>,
    outbox: watch::Sender<u64>,
    tasks: watch::Sender<u64>,
    fresh: watch::Sender<u64>,
    numbered: watch::Sender<u64>,
    agents: broadcast::Sender<Woken>,
}

impl Default for Signals {
    fn default() -> Self {
        Self {
            changes: watch::Sender::default(),
            jobs: watch::Sender::default(),
            outbox: watch::Sender::default(),
            tasks: watch::Sender::default(),
            fresh: watch::Sender::default(),
            numbered: watch::Sender::default(),
            agents: broadcast::Sender::new(WAKE_UPS),
        }
    }
}

impl Signals {
    /// There may be new catalogue changes.
    pub fn changes_moved(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    /// A job may have become final, or moved otherwise; none has become due.
    pub fn jobs_moved(&self) {
        self.jobs.send_modify(|count| *count += 1);
    }

    /// A job may have become due.
    pub fn jobs_posted(&self) {
        self.jobs_moved();
        self.outbox.send_modify(|count| *count += 1);
    }

    /// A task may have moved, or an agent may take one.
    pub fn tasks_moved(&self) {
        self.tasks.send_modify(|count| *count += 1);
    }

    /// Whoever waits for catalogue changes.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Whoever waits for jobs.
    pub fn jobs(&self) -> watch::Receiver<u64> {
        self.jobs.subscribe()
    }

    /// Whoever publishes jobs.
    pub fn outbox(&self) -> watch::Receiver<u64> {
        self.outbox.subscribe()
    }

    /// Whoever waits for tasks.
    pub fn tasks(&self) -> watch::Receiver<u64> {
        self.tasks.subscribe()
    }

    /// Something happened that has no number yet.
    pub fn events_fresh(&self) {
        self.fresh.send_modify(|count| *count += 1);
    }

    /// What happened has got its number.
    pub fn events_numbered(&self) {
        self.numbered.send_modify(|count| *count += 1);
    }

    /// These agents are to look at what they hold.
    pub fn wake(&self, agents: Woken) {
        // Nobody listens: nobody is to be woken.
        let _ = self.agents.send(agents);
    }

    /// Whoever gives numbers to events.
    pub fn events_fresh_since(&self) -> watch::Receiver<u64> {
        self.fresh.subscribe()
    }

    /// Whoever follows events.
    pub fn events_numbered_since(&self) -> watch::Receiver<u64> {
        self.numbered.subscribe()
    }

    /// Whoever waits for what agents are given.
    pub fn agents(&self) -> broadcast::Receiver<Woken> {
        self.agents.subscribe()
    }
}
