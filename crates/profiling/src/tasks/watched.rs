//! A future on the list.

use std::panic::Location;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use super::seen::{Seen, State};
use super::{List, tracer};

/// What is known of one task.
pub(super) struct Entry {
    name: &'static str,
    at: &'static Location<'static>,
    began: Instant,
    running: AtomicBool,
    polls: AtomicU64,
    pub(super) asked: AtomicBool,
    waker: OnceLock<Waker>,
    stacks: Mutex<Vec<Vec<usize>>>,
}

impl Entry {
    pub(super) fn new(name: &'static str, at: &'static Location<'static>) -> Self {
        Self {
            name,
            at,
            began: Instant::now(),
            running: AtomicBool::new(false),
            polls: AtomicU64::new(0),
            asked: AtomicBool::new(false),
            waker: OnceLock::new(),
            stacks: Mutex::default(),
        }
    }

    /// Asks the task to say where it waits. Answers how often it had been polled.
    pub(super) fn ask(&self) -> u64 {
        let polls = self.polls.load(Ordering::Relaxed);
        self.asked.store(true, Ordering::Release);
        if let Some(waker) = self.waker.get() {
            waker.wake_by_ref();
        }
        polls
    }

    pub(super) fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Acquire)
    }

    pub(super) fn answer(&self, polls_before: u64) -> Seen {
        let answered = !self.asked.swap(false, Ordering::AcqRel);
        let polls = self.polls.load(Ordering::Relaxed);
        let running = self.running.load(Ordering::Relaxed);
        Seen {
            name: self.name,
            at: self.at,
            age: self.began.elapsed(),
            polls,
            state: match (answered, running) {
                (true, _) => State::Waiting,
                (false, true) if polls == polls_before => State::Blocking,
                (false, true) => State::Running,
                (false, false) => State::Starved,
            },
            stacks: std::mem::take(&mut *self.stacks.lock().unwrap_or_else(PoisonError::into_inner)),
        }
    }
}

pin_project_lite::pin_project! {
    /// A future on the list of [`super::Tasks`]; it is off the list when it is dropped.
    pub struct Watched<F> {
        #[pin]
        future: F,
        listed: Listed,
    }
}

impl<F> Watched<F> {
    pub(super) fn new(future: F, entry: Arc<Entry>, list: Arc<List>, slot: usize) -> Self {
        let listed = Listed { entry, list, slot };
        Self { future, listed }
    }
}

impl<F: Future> Future for Watched<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let entry = &*this.listed.entry;
        entry.waker.get_or_init(|| context.waker().clone());
        entry.polls.fetch_add(1, Ordering::Relaxed);
        entry.running.store(true, Ordering::Relaxed);
        let polled = if entry.asked.load(Ordering::Relaxed) {
            poll_traced(this.future, context, entry)
        } else {
            this.future.poll(context)
        };
        entry.running.store(false, Ordering::Relaxed);
        polled
    }
}

#[cold]
fn poll_traced<F: Future>(future: Pin<&mut F>, context: &Context<'_>, entry: &Entry) -> Poll<F::Output> {
    let (polled, stacks) = tracer::poll(future, context.waker());
    *entry.stacks.lock().unwrap_or_else(PoisonError::into_inner) = stacks;
    entry.asked.store(false, Ordering::Release);
    polled
}

/// Its place on the list, given back when it is dropped.
struct Listed {
    entry: Arc<Entry>,
    list: Arc<List>,
    slot: usize,
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.list.forget(self.slot);
    }
}
