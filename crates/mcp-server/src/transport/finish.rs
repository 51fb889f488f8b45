//! A call outlives the request that it came with: when its caller goes away it is told so, and ends in a task of its
//! own, so that what became of it is on record.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

type Call<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A call that is polled by its request as long as there is one: a task for each would cost every call what only those
/// need that are given up.
pub(super) struct Finished<T: Send + 'static> {
    call: Option<Call<T>>,
    given_up: CancellationToken,
}

/// Runs `call`; `given_up` is cancelled when this is dropped before the end.
pub(super) fn finished<T: Send + 'static>(
    call: impl Future<Output = T> + Send + 'static,
    given_up: CancellationToken,
) -> Finished<T> {
    Finished {
        call: Some(Box::pin(call)),
        given_up,
    }
}

impl<T: Send + 'static> Future for Finished<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let Some(call) = &mut self.call else {
            return Poll::Pending;
        };
        let ended = call.as_mut().poll(context);
        if ended.is_ready() {
            self.call = None;
        }
        ended
    }
}

impl<T: Send + 'static> Drop for Finished<T> {
    fn drop(&mut self) {
        let (Some(call), Ok(runtime)) = (self.call.take(), Handle::try_current()) else {
            return;
        };
        // What has panicked cannot be polled again.
        if std::thread::panicking() {
            return;
        }
        self.given_up.cancel();
        #[expect(
            clippy::disallowed_methods,
            reason = "a call that was given up ends within its grace, a second; rmcp's own tasks are no different"
        )]
        runtime.spawn(call);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn a_call_that_is_dropped_is_told_and_ends_all_the_same() {
        let given_up = CancellationToken::new();
        let (tell, told) = oneshot::channel();
        let token = given_up.clone();
        let call = finished(
            async move {
                token.cancelled().await;
                tell.send("recorded").unwrap();
            },
            given_up,
        );
        tokio::time::timeout(std::time::Duration::ZERO, call)
            .await
            .unwrap_err();
        assert_eq!(told.await.unwrap(), "recorded");
    }

    #[tokio::test]
    async fn a_call_that_ends_is_not_given_up() {
        let given_up = CancellationToken::new();
        assert_eq!(finished(async { 7 }, given_up.clone()).await, 7);
        assert!(!given_up.is_cancelled());
    }
}
