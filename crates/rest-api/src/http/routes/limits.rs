//! Rate limits.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use control::limits::NewLimit;
use domain::RateLimit;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::Http;
use crate::http::answer::PageView;
use crate::http::authenticate::Caller;
use crate::http::problem::{Problem, Problems};
use crate::http::request::{JsonBody, PageQuery, Path, Query};

/// A rate limit.
#[derive(Debug, Serialize, ToSchema)]
pub struct LimitView {
    /// Whom it binds: `tenant`, `key:NAME`, `provider:NAME` (its tools together) or `tool:NAME`.
    pub subject: String,
    /// How often, for example `10/s`.
    pub rate: String,
    /// How many calls may come at once.
    pub burst: u32,
    /// When it was set.
    pub updated_at: DateTime<Utc>,
}

impl From<RateLimit> for LimitView {
    fn from(limit: RateLimit) -> Self {
        Self {
            subject: limit.subject.to_string(),
            rate: limit.limit.rate.to_string(),
            burst: limit.limit.burst,
            updated_at: limit.updated_at,
        }
    }
}

/// What a limit should be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitRequest {
    /// How often: `N/s`, `N/m`, `N/h`, or calls a second such as `0.5`.
    #[schema(example = "10/s")]
    pub rate: String,
    /// How many calls may come at once; as many as the rate allows in a second when absent.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 1_000_000)]
    pub burst: Option<u32>,
}

/// Sets a limit, in the place of the one that was there. Doing it twice is doing it once.
#[utoipa::path(put, path = "/api/v1/limits/{name}", operation_id = "set_limit", tag = "limits",
    params(("name" = String, Path, description = "Whom it binds: `tenant`, `key:NAME`, `provider:NAME` or `tool:NAME`")),
    request_body = LimitRequest,
    responses((status = 200, description = "The limit", body = LimitView), Problems))]
pub async fn set(
    State(http): State<Http>,
    Caller(caller): Caller,
    Path(subject): Path<String>,
    JsonBody(body): JsonBody<LimitRequest>,
) -> Result<Json<LimitView>, Problem> {
    let new = NewLimit {
        subject,
        rate: body.rate,
        burst: body.burst,
    };
    Ok(Json(http.control.set_limit(&caller, new).await?.into()))
}

/// The tenant's limits, by whom they bind.
#[utoipa::path(get, path = "/api/v1/limits", operation_id = "list_limits", tag = "limits", params(PageQuery),
    responses((status = 200, description = "A page of limits", body = PageView<LimitView>), Problems))]
pub async fn list(
    State(http): State<Http>,
    Caller(caller): Caller,
    Query(page): Query<PageQuery>,
) -> Result<Json<PageView<LimitView>>, Problem> {
    Ok(PageView::of(
        http.control.list_limits(&caller, page.page()?).await?,
        Into::into,
    ))
}

/// One limit.
#[utoipa::path(get, path = "/api/v1/limits/{name}", operation_id = "get_limit", tag = "limits",
    params(("name" = String, Path, description = "Whom it binds")),
    responses((status = 200, description = "The limit", body = LimitView), Problems))]
pub async fn get(
    State(http): State<Http>,
    Caller(caller): Caller,
    Path(subject): Path<String>,
) -> Result<Json<LimitView>, Problem> {
    Ok(Json(http.control.get_limit(&caller, &subject).await?.into()))
}

/// Removes a limit.
#[utoipa::path(delete, path = "/api/v1/limits/{name}", operation_id = "remove_limit", tag = "limits",
    params(("name" = String, Path, description = "Whom it binds")),
    responses((status = 204, description = "It is gone"), Problems))]
pub async fn remove(
    State(http): State<Http>,
    Caller(caller): Caller,
    Path(subject): Path<String>,
) -> Result<StatusCode, Problem> {
    http.control.remove_limit(&caller, &subject).await?;
    Ok(StatusCode::NO_CONTENT)
}
