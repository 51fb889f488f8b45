//! Parts of an answer.

use axum::Json;
use axum::response::{IntoResponse, Response};
use domain::{Job, Page};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use super::idempotency;
use super::routes::jobs::JobView;

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct PageView<T> {
    /// The items.
    pub items: Vec<T>,
    /// Pass it as `cursor` to get the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl<T> PageView<T> {
    /// The page with each row as `view` shows it.
    pub fn of<R>(page: Page<R>, view: impl Fn(R) -> T) -> Json<Self> {
        Json(Self {
            items: page.items.into_iter().map(view).collect(),
            next: page.next.map(|cursor| cursor.0),
        })
    }
}

/// 202 with the job, and where to watch it.
pub fn accepted(job: Job) -> Response {
    let location = format!("/api/v1/jobs/{}", job.id);
    located(StatusCode::ACCEPTED, &location, JobView::from(job))
}

/// 201 with what was made, and where it is; `replayed` when an earlier request with this key has made it.
pub fn created<T: Serialize>(location: &str, body: T, replayed: bool) -> Response {
    let mut response = located(StatusCode::CREATED, location, body);
    if replayed {
        idempotency::mark_replayed(&mut response);
    }
    response
}

fn located<T: Serialize>(status: StatusCode, location: &str, body: T) -> Response {
    let mut response = (status, Json(body)).into_response();
    if let Ok(location) = HeaderValue::from_str(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// The row with its version as `ETag`.
pub fn with_etag<T: Serialize>(version: i64, body: T) -> Response {
    let mut response = Json(body).into_response();
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{version}\"")) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}
