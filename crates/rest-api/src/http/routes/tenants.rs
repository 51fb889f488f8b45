//! Tenants of the caller's organization.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use domain::{Isolation, OrganizationId, Tenant, TenantId};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::keys::mirrored;
use crate::http::Http;
use crate::http::answer::PageView;
use crate::http::authenticate::Caller;
use crate::http::problem::{Problem, Problems};
use crate::http::request::{JsonBody, PageQuery, Query};

mirrored! {
    /// How far a tenant's agents may see others.
    IsolationName of Isolation {
        Strict = "strict",
        Relaxed = "relaxed",
        Open = "open",
    }
}

/// A tenant.
#[derive(Debug, Serialize, ToSchema)]
pub struct TenantView {
    /// Identifier.
    #[schema(value_type = uuid::Uuid)]
    pub id: TenantId,
    /// The organization that owns it.
    #[schema(value_type = uuid::Uuid)]
    pub organization_id: OrganizationId,
    /// Short name.
    pub name: String,
    /// How far its agents may see others.
    pub isolation: IsolationName,
    /// When it was created.
    pub created_at: DateTime<Utc>,
}

impl From<Tenant> for TenantView {
    fn from(tenant: Tenant) -> Self {
        Self {
            id: tenant.id,
            organization_id: tenant.organization_id,
            name: tenant.name,
            isolation: tenant.isolation.into(),
            created_at: tenant.created_at,
        }
    }
}

/// What a new tenant should be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TenantRequest {
    /// Short name.
    #[schema(pattern = "^[a-z][a-z0-9-]{0,31}$")]
    pub name: String,
    /// How far its agents may see others.
    #[serde(default = "strict")]
    pub isolation: IsolationName,
}

fn strict() -> IsolationName {
    IsolationName::Strict
}

/// A new tenant with its first admin key.
#[derive(Serialize, ToSchema)]
pub struct CreatedTenant {
    /// The tenant.
    pub tenant: TenantView,
    /// The text of its first admin key. Keep it: it cannot be shown again.
    pub secret: String,
}

/// Creates a tenant in the caller's organization, with a first admin key.
#[utoipa::path(post, path = "/api/v1/tenants", operation_id = "create_tenant", tag = "tenants",
    request_body = TenantRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repeated call harmless",
            min_length = 1, max_length = 128, pattern = "^[!-~]([ -~]*[!-~])?$")),
    responses((status = 201, description = "The tenant and its first key", body = CreatedTenant), Problems))]
pub async fn create(
    State(http): State<Http>,
    Caller(caller): Caller,
    JsonBody(body): JsonBody<TenantRequest>,
) -> Result<(StatusCode, Json<CreatedTenant>), Problem> {
    let (tenant, presented) = http
        .control
        .create_tenant(&caller, body.name, body.isolation.into())
        .await?;
    let created = CreatedTenant {
        tenant: tenant.into(),
        secret: presented.reveal().to_string(),
    };
    Ok((StatusCode::CREATED, Json(created)))
}

/// The tenants of the caller's organization, by name.
#[utoipa::path(get, path = "/api/v1/tenants", operation_id = "list_tenants", tag = "tenants", params(PageQuery),
    responses((status = 200, description = "A page of tenants", body = PageView<TenantView>), Problems))]
pub async fn list(
    State(http): State<Http>,
    Caller(caller): Caller,
    Query(page): Query<PageQuery>,
) -> Result<Json<PageView<TenantView>>, Problem> {
    Ok(PageView::of(
        http.control.list_tenants(&caller, page.page()?).await?,
        Into::into,
    ))
}
