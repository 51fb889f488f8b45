//! Who the caller is.

use axum::Json;
use axum::extract::State;
use domain::{KeyId, TenantId};
use serde::Serialize;
use utoipa::ToSchema;

use super::keys::{Kind, ScopeName};
use crate::http::Http;
use crate::http::authenticate::Caller;
use crate::http::problem::{Problem, Problems};

/// The caller.
#[derive(Debug, Serialize, ToSchema)]
pub struct WhoAmI {
    /// The tenant.
    #[schema(value_type = uuid::Uuid)]
    pub tenant_id: TenantId,
    /// The tenant's name.
    pub tenant: String,
    /// The key that was used.
    #[schema(value_type = uuid::Uuid)]
    pub key_id: KeyId,
    /// The key's name.
    pub key: String,
    /// What the key is for.
    pub kind: Kind,
    /// What the caller may do.
    pub scopes: Vec<ScopeName>,
}

/// Who the caller is, and what the caller may do.
#[utoipa::path(get, path = "/api/v1/whoami", operation_id = "whoami", tag = "keys",
    responses((status = 200, description = "The caller", body = WhoAmI), Problems))]
pub async fn whoami(State(http): State<Http>, Caller(caller): Caller) -> Result<Json<WhoAmI>, Problem> {
    let tenant = http.control.own_tenant(&caller).await?;
    Ok(Json(WhoAmI {
        tenant_id: caller.tenant_id,
        tenant: tenant.name,
        key_id: caller.key_id,
        key: caller.name,
        kind: caller.kind.into(),
        scopes: caller.scopes.into_iter().map(Into::into).collect(),
    }))
}
