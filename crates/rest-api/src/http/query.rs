//! Query strings. What a route does not know is refused, by the description that the router itself gives: a filter with a
//! slip in its name would otherwise answer everything. That holds for routes that take none, too.

use std::collections::HashMap;
use std::sync::LazyLock;

use axum::extract::{FromRequestParts, MatchedPath, Query as AxumQuery, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{StatusCode, Uri};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::problem::Problem;
use super::words;

/// The names of each operation's parameters, by method and path.
static KNOWN: LazyLock<HashMap<String, Vec<String>>> = LazyLock::new(|| {
    let description = serde_json::to_value(super::description()).unwrap_or_default();
    let paths = description["paths"].as_object().into_iter().flatten();
    let operations = paths.flat_map(|(path, methods)| {
        let methods = methods.as_object().into_iter().flatten();
        methods.map(move |(method, operation)| (format!("{method} {path}"), names(operation)))
    });
    operations.collect()
});

fn names(operation: &Value) -> Vec<String> {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let in_query = parameters.filter(|parameter| parameter["in"] == "query");
    in_query
        .filter_map(|parameter| Some(parameter["name"].as_str()?.to_owned()))
        .collect()
}

/// Lets through only requests whose parameters the route knows by name.
pub async fn check(request: Request, next: Next) -> Response {
    match names_are_known(&request) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

fn names_are_known(request: &Request) -> Result<(), Problem> {
    let Some(known) = known(request) else {
        return Ok(());
    };
    let pairs = pairs(request.uri())?;
    let Some((name, _)) = pairs.iter().find(|(name, _)| !known.contains(name)) else {
        return Ok(());
    };
    let expected = match known.as_slice() {
        [] => "no parameter: this path takes none".to_owned(),
        known => format!("one of {}", known.join(", ")),
    };
    Err(bad(&name.chars().take(64).collect::<String>(), expected))
}

fn pairs(uri: &Uri) -> Result<Vec<(String, String)>, Problem> {
    AxumQuery::<Vec<(String, String)>>::try_from_uri(uri)
        .map(|pairs| pairs.0)
        .map_err(|_| bad("query", "`NAME=VALUE` with `&` between them".to_owned()))
}

fn bad(field: &str, expected: String) -> Problem {
    Problem::field(StatusCode::BAD_REQUEST, field, expected)
}

/// A query string.
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        if let Some((name, _)) = pairs(&parts.uri)?.iter().find(|(_, value)| value.contains('\0')) {
            return Err(bad(name, "text without the character U+0000".to_owned()));
        }
        AxumQuery::<T>::try_from_uri(&parts.uri)
            .map(|query| Self(query.0))
            .map_err(|rejection| {
                let message =
                    std::error::Error::source(&rejection).map_or_else(String::new, |cause| cause.to_string());
                let (path, message) = message.split_once(": ").unwrap_or((".", message.as_str()));
                let (field, expected) = words::refused(path, message);
                bad(if field == "body" { "query" } else { &field }, expected)
            })
    }
}

/// The parameters of the route; none when it is not described.
fn known(request: &Request) -> Option<&'static Vec<String>> {
    let path = request.extensions().get::<MatchedPath>()?.as_str();
    // The guides' own paths are other names of ours.
    let path = match path.strip_prefix("/v1/") {
        Some(rest) => format!("/api/v1/{rest}"),
        None => path.to_owned(),
    };
    KNOWN.get(&format!(
        "{} {path}",
        request.method().as_str().to_ascii_lowercase()
    ))
}
