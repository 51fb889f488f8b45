//! What is known of a request before it is handled.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};

use axum::extract::{MatchedPath, Request};
use axum::http::header::{CONTENT_LENGTH, USER_AGENT};
use axum::http::{HeaderMap, Method};
use tracing::Span;
use tracing::field::Empty;

use crate::ids::{REQUEST_ID, RequestId};
use crate::propagation;
use crate::trace::{Ask, Begin, begin_with};

/// The request's own span, in its extensions: record `tenant_id` and `user_id` on it once they are known, and the closing
/// line and every line in between carry them.
#[derive(Clone, Debug)]
pub struct RequestSpan {
    span: Span,
    seen: Arc<Seen>,
}

/// What is found out about a request while it is handled.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Bytes of its body so far.
    pub(super) bytes: AtomicU64,
    /// Another closing line than ours has told how it ended.
    pub(super) told: AtomicBool,
}

/// A request's closing line. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Closing(Arc<Seen>);

impl Closing {
    /// Says that it is written: a second one, of the same request, is then written at debug only, unless the answer
    /// fails on its way.
    pub fn written(&self) {
        self.0.told.store(true, Relaxed);
    }
}

impl RequestSpan {
    pub(crate) fn new(span: Span) -> Self {
        Self {
            span,
            seen: Arc::default(),
        }
    }

    pub(super) fn seen(&self) -> Arc<Seen> {
        Arc::clone(&self.seen)
    }

    /// For a protocol inside of HTTP that writes the closing line itself.
    #[must_use]
    pub fn closing(&self) -> Closing {
        Closing(self.seen())
    }

    /// Says that the caller has shown who it is; see [`propagation::caller_known`].
    pub fn caller_known(&self, is_admin: bool) {
        propagation::caller_known(&self.span, is_admin);
    }

    /// Says for whom the request is.
    pub fn identify(&self, tenant_id: Option<&str>, user_id: Option<&str>) {
        if let Some(tenant) = tenant_id {
            self.span.record("tenant_id", tenant);
        }
        if let Some(user) = user_id {
            self.span.record("user_id", user);
        }
    }
}

/// The labels of a request: both from closed sets.
#[derive(Clone, Debug)]
pub(super) struct Route {
    pub(super) method: &'static str,
    pub(super) path: Cow<'static, str>,
}

impl Route {
    pub(super) fn of(request: &Request) -> Self {
        let path = match request.extensions().get::<MatchedPath>() {
            Some(path) => Cow::Owned(path.as_str().to_owned()),
            None => Cow::Borrowed("unmatched"),
        };
        Route {
            method: method(request.method()),
            path,
        }
    }

    pub(super) fn labels(&self) -> [&str; 2] {
        [self.method, &self.path]
    }

    /// Probes and scrapes come every few seconds: their closing lines would bury the others.
    pub(super) fn is_probe(&self) -> bool {
        self.path == "/metrics" || self.path == "/health" || self.path.starts_with("/health/")
    }
}

/// Methods that anyone can invent are one.
fn method(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

/// The caller's request id or a new one.
pub(super) fn request_id(headers: &HeaderMap) -> RequestId {
    RequestId::taken_or_made(headers.get(REQUEST_ID).and_then(|value| value.to_str().ok()))
}

fn version(request: &Request) -> &'static str {
    match request.version() {
        http::Version::HTTP_10 => "1.0",
        http::Version::HTTP_2 => "2",
        http::Version::HTTP_3 => "3",
        _ => "1.1",
    }
}

/// The server span, with OpenTelemetry's HTTP attributes.
pub(super) fn span(request: &Request, route: &Route, id: &RequestId) -> Span {
    let headers = request.headers();
    let is_asked = headers
        .get("x-debug-trace")
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"));
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    begin_with(
        Begin {
            parent: propagation::extract(headers),
            ask: if is_asked { Ask::Header } else { Ask::Nothing },
            probe: route.is_probe(),
            ..Begin::default()
        },
        || {
            tracing::info_span!(
                "http_request",
                otel.name = %format_args!("{} {}", route.method, route.path),
                otel.kind = "server",
                otel.status_code = Empty,
                http.request.method = route.method,
                http.route = &*route.path,
                http.response.status_code = Empty,
                error.type = Empty,
                network.protocol.version = version(request),
                url.path = request.uri().path(),
                url.scheme = request.uri().scheme_str().unwrap_or("http"),
                user_agent.original = text(USER_AGENT),
                request.size = text(CONTENT_LENGTH).and_then(|size| size.parse::<u64>().ok()),
                correlation_id = id.0.as_str(),
                tenant_id = Empty,
                user_id = Empty,
            )
        },
    )
}
