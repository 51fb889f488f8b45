//! The messages in an answer: one JSON body, or a stream of server-sent events.

use std::pin::Pin;
use std::time::Duration;

use futures::{Stream, StreamExt};
use http::header::CONTENT_TYPE;
use reqwest::Response;
use sse_stream::SseStream;

/// One event of an answer.
#[derive(Debug, Default)]
pub(super) struct Event {
    /// Its id, by which a broken stream goes on.
    pub(super) id: Option<String>,
    /// How long to wait before asking again, when the server says so.
    pub(super) retry: Option<Duration>,
    /// The JSON-RPC message; none in events that only set an id.
    pub(super) message: Option<String>,
}

/// Events, or why no more came.
pub(super) type Events = Pin<Box<dyn Stream<Item = Result<Event, String>> + Send>>;

/// Whether the answer is a stream.
pub(super) fn is_stream(response: &Response) -> bool {
    let kind = response
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default();
    kind.trim_start()
        .to_ascii_lowercase()
        .starts_with("text/event-stream")
}

/// The events of an answer; a JSON body is one event.
pub(super) fn events(response: Response) -> Events {
    if !is_stream(&response) {
        return Box::pin(futures::stream::once(async move {
            let text = response
                .text()
                .await
                .map_err(|error| crate::client::reason(&error))?;
            let message = Some(text).filter(|text| !text.trim().is_empty());
            Ok(Event {
                message,
                ..Event::default()
            })
        }));
    }
    Box::pin(
        SseStream::from_bytes_stream(response.bytes_stream()).map(|event| match event {
            Ok(event) => Ok(Event {
                id: event.id,
                retry: event.retry.map(Duration::from_millis),
                message: event.data.filter(|data| !data.trim().is_empty()),
            }),
            Err(error) => Err(error.to_string()),
        }),
    )
}
