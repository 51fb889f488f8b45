//! Who is calling: `Authorization: Bearer KEY` or `X-API-Key: KEY`.

use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::Principal;
use domain::key::{KeyKind, KeyRefusal};
use http::request::Parts;
use http::{HeaderMap, StatusCode, header};

use super::Http;
use super::problem::Problem;

/// The caller. A handler that takes it is reached only with a valid key.
pub struct Caller(pub Principal);

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // `check` put it there; a route without it is a bug that must not open a door.
        parts
            .extensions
            .get::<Principal>()
            .cloned()
            .map(Self)
            .ok_or_else(refused)
    }
}

/// Lets through only requests with a valid key, before anything else of them is read.
pub async fn check(State(http): State<Http>, mut request: Request, next: Next) -> Response {
    match principal(&http, request.headers()).await {
        Ok(principal) => {
            let span = tracing::Span::current();
            span.record("tenant_id", tracing::field::display(principal.tenant_id));
            span.record("user_id", principal.name.as_str());
            telemetry::propagation::caller_known(&span, principal.kind == KeyKind::Admin);
            request.extensions_mut().insert(principal);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

async fn principal(http: &Http, headers: &HeaderMap) -> Result<Principal, Problem> {
    let (method, presented) = presented(headers);
    let verdict = match presented {
        Some(text) => http.control.authenticate(text).await?,
        None => Err(KeyRefusal::Missing),
    };
    let outcome = verdict
        .as_ref()
        .map_or_else(|refusal| refusal.as_str(), |_| "success");
    http.auth.attempts.with([method, outcome]).increment(1);
    verdict.map_err(|_| refused())
}

/// How the key is presented, and its text; `Authorization: Bearer` wins over `X-API-Key`, as at the other door. A header
/// that is no text counts as none.
fn presented(headers: &HeaderMap) -> (&'static str, Option<&str>) {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = text(header::AUTHORIZATION).and_then(|value| {
        let (scheme, key) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())
    });
    let own = text(http::HeaderName::from_static("x-api-key"));
    match (bearer, own) {
        (Some(key), _) => ("bearer", Some(key)),
        (None, Some(key)) => ("api_key", Some(key)),
        (None, None) => ("none", None),
    }
}

fn refused() -> Problem {
    let detail =
        "a valid API key or access token is needed, as `Authorization: Bearer KEY` or `X-API-Key: KEY`";
    Problem::new(StatusCode::UNAUTHORIZED, detail)
}
