//! Errors as problem details (RFC 9457).

use axum::Json;
use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use cache::Exceeded;
use control::ControlError;
use control::error::Invalid;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use telemetry::http::RequestId;
use utoipa::{IntoResponses, ToSchema};

/// How long a client should wait before it asks again while the database is away, in seconds.
const RETRY_AFTER: &str = "2";

/// An error, as `application/problem+json`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Problem {
    /// What kind of problem it is: `about:blank`, so that `title` says it.
    #[serde(rename = "type")]
    #[schema(example = "about:blank")]
    pub kind: &'static str,
    /// The status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened, for a person.
    pub detail: String,
    /// The fields that are not as expected, all of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// When to ask again, in seconds; it goes into the header `Retry-After`.
    #[serde(skip)]
    pub retry_after: Option<u64>,
    /// The request id, as in the header `X-Request-ID`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The trace id, as in the header `X-Trace-ID`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
}

/// A field that is not as expected.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FieldError {
    /// The field, with dots between levels.
    pub field: String,
    /// What was expected.
    pub expected: String,
}

impl Problem {
    /// A problem with this status.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error").to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            errors: Vec::new(),
            retry_after: None,
            request_id: None,
            trace_id: None,
        }
    }

    /// A request with one field that is not as expected: 422, or 400 when it is not in the body.
    pub fn field(status: StatusCode, field: impl Into<String>, expected: impl Into<String>) -> Self {
        let errors = vec![FieldError {
            field: field.into(),
            expected: expected.into(),
        }];
        Self {
            errors,
            ..Self::new(status, "the request is not valid")
        }
    }
}

impl IntoResponse for Problem {
    /// An empty answer that carries the problem; [`render`] writes the body once the request id is known.
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = status.into_response();
        if status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer realm=\"devmesh\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER));
        }
        if let Some(seconds) = self.retry_after {
            let value = HeaderValue::from(seconds);
            response.headers_mut().insert(header::RETRY_AFTER, value);
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<ControlError> for Problem {
    fn from(error: ControlError) -> Self {
        let detail = error.to_string();
        match error {
            ControlError::Forbidden(_) => Self::new(StatusCode::FORBIDDEN, detail),
            ControlError::NotFound | ControlError::Blocked(_) => {
                Self::new(StatusCode::NOT_FOUND, "there is no such thing here")
            }
            ControlError::Invalid(fields) => Self {
                errors: fields.into_iter().map(Into::into).collect(),
                ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
            },
            ControlError::Conflict { field, message } => Self {
                detail,
                ..Self::field(StatusCode::CONFLICT, field, message)
            },
            ControlError::Stale => Self::new(StatusCode::PRECONDITION_FAILED, detail),
            ControlError::Unavailable(cause) => {
                tracing::warn!(error = %cause, "the database is not available");
                Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
            }
            ControlError::Internal(cause) => {
                tracing::error!(error = %cause, "a request failed for a reason of ours");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
            }
        }
    }
}

impl From<Exceeded> for Problem {
    fn from(exceeded: Exceeded) -> Self {
        let seconds = exceeded.retry_after_seconds();
        let detail = format!(
            "the rate limit of {} ({}) is used up; nothing was called. Try again in {seconds} s",
            exceeded.subject, exceeded.limit.rate
        );
        Self {
            retry_after: Some(seconds),
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, detail)
        }
    }
}

impl From<Invalid> for FieldError {
    fn from(invalid: Invalid) -> Self {
        Self {
            field: invalid.field,
            expected: invalid.expected,
        }
    }
}

/// Writes the body of every problem, with the ids of its request. An error that has no body of ours becomes one.
pub async fn render(request: Request, next: Next) -> Response {
    let request_id = request.extensions().get::<RequestId>().map(|id| id.0.clone());
    let mut response = next.run(request).await;
    let status = response.status();
    let own_body = response.headers().contains_key(header::CONTENT_TYPE);
    let problem = match response.extensions_mut().remove::<Problem>() {
        Some(problem) => problem,
        None if !own_body && (status.is_client_error() || status.is_server_error()) => {
            Problem::new(status, "the request was not carried out")
        }
        None => return response,
    };
    let problem = Problem {
        request_id,
        trace_id: telemetry::propagation::current_trace_id(),
        ..problem
    };
    let mut rendered = (status, Json(problem)).into_response();
    let kind = HeaderValue::from_static("application/problem+json");
    for (name, value) in response.headers() {
        rendered.headers_mut().insert(name, value.clone());
    }
    rendered.headers_mut().insert(header::CONTENT_TYPE, kind);
    let length = axum::body::HttpBody::size_hint(rendered.body()).exact();
    if let Some(length) = length {
        rendered
            .headers_mut()
            .insert(header::CONTENT_LENGTH, length.into());
    }
    rendered.map(Body::new)
}

/// The answer to a path that does not exist.
pub async fn no_such_path() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "there is no such path; /openapi.json lists them all",
    )
}

/// The answer to a method that a path does not have.
pub async fn no_such_method() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "this path has no such method; /openapi.json lists them all",
    )
}

/// The problems that every operation may answer, for the description.
#[derive(IntoResponses, Debug)]
pub enum Problems {
    /// The request cannot be read: a parameter, a header or the body.
    #[response(status = 400, content_type = "application/problem+json")]
    BadRequest(Problem),
    /// No valid API key.
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthorized(Problem),
    /// The key lacks the scope.
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(Problem),
    /// No such thing in the caller's tenant.
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(Problem),
    /// It collides with what is there.
    #[response(status = 409, content_type = "application/problem+json")]
    Conflict(Problem),
    /// Changed by someone else since it was read.
    #[response(status = 412, content_type = "application/problem+json")]
    PreconditionFailed(Problem),
    /// The body is larger than the limit.
    #[response(status = 413, content_type = "application/problem+json")]
    PayloadTooLarge(Problem),
    /// The body is not JSON.
    #[response(status = 415, content_type = "application/problem+json")]
    UnsupportedMediaType(Problem),
    /// A field is not as expected.
    #[response(status = 422, content_type = "application/problem+json")]
    Unprocessable(Problem),
    /// The change needs `If-Match`.
    #[response(status = 428, content_type = "application/problem+json")]
    PreconditionRequired(Problem),
    /// A bug.
    #[response(status = 500, content_type = "application/problem+json")]
    Internal(Problem),
    /// The database is away; `Retry-After` says when to ask again.
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(Problem),
}
