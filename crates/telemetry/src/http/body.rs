//! Bodies that are watched as they pass.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use http_body::{Frame, SizeHint};
use tracing::Span;

use super::observe::Exchange;
use super::request::Seen;

type Polled = Poll<Option<Result<Frame<Bytes>, axum::Error>>>;

/// Counts a request body's bytes.
pub(super) struct CountedBody {
    inner: Body,
    seen: Arc<Seen>,
}

impl CountedBody {
    pub(super) fn new(inner: Body, seen: Arc<Seen>) -> Self {
        CountedBody { inner, seen }
    }
}

impl HttpBody for CountedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Polled {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(context));
        if let Some(Ok(frame)) = &frame {
            self.seen.bytes.fetch_add(data_len(frame), Relaxed);
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

/// Counts an answer's bytes, and closes its exchange when it ends or is dropped.
pub(super) struct ObservedBody {
    inner: Body,
    exchange: Option<Exchange>,
}

impl ObservedBody {
    pub(super) fn new(inner: Body, exchange: Exchange) -> Self {
        ObservedBody {
            inner,
            exchange: Some(exchange),
        }
    }
}

impl HttpBody for ObservedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Polled {
        let span = self
            .exchange
            .as_ref()
            .map_or_else(Span::none, |exchange| exchange.span.clone());
        let frame = ready!(span.in_scope(|| Pin::new(&mut self.inner).poll_frame(context)));
        match (&frame, &mut self.exchange) {
            (Some(Ok(frame)), Some(exchange)) => exchange.response_bytes += data_len(frame),
            (Some(Err(_)), _) => self.exchange = None,
            (None, Some(exchange)) => {
                exchange.complete = true;
                self.exchange = None;
            }
            _ => {}
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

impl Drop for ObservedBody {
    /// A server may stop asking once the body says that it has ended.
    fn drop(&mut self) {
        if let Some(exchange) = &mut self.exchange {
            exchange.complete = self.inner.is_end_stream();
        }
    }
}

fn data_len(frame: &Frame<Bytes>) -> u64 {
    frame.data_ref().map_or(0, |data| data.len() as u64)
}
