//! Providers: upstreams whose operations are tools.

mod limits;
mod view;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use control::providers::{NewProvider, ProviderChange};
use http::StatusCode;
use zeroize::Zeroizing;

pub use limits::{BreakerView, LimitsView};
pub use view::{
    AuthView, ProviderPatch, ProviderRequest, ProviderView, SelectionView, SkippedView, SourceView,
};

use super::jobs::JobView;
use crate::http::Http;
use crate::http::answer::{PageView, accepted, with_etag};
use crate::http::authenticate::Caller;
use crate::http::problem::{Problem, Problems};
use crate::http::request::{Expected, IfMatch, JsonBody, PageQuery, Path, Query};

/// Adds a provider. A job reads its description: the provider and its tools are there when the job is done, and
/// nothing is stored when the description is wrong.
#[utoipa::path(post, path = "/api/v1/providers", operation_id = "add_provider", tag = "providers",
    request_body = ProviderRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repeated call harmless",
            min_length = 1, max_length = 128, pattern = "^[!-~]([ -~]*[!-~])?$")),
    responses((status = 202, description = "The job that reads the description", body = JobView), Problems))]
pub async fn add(
    State(http): State<Http>,
    Caller(caller): Caller,
    JsonBody(body): JsonBody<ProviderRequest>,
) -> Result<Response, Problem> {
    let new = NewProvider {
        name: body.name,
        source: body.source.into(),
        base_url: body.base_url,
        auth: body.auth.into(),
        secret: body.secret.map(Zeroizing::new),
        selection: body.selection.into(),
        allowed_hosts: body.allowed_hosts,
        limits: body.limits.into(),
        trace: telemetry::propagation::current_context(),
    };
    Ok(accepted(http.control.add_provider(&caller, new).await?))
}

/// The tenant's providers, by name.
#[utoipa::path(get, path = "/api/v1/providers", operation_id = "list_providers", tag = "providers", params(PageQuery),
    responses((status = 200, description = "A page of providers", body = PageView<ProviderView>), Problems))]
pub async fn list(
    State(http): State<Http>,
    Caller(caller): Caller,
    Query(page): Query<PageQuery>,
) -> Result<Json<PageView<ProviderView>>, Problem> {
    Ok(PageView::of(
        http.control.list_providers(&caller, page.page()?).await?,
        Into::into,
    ))
}

/// One provider. Its `ETag` goes into `If-Match` of a change.
#[utoipa::path(get, path = "/api/v1/providers/{name}", operation_id = "get_provider", tag = "providers",
    params(("name" = String, Path, description = "The provider")),
    responses((status = 200, description = "The provider", body = ProviderView, headers(("ETag" = String))), Problems))]
pub async fn get(
    State(http): State<Http>,
    Caller(caller): Caller,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let provider = http.control.get_provider(&caller, &name).await?;
    Ok(with_etag(provider.version, ProviderView::from(provider)))
}

/// Changes a provider's bounds, hosts or selection. `If-Match` must name the version that the caller has seen.
#[utoipa::path(patch, path = "/api/v1/providers/{name}", operation_id = "update_provider", tag = "providers",
    params(
        ("name" = String, Path, description = "The provider"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` that the caller has seen, or `*`")
    ),
    request_body = ProviderPatch,
    responses((status = 200, description = "The provider", body = ProviderView, headers(("ETag" = String))), Problems))]
pub async fn update(
    State(http): State<Http>,
    Caller(caller): Caller,
    Path(name): Path<String>,
    IfMatch(expected): IfMatch,
    JsonBody(body): JsonBody<ProviderPatch>,
) -> Result<Response, Problem> {
    let change = ProviderChange {
        selection: body.selection.map(Into::into),
        allowed_hosts: body.allowed_hosts,
        limits: body.limits.map(Into::into),
    };
    let expected = match expected {
        Some(Expected::Version(version)) => version,
        Some(Expected::Any) => http.control.get_provider(&caller, &name).await?.version,
        Some(Expected::Never) => return Err(control::ControlError::Stale.into()),
        None => {
            let detail = "send `If-Match` with the `ETag` that you have seen, or `*`";
            return Err(Problem::new(StatusCode::PRECONDITION_REQUIRED, detail));
        }
    };
    let provider = http
        .control
        .update_provider(&caller, &name, change, expected)
        .await?;
    Ok(with_etag(provider.version, ProviderView::from(provider)))
}

/// Removes a provider with its tools and its credential.
#[utoipa::path(delete, path = "/api/v1/providers/{name}", operation_id = "remove_provider", tag = "providers",
    params(
        ("name" = String, Path, description = "The provider"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` that the caller has seen")
    ),
    responses((status = 204, description = "It is gone"), Problems))]
pub async fn remove(
    State(http): State<Http>,
    Caller(caller): Caller,
    Path(name): Path<String>,
    IfMatch(expected): IfMatch,
) -> Result<StatusCode, Problem> {
    let expected = match expected {
        None | Some(Expected::Any) => None,
        Some(Expected::Version(version)) => Some(version),
        Some(Expected::Never) => return Err(control::ControlError::Stale.into()),
    };
    http.control.remove_provider(&caller, &name, expected).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Reads a provider's description again, as a job; agents are told when the list of tools differs.
#[utoipa::path(post, path = "/api/v1/providers/{name}/refresh", operation_id = "refresh_provider", tag = "providers",
    params(("name" = String, Path, description = "The provider")),
    responses((status = 202, description = "The job that reads the description", body = JobView), Problems))]
pub async fn refresh(
    State(http): State<Http>,
    Caller(caller): Caller,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let trace = telemetry::propagation::current_context();
    Ok(accepted(
        http.control.refresh_provider(&caller, &name, trace).await?,
    ))
}

/// The operations of a provider that are no tools, with the reasons.
#[utoipa::path(get, path = "/api/v1/providers/{name}/skipped", operation_id = "list_skipped_operations", tag = "providers",
    params(("name" = String, Path, description = "The provider")),
    responses((status = 200, description = "The operations", body = Vec<SkippedView>), Problems))]
pub async fn skipped(
    State(http): State<Http>,
    Caller(caller): Caller,
    Path(name): Path<String>,
) -> Result<Json<Vec<SkippedView>>, Problem> {
    let skipped = http.control.skipped_operations(&caller, &name).await?;
    Ok(Json(skipped.into_iter().map(Into::into).collect()))
}
