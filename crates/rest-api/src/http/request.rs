//! Parts of a request, parsed at the door: JSON bodies, queries, paths, pages, conditions. Every refusal names the
//! field and what was expected.

use std::time::Duration;

use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Path as AxumPath, Request};
use bytes::Bytes;
use domain::{Cursor, PageRequest};
use http::request::Parts;
use http::{StatusCode, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::{IntoParams, ToSchema};

use super::problem::Problem;
use super::{shape, words};

pub use super::query::Query;

/// A JSON body.
pub struct JsonBody<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + ToSchema> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let kind = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or("");
        let essence = kind.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
        if essence != "application/json"
            && !(essence.starts_with("application/") && essence.ends_with("+json"))
        {
            let detail = "the body must be JSON, with `Content-Type: application/json`";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
        }
        let bytes = Bytes::from_request(request, state).await.map_err(unreadable)?;
        parse(&bytes).map(Self)
    }
}

fn unreadable(rejection: BytesRejection) -> Problem {
    let detail = match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => "the body is larger than `http.body_limit`",
        _ => "the body could not be read",
    };
    Problem::new(rejection.status(), detail)
}

fn parse<T: DeserializeOwned + ToSchema>(bytes: &[u8]) -> Result<T, Problem> {
    if let Some((path, expected)) = shape::misfit(bytes, &T::name()) {
        let field = if path.is_empty() { "body" } else { &path };
        return Err(Problem::field(StatusCode::UNPROCESSABLE_ENTITY, field, expected));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        match inner.classify() {
            serde_json::error::Category::Data => {
                let (field, expected) = words::refused(&path, &inner.to_string());
                Problem::field(StatusCode::UNPROCESSABLE_ENTITY, field, expected)
            }
            _ => Problem::field(
                StatusCode::BAD_REQUEST,
                "body",
                format!("JSON; line {}, column {}", inner.line(), inner.column()),
            ),
        }
    })?;
    reader.end().map_err(|error| {
        let place = format!(
            "one JSON value; more follows at line {}, column {}",
            error.line(),
            error.column()
        );
        Problem::field(StatusCode::BAD_REQUEST, "body", place)
    })?;
    Ok(value)
}

/// A part of the path. One that does not parse names nothing that exists: 404.
pub struct Path<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match AxumPath::<T>::from_request_parts(parts, state).await {
            // No name of ours has U+0000 in it, and Postgres would refuse to look for one.
            Ok(AxumPath(value)) if !parts.uri.path().contains("%00") => Ok(Self(value)),
            Ok(_) | Err(_) => Err(control::ControlError::NotFound.into()),
        }
    }
}

/// Which page of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// At most this many items.
    #[serde(default = "default_limit")]
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: u32,
    /// The `next` of the page before.
    cursor: Option<String>,
}

fn default_limit() -> u32 {
    50
}

impl PageQuery {
    /// Checks the bounds.
    ///
    /// # Errors
    /// 400 when `limit` is out of range.
    pub fn page(self) -> Result<PageRequest, Problem> {
        if !(1..=PageRequest::MAX).contains(&self.limit) {
            return Err(Problem::field(
                StatusCode::BAD_REQUEST,
                "limit",
                format!("1 to {}", PageRequest::MAX),
            ));
        }
        Ok(PageRequest {
            limit: self.limit,
            after: self.cursor.map(Cursor),
        })
    }
}

/// How long to wait for something to happen.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct WaitQuery {
    /// Wait at most this long for it, in seconds; the answer comes as soon as it happens.
    #[serde(default)]
    #[param(minimum = 0, maximum = 60, default = 0)]
    wait_seconds: u64,
}

impl WaitQuery {
    /// Checks the bound.
    ///
    /// # Errors
    /// 400 when it is too long.
    pub fn wait(self) -> Result<Duration, Problem> {
        let refused = || Problem::field(StatusCode::BAD_REQUEST, "wait_seconds", "0 to 60");
        control::jobs::wait(self.wait_seconds).ok_or_else(refused)
    }
}

/// The version in `If-Match` (RFC 9110, section 13.1.1): `"7"` or `*`.
pub struct IfMatch(pub Option<Expected>);

/// What `If-Match` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Any version that exists.
    Any,
    /// This one.
    Version(i64),
    /// One that never existed.
    Never,
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get(header::IF_MATCH) else {
            return Ok(Self(None));
        };
        let text = value.to_str().unwrap_or("").trim();
        let version = text
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'))
            .and_then(|tag| tag.parse().ok());
        Ok(Self(Some(match (text, version) {
            ("*", _) => Expected::Any,
            (_, Some(version)) => Expected::Version(version),
            _ => Expected::Never,
        })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_body_names_the_field_but_never_quotes_the_value() {
        #[derive(Debug, Deserialize, ToSchema)]
        struct Body {
            #[expect(dead_code, reason = "only parsed")]
            limit: u32,
        }
        let problem = parse::<Body>(br#"{"limit":"hunter2"}"#).unwrap_err();
        assert_eq!(problem.status, 422);
        assert_eq!(problem.errors[0].field, "limit");
        assert_eq!(problem.errors[0].expected, "expected u32");
        let problem = parse::<Body>(b" [7]").unwrap_err();
        assert_eq!((problem.status, problem.errors[0].field.as_str()), (422, "body"));
        let problem = parse::<Body>(b"{").unwrap_err();
        assert_eq!((problem.status, problem.errors[0].field.as_str()), (400, "body"));
        let problem = parse::<Body>(b"{}").unwrap_err();
        assert_eq!((problem.status, problem.errors[0].field.as_str()), (422, "limit"));
        assert_eq!(problem.errors[0].expected, "a value: it is missing");
    }
}
