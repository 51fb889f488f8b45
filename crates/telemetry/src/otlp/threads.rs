//! The small runtime that exporters live in.

use std::sync::{Mutex, PoisonError};

use tokio::runtime::{Handle, Runtime};
use tracing::Dispatch;

use super::report::Voice;
use crate::error::TelemetryError;

/// One worker thread, without a subscriber: an exporter must not trace its own traffic.
#[derive(Debug)]
pub(crate) struct Threads {
    handle: Handle,
    runtime: Mutex<Option<Runtime>>,
    /// Where the exporters say what is wrong.
    voice: Voice,
}

impl Threads {
    pub(crate) fn start() -> Result<Self, TelemetryError> {
        let silence = || {
            std::mem::forget(tracing::subscriber::set_default(
                tracing::subscriber::NoSubscriber::new(),
            ))
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .thread_name("telemetry-otlp")
            .on_thread_start(silence)
            .build()?;
        Ok(Threads {
            handle: runtime.handle().clone(),
            runtime: Mutex::new(Some(runtime)),
            voice: Voice::default(),
        })
    }

    /// Runs `task` to its end, or until the runtime ends.
    #[expect(
        clippy::disallowed_methods,
        reason = "who sends waits for the end of its task itself; the runtime is the exporters' own"
    )]
    pub(crate) fn keep(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.handle.spawn(task);
    }

    /// From now on the exporters tell of their troubles in this log.
    pub(crate) fn speak_to(&self, dispatch: Dispatch) {
        // Said once, when the telemetry is built.
        let _ = self.voice.set(dispatch);
    }

    pub(super) fn voice(&self) -> Voice {
        Voice::clone(&self.voice)
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Lets everything go that still runs there.
    pub(crate) fn end(&self) {
        let runtime = self.runtime.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(runtime) = runtime {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Threads {
    /// A runtime must not be dropped on another runtime's thread, so it is let go.
    fn drop(&mut self) {
        self.end();
    }
}
