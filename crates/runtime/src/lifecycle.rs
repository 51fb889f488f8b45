//! Starting parts, and stopping them: two speeds and a deadline.
//!
//! A service is a handful of *parts* (listeners, consumers, relays) and the short *tasks* that they start.
//! Stopping is asked for by [`Lifecycle::stop`], by a signal, or by a part that ends alone:
//!
//! 1. soft: [`Lifecycle::soft_stop`] is cancelled; parts take no new work and finish what they hold;
//! 2. deadline: what has not finished when it passes is told to abandon ([`Lifecycle::hard_stop`]);
//! 3. a second later whatever is left is dropped where it stands.

mod error;
mod signal;
#[cfg(test)]
mod tests;

use std::any::Any;
use std::error::Error;
use std::panic::{AssertUnwindSafe, Location};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use futures::FutureExt;
use profiling::tasks::Tasks;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use error::StopError;
pub use signal::{Signals, signals, stop_on_signals};

use error::WithSources;

/// What parts and tasks still get between the hard stop and being dropped, to write a last line or close a file.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The life of one service. Clones are handles to the same life.
#[derive(Clone)]
pub struct Lifecycle {
    inner: Arc<Inner>,
}

struct Inner {
    name: Arc<str>,
    soft: CancellationToken,
    hard: CancellationToken,
    gone: CancellationToken,
    tracker: TaskTracker,
    tasks: Tasks,
    stopping_since: OnceLock<Instant>,
    running_parts: Mutex<Vec<&'static str>>,
    failure: Mutex<Option<StopError>>,
}

impl Lifecycle {
    /// A life for the service `name` (used in logs and errors). Nothing runs yet.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self {
            inner: Arc::new(Inner {
                name: name.into(),
                soft: CancellationToken::new(),
                hard: CancellationToken::new(),
                gone: CancellationToken::new(),
                tracker: TaskTracker::new(),
                tasks: Tasks::default(),
                stopping_since: OnceLock::new(),
                running_parts: Mutex::default(),
                failure: Mutex::default(),
            }),
        }
    }

    /// The service's name.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Runs a part on the current tokio runtime.
    ///
    /// A part runs until [`Self::soft_stop`] and then returns `Ok(())` once it has finished what it held.
    /// One that returns earlier, fails or panics stops the whole service, and [`Self::run_until_stopped`]
    /// returns the first such cause.
    #[track_caller]
    pub fn spawn<E>(&self, part: &'static str, future: impl Future<Output = Result<(), E>> + Send + 'static)
    where
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        lock(&self.inner.running_parts).push(part);
        let running = RunningPart {
            inner: Arc::clone(&self.inner),
            part,
        };
        let inner = Arc::clone(&self.inner);
        self.track(part, Location::caller(), async move {
            let outcome = AssertUnwindSafe(future).catch_unwind().await;
            drop(running);
            inner.part_ended(part, outcome.map(|result| result.map_err(Into::into)));
        });
    }

    /// Runs short background work that the drain waits for. It has no say over the service's life:
    /// a panic in it is logged and ends only itself. It must not outlast its usefulness: pick
    /// [`Self::spawn`] for anything that runs for as long as the service does.
    #[track_caller]
    pub fn spawn_task(&self, future: impl Future<Output = ()> + Send + 'static) {
        let inner = Arc::clone(&self.inner);
        self.track("task", Location::caller(), async move {
            if let Err(panic) = AssertUnwindSafe(future).catch_unwind().await {
                let message = panic_message(panic.as_ref());
                tracing::error!(critical = true, lifecycle = &*inner.name, %message, "background task panicked");
            }
        });
    }

    /// What it runs: its parts and tasks, for `/debug/pprof/tasks`.
    pub fn tasks(&self) -> Tasks {
        self.inner.tasks.clone()
    }

    /// Cancelled when the service should take no new work and finish what it holds.
    pub fn soft_stop(&self) -> CancellationToken {
        self.inner.soft.clone()
    }

    /// Cancelled when the time to finish is over: abandon what is in flight.
    pub fn hard_stop(&self) -> CancellationToken {
        self.inner.hard.clone()
    }

    /// Whether a stop has been asked for.
    pub fn is_stopping(&self) -> bool {
        self.inner.soft.is_cancelled()
    }

    /// Asks for the soft stop. Asking again changes nothing.
    pub fn stop(&self) {
        self.inner.stop();
    }

    /// Asks for the hard stop at once (and the soft one with it). Work in flight at this moment makes
    /// [`Self::run_until_stopped`] fail, also where it then ends quickly.
    pub fn abandon(&self) {
        self.inner.stop();
        self.inner.abandon();
    }

    /// Waits until a stop is asked for or a part ends alone, then drains.
    ///
    /// Parts and tasks have `drain_deadline` from that moment to end by themselves.
    ///
    /// # Errors
    /// The first [`StopError`]: a part that ended alone, failed or panicked, or work that did not drain.
    pub async fn run_until_stopped(&self, drain_deadline: Duration) -> Result<(), StopError> {
        let inner = &self.inner;
        inner.soft.cancelled().await;
        tracing::info!(
            lifecycle = &*inner.name,
            deadline = drain_deadline.as_secs_f64(),
            "stopping"
        );
        inner.tracker.close();
        tokio::select! {
            () = inner.tracker.wait() => {}
            () = inner.hard.cancelled() => self.last_words().await,
            () = tokio::time::sleep(drain_deadline) => {
                inner.abandon();
                self.last_words().await;
            }
        }
        lock(&inner.failure).take().map_or(Ok(()), Err)
    }

    /// Waits a little for what was told to abandon, and drops the rest.
    async fn last_words(&self) {
        let tracker = &self.inner.tracker;
        if tokio::time::timeout(LAST_WORDS, tracker.wait()).await.is_err() {
            self.inner.gone.cancel();
            tracker.wait().await;
        }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that spawns: tracked, and dropped when gone"
    )]
    fn track(
        &self,
        name: &'static str,
        at: &'static Location<'static>,
        future: impl Future<Output = ()> + Send + 'static,
    ) {
        let gone = self.inner.gone.clone();
        let future = self.inner.tasks.watch_at(name, at, future);
        let tracked = self.inner.tracker.track_future(async move {
            gone.run_until_cancelled_owned(future).await;
        });
        tokio::spawn(tracked);
    }
}

