//! What surrounds one call: how it is stopped, who hears of its progress, and what is told before it leaves.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::{sync::Arc, time::Instant};

use domain::CallErrorKind;
use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use crate::client_channel::{ClientChannel, ProgressSink};
use crate::failure::CallFailure;

/// What surrounds one call. `CallContext::default()` is a call that nobody watches and nobody cancels.
#[derive(Default)]
pub struct CallContext {
    /// Cancels the call; the connection to the upstream is dropped.
    pub cancel: CancellationToken,
    /// Hears of progress, when the caller asked for it.
    pub progress: Option<Arc<dyn ProgressSink>>,
    /// The client that called: sampling, elicitation, roots and log messages go back to it.
    pub client: Option<Arc<dyn ClientChannel>>,
    /// Sent upstream where the operation takes an `Idempotency-Key` and the arguments name none.
    pub idempotency_key: Option<String>,
    /// No later than this, in addition to the provider's own time-out.
    pub deadline: Option<Instant>,
    /// Called once, right before the request leaves.
    pub on_send: Option<OnSend>,
    /// Whether the request left; see [`Self::may_have_had_effect`].
    pub sent: Sent,
}

impl CallContext {
    /// Whether the upstream may have got the request. False when the arguments, the guard, the hook or the
    /// connection refused it first: such a call had no effect, whatever the tool does.
    #[must_use]
    pub fn may_have_had_effect(&self) -> bool {
        self.sent.0.load(Ordering::Acquire)
    }

    /// A connector calls this right before its request leaves.
    ///
    /// # Errors
    /// The hook's refusal, as [`CallErrorKind::Unavailable`]; the call must end without effect.
    pub async fn about_to_send(&self) -> Result<(), CallFailure> {
        if let Some(hook) = self.on_send.as_ref().and_then(OnSend::take) {
            hook()
                .await
                .map_err(|reason| CallFailure::new(CallErrorKind::Unavailable, reason))?;
        }
        self.sent.0.store(true, Ordering::Release);
        Ok(())
    }

    /// A connector calls this when the request, although announced, never left: no connection came about.
    pub fn never_left(&self) {
        self.sent.0.store(false, Ordering::Release);
    }
}

impl fmt::Debug for CallContext {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("CallContext")
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

/// Whether a request left this process.
#[derive(Debug, Default)]
pub struct Sent(AtomicBool);

type Hook = Box<dyn FnOnce() -> BoxFuture<'static, Result<(), String>> + Send>;

/// What runs once, right before a request leaves; an `Err` aborts the call without effect. The worker notes
/// there that the effect may begin.
pub struct OnSend(Mutex<Option<Hook>>);

impl OnSend {
    /// A hook; its error is told to the caller, so it must not contain internals.
    pub fn new<F, R>(hook: F) -> Self
    where
        F: FnOnce() -> R + Send + 'static,
        R: Future<Output = Result<(), String>> + Send + 'static,
    {
        Self(Mutex::new(Some(Box::new(move || Box::pin(hook())))))
    }

    fn take(&self) -> Option<Hook> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
