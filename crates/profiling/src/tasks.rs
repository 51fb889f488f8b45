//! What the tasks of this process wait for.
//!
//! A task that waits is no thread: it has no stack to look at. But when it is polled it walks down to what it waits for,
//! which then keeps the waker. So for a profile every task is woken once and polled with a waker of ours that notes the
//! stack at that moment and hands the real one on ([`tracer`]). A waiting task may be woken for nothing at any time, so
//! nothing changes for it. Between profiles a poll costs three writes to memory that no other thread reads.
//!
//! Only tasks that were [`Tasks::watch`]ed are seen, not those that libraries start by themselves.

mod seen;
mod tracer;
mod watched;

use std::panic::Location;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::error::ProfileError;
use crate::profile::Profile;
use crate::turn::Turn;
use watched::Entry;

pub use seen::{Seen, State};
pub use watched::Watched;

/// How long tasks have to answer; one that does not is blocked, or its runtime is.
const PATIENCE: Duration = Duration::from_millis(250);

/// The tasks of one service. Clones are the same list.
#[derive(Clone, Default)]
pub struct Tasks(Arc<List>);

#[derive(Default)]
struct List {
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    slots: Vec<Option<Arc<Entry>>>,
    free: Vec<usize>,
}

impl Tasks {
    /// Puts `future` on the list for as long as it lives. The caller's place in the code stands for the task.
    #[track_caller]
    pub fn watch<F: Future>(&self, name: &'static str, future: F) -> Watched<F> {
        self.watch_at(name, Location::caller(), future)
    }

    /// As [`Self::watch`], with a place that somebody else noted.
    pub fn watch_at<F: Future>(
        &self,
        name: &'static str,
        at: &'static Location<'static>,
        future: F,
    ) -> Watched<F> {
        let entry = Arc::new(Entry::new(name, at));
        let mut entries = self.0.lock();
        let slot = entries.free.pop().unwrap_or(entries.slots.len());
        match entries.slots.get_mut(slot) {
            Some(place) => *place = Some(Arc::clone(&entry)),
            None => entries.slots.push(Some(Arc::clone(&entry))),
        }
        drop(entries);
        Watched::new(future, entry, Arc::clone(&self.0), slot)
    }

    /// How many are on the list.
    #[must_use]
    pub fn len(&self) -> usize {
        let entries = self.0.lock();
        entries.slots.len() - entries.free.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Asks every task where it is.
    pub async fn look(&self) -> Vec<Seen> {
        let entries: Vec<Arc<Entry>> = self.0.lock().slots.iter().flatten().cloned().collect();
        let asked: Vec<_> = entries.into_iter().map(|entry| (entry.ask(), entry)).collect();
        let end = Instant::now() + PATIENCE;
        while asked.iter().any(|(_, entry)| entry.is_asked()) && Instant::now() < end {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        asked
            .into_iter()
            .map(|(polls, entry)| entry.answer(polls))
            .collect()
    }

    /// A profile with every task once, and the stack of each place that it waits at.
    /// `others` are the tasks of the same runtime that are not on the list.
    ///
    /// # Errors
    /// When naming the stacks fails.
    pub async fn take(&self, turn: Turn, others: usize) -> Result<Profile, ProfileError> {
        let seen = self.look().await;
        let named = tokio::task::spawn_blocking(move || {
            let profile = seen::profile(seen, others);
            drop(turn);
            profile
        });
        named.await.map_err(ProfileError::failed)
    }
}

impl List {
    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forget(&self, slot: usize) {
        let mut entries = self.lock();
        let gone = entries.slots.get_mut(slot).and_then(Option::take);
        entries.free.push(slot);
        drop(entries);
        if let Some(entry) = gone {
            entry.asked.store(false, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests;
