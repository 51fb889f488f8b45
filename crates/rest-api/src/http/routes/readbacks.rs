//! Read-back checks of tools.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use domain::readback::{Condition, Readback, Source};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

use crate::http::Http;
use crate::http::authenticate::Caller;
use crate::http::problem::{Problem, Problems};
use crate::http::request::{JsonBody, Path};

/// How a read of the same upstream tells whether a write that was cut off had its effect.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadbackView {
    /// The tool that reads.
    pub tool: String,
    /// Its arguments, each `{"value": …}`, `{"argument": "/pointer/into/the/write"}` or `"job_id"`.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub arguments: BTreeMap<String, Source>,
    /// What its answer says when the effect is there: one of `{"status": 200}`, `{"exists": "/pointer"}`,
    /// `{"absent": "/pointer"}`, `{"equals": {"at", "to"}}`, `{"contains": {"at", "field", "to"}}`,
    /// `{"lacks": {"at", "field", "to"}}`, where `to` is written like an argument.
    #[schema(schema_with = condition)]
    pub done: Condition,
    /// What its answer says when the effect is not there; written like `done`.
    #[schema(schema_with = condition)]
    pub failed: Condition,
    /// How long after the cut the first look is, in milliseconds; default 30,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 86_400_000)]
    pub delay_ms: Option<u64>,
    /// How often it looks before it leaves the job to a person; default 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 20)]
    pub attempts: Option<u32>,
}

/// What a condition looks like, in words.
const CONDITION: &str = r#"What its answer says: one of `{"status": 200}`, `{"exists": "/pointer"}`, `{"absent": "/pointer"}`,
`{"equals": {"at", "to"}}`, `{"contains": {"at", "field", "to"}}`, `{"lacks": {"at", "field", "to"}}`, where `to` is
written like an argument."#;

/// Which of them takes an object; serde says the rest.
fn condition() -> Object {
    let compared = || ObjectBuilder::new().schema_type(Type::Object);
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .description(Some(CONDITION))
        .property("equals", compared())
        .property("contains", compared())
        .property("lacks", compared())
        .build()
}

impl From<Readback> for ReadbackView {
    fn from(readback: Readback) -> Self {
        let Readback {
            tool,
            arguments,
            done,
            failed,
            delay_ms,
            attempts,
        } = readback;
        Self {
            tool,
            arguments,
            done,
            failed,
            delay_ms: Some(delay_ms),
            attempts: Some(attempts),
        }
    }
}

impl From<ReadbackView> for Readback {
    fn from(view: ReadbackView) -> Self {
        let ReadbackView {
            tool,
            arguments,
            done,
            failed,
            delay_ms,
            attempts,
        } = view;
        Self {
            tool,
            arguments,
            done,
            failed,
            delay_ms: delay_ms.unwrap_or(Self::DEFAULT_DELAY_MS),
            attempts: attempts.unwrap_or(Self::DEFAULT_ATTEMPTS),
        }
    }
}

/// The read-back check of a tool.
#[utoipa::path(get, path = "/api/v1/tools/{name}/readback", operation_id = "get_readback", tag = "tools",
    params(("name" = String, Path, description = "The tool")),
    responses((status = 200, description = "The check", body = ReadbackView), Problems))]
pub async fn get(
    State(http): State<Http>,
    Caller(caller): Caller,
    Path(name): Path<String>,
) -> Result<Json<ReadbackView>, Problem> {
    Ok(Json(http.control.get_readback(&caller, &name).await?.into()))
}

/// Gives a tool a read-back check: a write that comes into doubt is then looked up, and closed as found.
#[utoipa::path(put, path = "/api/v1/tools/{name}/readback", operation_id = "set_readback", tag = "tools",
    params(("name" = String, Path, description = "The tool")), request_body = ReadbackView,
    responses((status = 200, description = "The check", body = ReadbackView), Problems))]
pub async fn set(
    State(http): State<Http>,
    Caller(caller): Caller,
    Path(name): Path<String>,
    JsonBody(body): JsonBody<ReadbackView>,
) -> Result<Json<ReadbackView>, Problem> {
    let set = http.control.set_readback(&caller, &name, body.into()).await?;
    Ok(Json(set.into()))
}

/// Takes a tool's read-back check away.
#[utoipa::path(delete, path = "/api/v1/tools/{name}/readback", operation_id = "remove_readback", tag = "tools",
    params(("name" = String, Path, description = "The tool")),
    responses((status = 204, description = "It has none any more"), Problems))]
pub async fn remove(
    State(http): State<Http>,
    Caller(caller): Caller,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    http.control.remove_readback(&caller, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}
