//! Query strings. What a route does not know is refused, by the description that the router itself gives: a filter with a
//! slip in its name would otherwise answer everything.

use std::collections::HashMap;
use std::sync::LazyLock;

use axum::extract::{FromRequestParts, MatchedPath, Query as AxumQuery};
use http::StatusCode;
use http::request::Parts;
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

/// A query string.
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let bad = |field: &str, expected: String| Problem::field(StatusCode::BAD_REQUEST, field, expected);
        let pairs = AxumQuery::<Vec<(String, String)>>::try_from_uri(&parts.uri)
            .map_err(|_| bad("query", "`NAME=VALUE` with `&` between them".to_owned()))?;
        if let Some(known) = known(parts) {
            let stranger = pairs.iter().find(|(name, _)| !known.contains(name));
            if let Some((name, _)) = stranger {
                let expected = match known.as_slice() {
                    [] => "no parameter: this path takes none".to_owned(),
                    known => format!("one of {}", known.join(", ")),
                };
                return Err(bad(&name.chars().take(64).collect::<String>(), expected));
            }
        }
        if let Some((name, _)) = pairs.iter().find(|(_, value)| value.contains('\0')) {
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
fn known(parts: &Parts) -> Option<&'static Vec<String>> {
    let path = parts.extensions.get::<MatchedPath>()?.as_str();
    // The guides' own paths are other names of ours.
    let path = match path.strip_prefix("/v1/") {
        Some(rest) => format!("/api/v1/{rest}"),
        None => path.to_owned(),
    };
    KNOWN.get(&format!("{} {path}", parts.method.as_str().to_ascii_lowercase()))
}
