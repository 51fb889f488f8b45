//! How many requests and streams may be open at once.

use std::sync::Arc;

use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use rmcp::model::ErrorCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::answers::refuse;

/// The places for requests and streams.
pub(crate) struct Places(Arc<Semaphore>);

/// The place of one request; a stream keeps it while it is open.
pub(crate) struct Place {
    _permit: OwnedSemaphorePermit,
}

impl Places {
    pub(crate) fn new(places: usize) -> Self {
        Self(Arc::new(Semaphore::new(places.min(Semaphore::MAX_PERMITS))))
    }

    /// Gives a request its place, or refuses it at once: a queue here would only hide the overload.
    pub(crate) fn take(&self) -> Result<Place, Response> {
        if let Ok(permit) = Arc::clone(&self.0).try_acquire_owned() {
            return Ok(Place { _permit: permit });
        }
        tracing::warn!(event = "request_refused", "no place for a further request");
        let mut response = refuse(
            StatusCode::SERVICE_UNAVAILABLE,
            ErrorCode::INTERNAL_ERROR,
            "too many requests are open here: try again in a second",
        );
        response
            .headers_mut()
            .insert(RETRY_AFTER, HeaderValue::from_static("1"));
        Err(response)
    }
}