impl Inner {
    fn part_ended(
        &self,
        part: &'static str,
        outcome: Result<Result<(), Box<dyn Error + Send + Sync>>, Box<dyn Any + Send>>,
    ) {
        let service = Arc::clone(&self.name);
        match outcome {
            Ok(Ok(())) if self.soft.is_cancelled() => {
                tracing::debug!(lifecycle = &*service, part, "part ended");
            }
            Ok(Ok(())) => self.fail(StopError::PartEnded { service, part }),
            Ok(Err(source)) => self.fail(StopError::PartFailed {
                service,
                part,
                source,
            }),
            Err(panic) => {
                let message = panic_message(panic.as_ref());
                self.fail(StopError::PartPanicked {
                    service,
                    part,
                    message,
                });
            }
        }
    }

    /// Logs the cause at once (the drain may take a while), keeps the first and asks for the stop.
    fn fail(&self, cause: StopError) {
        tracing::error!(lifecycle = &*self.name, error = %WithSources(&cause), "not a clean stop");
        lock(&self.failure).get_or_insert(cause);
        self.stop();
    }

    fn stop(&self) {
        self.stopping_since.get_or_init(Instant::now);
        self.soft.cancel();
    }

    /// Notes what is still in flight, then tells it to abandon.
    fn abandon(&self) {
        if self.hard.is_cancelled() {
            return;
        }
        let parts = lock(&self.running_parts).clone();
        let tasks = self.tracker.len().saturating_sub(parts.len());
        if !parts.is_empty() || tasks > 0 {
            let service = Arc::clone(&self.name);
            let waited = self
                .stopping_since
                .get()
                .map(Instant::elapsed)
                .unwrap_or_default();
            self.fail(StopError::NotDrained {
                service,
                waited,
                parts,
                tasks,
            });
        }
        self.hard.cancel();
    }
}

/// Takes a part off the list of running ones when its future is gone, however that came.
struct RunningPart {
    inner: Arc<Inner>,
    part: &'static str,
}

impl Drop for RunningPart {
    fn drop(&mut self) {
        let mut parts = lock(&self.inner.running_parts);
        if let Some(at) = parts.iter().position(|part| *part == self.part) {
            parts.remove(at);
        }
    }
}

/// These locks guard plain values that no panic leaves half-written.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&'static str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("(no message)")
        .to_owned()
}
