//! Wake-up calls: something may have changed, look again.

use tokio::sync::watch;

/// The channels that the port hands out. A number only ever rises; what it counts means nothing.
#[derive(Debug, Default)]
pub struct Signals {
    changes: watch::Sender<u64>,
    jobs: watch::Sender<u64>,
    outbox: watch::Sender<u64>,
    tasks: watch::Sender<u64>,
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
}
