//! Requests that are answered before their body was read: refused ones, mostly.
//!
//! hyper closes the connection of such a request if more of the body comes after the answer. Then the client may lose
//! the answer (bytes that nobody reads turn the close into a reset), or send its next request to a connection that is
//! being closed. So the rest of a small body is read before the answer goes out.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::http::{Request, Version, header};
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use tokio::sync::oneshot;

/// More than this is not read for nothing; the connection is closed.
const MAX_BYTES: usize = 256 << 10;
/// A body that takes longer than this is not waited for.
const MAX_TIME: Duration = Duration::from_secs(1);

/// A request body that comes back when it is dropped before its end.
pub(super) struct LentBody {
    body: Option<Incoming>,
    back: Option<oneshot::Sender<Incoming>>,
}

/// Gets the body back.
pub(super) struct Lender(Option<oneshot::Receiver<Incoming>>);

/// Lends the body of `request` to whoever answers it.
pub(super) fn lend(request: Request<Incoming>) -> (Request<LentBody>, Lender) {
    // Reading the body of a client that waits to be asked for it would ask for it.
    let waits = request.headers().contains_key(header::EXPECT);
    // HTTP/2 has a way to say that the rest of a body is not wanted.
    let may_close = request.version() < Version::HTTP_2 && !request.body().is_end_stream() && !waits;
    let (back, lender) = if may_close {
        let (back, lender) = oneshot::channel();
        (Some(back), Some(lender))
    } else {
        (None, None)
    };
    let request = request.map(|body| LentBody {
        body: Some(body),
        back,
    });
    (request, Lender(lender))
}

impl Lender {
    /// Reads what is left of the body, within bounds, if nobody reads it any more.
    pub(super) async fn read_rest(self) {
        let Some(mut body) = self.0.and_then(|mut back| back.try_recv().ok()) else {
            return;
        };
        let read = async {
            let mut bytes = 0_usize;
            while let Some(Ok(frame)) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
                bytes = bytes.saturating_add(frame.data_ref().map_or(0, Bytes::len));
                if bytes > MAX_BYTES {
                    break;
                }
            }
        };
        // When it takes too long the connection is closed, as without this.
        let _ = tokio::time::timeout(MAX_TIME, read).await;
    }
}

impl Drop for LentBody {
    fn drop(&mut self) {
        if let (Some(body), Some(back)) = (self.body.take(), self.back.take())
            && !body.is_end_stream()
        {
            // The connection may be gone; then so is the need.
            let _ = back.send(body);
        }
    }
}

impl Body for LentBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.body {
            Some(body) => Pin::new(body).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}
