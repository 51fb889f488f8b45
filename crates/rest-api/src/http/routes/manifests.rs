//! Manifests: what an organization allows of its agents.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use control::agents::NewManifest;
use domain::Manifest;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::agents::AgentTypeName;
use crate::http::Http;
use crate::http::authenticate::Caller;
use crate::http::problem::{Problem, Problems};
use crate::http::request::{JsonBody, Path};

/// One kind of agent that the tenant allows.
#[derive(Debug, Serialize, ToSchema)]
pub struct ManifestView {
    /// Its name.
    pub name: String,
    /// The type of its agents.
    #[serde(rename = "type")]
    pub agent_type: AgentTypeName,
    /// Names of the capabilities that they may offer; any when empty.
    pub capabilities: Vec<String>,
    /// The models that may be behind them; any when empty.
    pub models: Vec<String>,
    /// How many tasks each may take at once.
    pub max_capacity: u32,
    /// How many of them may be here at once.
    pub max_instances: u32,
    /// When it was made or last changed.
    pub updated_at: DateTime<Utc>,
}

impl From<Manifest> for ManifestView {
    fn from(manifest: Manifest) -> Self {
        Self {
            name: manifest.name,
            agent_type: manifest.agent_type.into(),
            capabilities: manifest.capabilities,
            models: manifest.models,
            max_capacity: manifest.max_capacity,
            max_instances: manifest.max_instances,
            updated_at: manifest.updated_at,
        }
    }
}

/// All manifests.
#[derive(Debug, Serialize, ToSchema)]
pub struct ManifestsView {
    /// The manifests, by name.
    pub items: Vec<ManifestView>,
}

/// What a manifest should say.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ManifestRequest {
    /// Its name.
    #[schema(min_length = 1, max_length = 32, pattern = "^[a-z][a-z0-9-]*$")]
    pub name: String,
    /// The type of its agents.
    #[serde(rename = "type")]
    pub agent_type: AgentTypeName,
    /// Names of the capabilities that they may offer; any when empty.
    #[serde(default)]
    #[schema(max_items = 256)]
    pub capabilities: Vec<String>,
    /// The models that may be behind them; any when empty.
    #[serde(default)]
    #[schema(max_items = 256)]
    pub models: Vec<String>,
    /// How many tasks each may take at once.
    #[serde(default = "ten")]
    #[schema(minimum = 1, maximum = 1000)]
    pub max_capacity: u32,
    /// How many of them may be here at once.
    #[serde(default = "thousand")]
    #[schema(minimum = 1, maximum = 1_000_000)]
    pub max_instances: u32,
}

fn ten() -> u32 {
    10
}

fn thousand() -> u32 {
    1_000
}

/// What the tenant allows of its agents. Without manifests it allows every agent.
#[utoipa::path(get, path = "/api/v1/manifests", operation_id = "list_manifests", tag = "agents",
    responses((status = 200, description = "The manifests", body = ManifestsView), Problems))]
pub async fn list(State(http): State<Http>, Caller(caller): Caller) -> Result<Json<ManifestsView>, Problem> {
    let manifests = http.mesh.control.list_manifests(&caller).await?;
    Ok(Json(ManifestsView {
        items: manifests.into_iter().map(Into::into).collect(),
    }))
}

/// Puts a manifest in the place of the one of its name. With the first one, agents that fit none are refused.
#[utoipa::path(post, path = "/api/v1/manifests", operation_id = "put_manifest", tag = "agents",
    request_body = ManifestRequest,
    responses((status = 200, description = "The manifest", body = ManifestView), Problems))]
pub async fn put(
    State(http): State<Http>,
    Caller(caller): Caller,
    JsonBody(body): JsonBody<ManifestRequest>,
) -> Result<Json<ManifestView>, Problem> {
    let new = NewManifest {
        name: body.name,
        agent_type: body.agent_type.into(),
        capabilities: body.capabilities,
        models: body.models,
        max_capacity: body.max_capacity,
        max_instances: body.max_instances,
    };
    Ok(Json(http.mesh.control.put_manifest(&caller, new).await?.into()))
}

/// Removes a manifest; agents that are here under it stay until they register again.
#[utoipa::path(delete, path = "/api/v1/manifests/{name}", operation_id = "remove_manifest", tag = "agents",
    params(("name" = String, Path, description = "The manifest")),
    responses((status = 204, description = "It is gone"), Problems))]
pub async fn remove(
    State(http): State<Http>,
    Caller(caller): Caller,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    http.mesh.control.remove_manifest(&caller, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}
