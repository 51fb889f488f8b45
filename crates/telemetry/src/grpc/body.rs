//! The answer's body, watched for its first message and its trailers.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::call::Call;
use super::code::Code;

pin_project! {
    /// An answer's body that closes its call when it ends or is dropped.
    pub struct ObservedBody<B> {
        #[pin]
        inner: B,
        call: Option<Call>,
    }
}

impl<B> ObservedBody<B> {
    pub(super) fn new(inner: B, call: Option<Call>) -> Self {
        ObservedBody { inner, call }
    }
}

impl<B: Body> Body for ObservedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let frame = match this.call {
            Some(call) => {
                let span = call.span().clone();
                let _inside = span.enter();
                ready!(this.inner.poll_frame(context))
            }
            None => ready!(this.inner.poll_frame(context)),
        };
        let Some(call) = this.call else {
            return Poll::Ready(frame);
        };
        let end = match &frame {
            Some(Ok(frame)) if frame.is_data() => {
                call.message();
                None
            }
            Some(Ok(frame)) => frame
                .trailers_ref()
                .map(|trailers| Code::of(trailers).unwrap_or(Code::UNKNOWN)),
            Some(Err(_)) => Some(Code::UNAVAILABLE),
            // No trailers: the protocol was broken off.
            None => Some(Code::UNKNOWN),
        };
        if let Some(code) = end {
            call.ended(code);
            *this.call = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
