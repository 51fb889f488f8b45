//! How far the tenant is open to others of its organization: its mode, and what it grants to whom.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use control::borders::Border;
use domain::{TenantId, Verb};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::keys::mirrored;
use super::tenants::IsolationName;
use crate::http::Http;
use crate::http::authenticate::Caller;
use crate::http::problem::{Problem, Problems};
use crate::http::request::{JsonBody, Path};

mirrored! {
    /// What agents of one tenant may do with those of another.
    VerbName of Verb {
        Discover = "discover",
        Message = "message",
        Assign = "assign",
    }
}

/// That agents of another tenant may do something.
#[derive(Debug, Serialize, ToSchema)]
pub struct GrantView {
    /// The other tenant.
    #[schema(value_type = uuid::Uuid)]
    pub to: TenantId,
    /// What its agents may do with those of this tenant.
    pub verb: VerbName,
    /// Since when.
    pub granted_at: DateTime<Utc>,
}

/// How far the tenant is open to others.
#[derive(Debug, Serialize, ToSchema)]
pub struct BorderView {
    /// The tenant.
    #[schema(value_type = uuid::Uuid)]
    pub tenant_id: TenantId,
    /// `strict`: nothing crosses its border in either direction. `relaxed`: what it has granted. `open`: every tenant of the
    /// organization may also discover and message its agents.
    pub mode: IsolationName,
    /// What it has granted; without effect while it is strict.
    pub grants: Vec<GrantView>,
}

impl From<Border> for BorderView {
    fn from(border: Border) -> Self {
        let grant = |grant: domain::Grant| GrantView {
            to: grant.to,
            verb: grant.verb.into(),
            granted_at: grant.granted_at,
        };
        Self {
            tenant_id: border.tenant.id,
            mode: border.tenant.isolation.into(),
            grants: border.grants.into_iter().map(grant).collect(),
        }
    }
}

/// How far the tenant should be open.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IsolationRequest {
    /// Its mode.
    pub mode: IsolationName,
}

/// What should be granted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GrantRequest {
    /// What agents of the other tenant may do; what is not named is taken back.
    #[schema(max_items = 3)]
    pub verbs: Vec<VerbName>,
}

/// How far the caller's tenant is open to others.
#[utoipa::path(get, path = "/api/v1/isolation", operation_id = "get_isolation", tag = "tenants",
    responses((status = 200, description = "Its mode and what it grants", body = BorderView), Problems))]
pub async fn get(State(http): State<Http>, Caller(caller): Caller) -> Result<Json<BorderView>, Problem> {
    Ok(Json(http.control.border(&caller).await?.into()))
}

/// Sets the mode of the caller's tenant. Grants stay, and count again when the mode lets them.
#[utoipa::path(put, path = "/api/v1/isolation", operation_id = "set_isolation", tag = "tenants",
    request_body = IsolationRequest,
    responses((status = 200, description = "Its mode and what it grants", body = BorderView), Problems))]
pub async fn set(
    State(http): State<Http>,
    Caller(caller): Caller,
    JsonBody(body): JsonBody<IsolationRequest>,
) -> Result<Json<BorderView>, Problem> {
    Ok(Json(
        http.control.isolate(&caller, body.mode.into()).await?.into(),
    ))
}

/// Sets what agents of another tenant of the organization may do with those of the caller's.
#[utoipa::path(put, path = "/api/v1/grants/{id}", operation_id = "set_grants", tag = "tenants",
    params(("id" = uuid::Uuid, Path, description = "The other tenant")), request_body = GrantRequest,
    responses((status = 200, description = "The mode and all grants", body = BorderView), Problems))]
pub async fn grant(
    State(http): State<Http>,
    Caller(caller): Caller,
    Path(id): Path<TenantId>,
    JsonBody(body): JsonBody<GrantRequest>,
) -> Result<Json<BorderView>, Problem> {
    let verbs: Vec<Verb> = body.verbs.into_iter().map(Into::into).collect();
    Ok(Json(http.control.grant(&caller, id, &verbs).await?.into()))
}

/// Takes back everything that was granted to another tenant.
#[utoipa::path(delete, path = "/api/v1/grants/{id}", operation_id = "remove_grants", tag = "tenants",
    params(("id" = uuid::Uuid, Path, description = "The other tenant")),
    responses((status = 204, description = "It is granted nothing"), Problems))]
pub async fn ungrant(
    State(http): State<Http>,
    Caller(caller): Caller,
    Path(id): Path<TenantId>,
) -> Result<StatusCode, Problem> {
    http.control.ungrant(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
