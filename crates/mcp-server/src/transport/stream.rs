//! Answers that stay open: closed when the key behind them is gone, or when they only wait and the service stops.

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use futures::StreamExt;
use tokio_util::sync::CancellationToken;

use super::keys_in_use::Held;
use super::limits::Place;

/// What an open answer holds, and what closes it.
pub(super) struct Hold {
    pub(super) key: Held,
    pub(super) place: Place,
    /// Also closed by this: the soft stop, for streams that only wait.
    pub(super) stop: Option<CancellationToken>,
}

impl Hold {
    async fn closed(key: CancellationToken, stop: Option<CancellationToken>) {
        match stop {
            Some(stop) => tokio::select! {
                () = key.cancelled() => {}
                () = stop.cancelled() => {}
            },
            None => key.cancelled().await,
        }
    }
}

/// Lets an event stream go on until it ends or is closed; other answers pass as they are.
pub(super) fn guard(response: Response, hold: Hold) -> Response {
    let value = response
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    if !value.is_some_and(|value| value.starts_with("text/event-stream")) {
        return response;
    }
    response.map(|body| {
        let Hold { key, place, stop } = hold;
        let closed = Hold::closed(key.gone(), stop);
        let held = (key, place);
        let events = body.into_data_stream().take_until(closed).map(move |event| {
            let _held = &held;
            event
        });
        Body::from_stream(events)
    })
}
