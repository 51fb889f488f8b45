//! API keys.

mod names;

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Duration, Utc};
use control::keys::NewKey;
use domain::{ApiKey, KeyId, PresentedKey, TenantId};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub(crate) use names::mirrored;
pub use names::{Kind, ScopeName};

use crate::http::Http;
use crate::http::answer::PageView;
use crate::http::authenticate::Caller;
use crate::http::problem::{Problem, Problems};
use crate::http::request::{JsonBody, PageQuery, Path, Query};

/// A key, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeyView {
    /// Identifier.
    #[schema(value_type = uuid::Uuid)]
    pub id: KeyId,
    /// The tenant it belongs to.
    #[schema(value_type = uuid::Uuid)]
    pub tenant_id: TenantId,
    /// What a person calls it.
    pub name: String,
    /// What it is for.
    pub kind: Kind,
    /// What it may do.
    pub scopes: Vec<ScopeName>,
    /// Tools that its holder is shown by themselves where there are too many to show all.
    pub pins: Vec<String>,
    /// The public part of its text.
    pub prefix: String,
    /// From when on it is refused.
    pub expires_at: Option<DateTime<Utc>>,
    /// Since when it is revoked.
    pub revoked_at: Option<DateTime<Utc>>,
    /// When it was last accepted, to about a minute.
    pub last_used_at: Option<DateTime<Utc>>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
}

impl From<ApiKey> for KeyView {
    fn from(key: ApiKey) -> Self {
        Self {
            id: key.id,
            tenant_id: key.tenant_id,
            name: key.name,
            kind: key.kind.into(),
            scopes: key.scopes.into_iter().map(Into::into).collect(),
            pins: key.pins,
            prefix: key.prefix,
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
            last_used_at: key.last_used_at,
            created_at: key.created_at,
        }
    }
}

/// A new key with its text, which is shown this once.
#[derive(Serialize, ToSchema)]
pub struct CreatedKey {
    /// The key's text. Keep it: it cannot be shown again.
    pub secret: String,
    /// The key.
    pub key: KeyView,
}

impl CreatedKey {
    /// The answer to whoever made the key.
    pub fn new(presented: &PresentedKey, key: ApiKey) -> Self {
        Self {
            secret: presented.reveal().to_string(),
            key: key.into(),
        }
    }
}

/// What a new key should be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyRequest {
    /// What a person calls it.
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
    /// What it is for.
    pub kind: Kind,
    /// What it may do; the kind's own scopes when absent.
    #[serde(default)]
    pub scopes: Option<Vec<ScopeName>>,
    /// Tools that its holder is shown by themselves where there are too many to show all: a tool's name, in which `*`
    /// stands for any characters, `tag:NAME` or `provider:NAME`.
    #[serde(default)]
    #[schema(max_items = 64)]
    pub pins: Vec<String>,
    /// From when on it is refused; never when absent.
    #[serde(default)]
    pub expires_at: Option<DateTime<Utc>>,
}

/// What of a key can be changed. Everything else is fixed when it is made: rotate it, or make another.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyChanges {
    /// The pins that it has from now on, written as in a new key; none when empty.
    #[schema(max_items = 64)]
    pub pins: Vec<String>,
}

/// How a key is rotated.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateRequest {
    /// How long the old key is still accepted, in seconds.
    #[serde(default = "one_hour")]
    #[schema(minimum = 0, maximum = 604_800, default = 3600)]
    pub grace_seconds: i64,
}

fn one_hour() -> i64 {
    3_600
}

/// Creates a key. Its text is answered this once.
#[utoipa::path(post, path = "/api/v1/keys", operation_id = "create_key", tag = "keys", request_body = KeyRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repeated call harmless",
            min_length = 1, max_length = 128, pattern = "^[!-~]([ -~]*[!-~])?$")),
    responses((status = 201, description = "The key and its text", body = CreatedKey), Problems))]
pub async fn create(
    State(http): State<Http>,
    Caller(caller): Caller,
    JsonBody(body): JsonBody<KeyRequest>,
) -> Result<(StatusCode, Json<CreatedKey>), Problem> {
    let new = NewKey {
        name: body.name,
        kind: body.kind.into(),
        scopes: body
            .scopes
            .map(|scopes| scopes.into_iter().map(Into::into).collect()),
        pins: body.pins,
        expires_at: body.expires_at,
    };
    let (presented, key) = http.control.create_key(&caller, new).await?;
    Ok((StatusCode::CREATED, Json(CreatedKey::new(&presented, key))))
}

/// The tenant's keys, newest first.
#[utoipa::path(get, path = "/api/v1/keys", operation_id = "list_keys", tag = "keys", params(PageQuery),
    responses((status = 200, description = "A page of keys", body = PageView<KeyView>), Problems))]
pub async fn list(
    State(http): State<Http>,
    Caller(caller): Caller,
    Query(page): Query<PageQuery>,
) -> Result<Json<PageView<KeyView>>, Problem> {
    Ok(PageView::of(
        http.control.list_keys(&caller, page.page()?).await?,
        Into::into,
    ))
}

/// One key.
#[utoipa::path(get, path = "/api/v1/keys/{id}", operation_id = "get_key", tag = "keys",
    params(("id" = uuid::Uuid, Path, description = "The key")),
    responses((status = 200, description = "The key", body = KeyView), Problems))]
pub async fn get(
    State(http): State<Http>,
    Caller(caller): Caller,
    Path(id): Path<KeyId>,
) -> Result<Json<KeyView>, Problem> {
    Ok(Json(http.control.get_key(&caller, id).await?.into()))
}

/// Changes which tools a key's holder is shown by themselves.
#[utoipa::path(patch, path = "/api/v1/keys/{id}", operation_id = "update_key", tag = "keys",
    params(("id" = uuid::Uuid, Path, description = "The key")),
    request_body = KeyChanges,
    responses((status = 200, description = "The key", body = KeyView), Problems))]
pub async fn update(
    State(http): State<Http>,
    Caller(caller): Caller,
    Path(id): Path<KeyId>,
    JsonBody(body): JsonBody<KeyChanges>,
) -> Result<Json<KeyView>, Problem> {
    Ok(Json(http.control.pin(&caller, id, body.pins).await?.into()))
}

/// Revokes a key: it is refused from now on.
#[utoipa::path(post, path = "/api/v1/keys/{id}/revoke", operation_id = "revoke_key", tag = "keys",
    params(("id" = uuid::Uuid, Path, description = "The key")),
    responses((status = 200, description = "The key", body = KeyView), Problems))]
pub async fn revoke(
    State(http): State<Http>,
    Caller(caller): Caller,
    Path(id): Path<KeyId>,
) -> Result<Json<KeyView>, Problem> {
    Ok(Json(http.control.revoke_key(&caller, id).await?.into()))
}

/// Puts a new key in the place of an old one, which runs out after a while.
#[utoipa::path(post, path = "/api/v1/keys/{id}/rotate", operation_id = "rotate_key", tag = "keys",
    params(
        ("id" = uuid::Uuid, Path, description = "The key"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeated call harmless",
            min_length = 1, max_length = 128, pattern = "^[!-~]([ -~]*[!-~])?$")
    ),
    request_body = RotateRequest,
    responses((status = 201, description = "The new key and its text", body = CreatedKey), Problems))]
pub async fn rotate(
    State(http): State<Http>,
    Caller(caller): Caller,
    Path(id): Path<KeyId>,
    JsonBody(body): JsonBody<RotateRequest>,
) -> Result<(StatusCode, Json<CreatedKey>), Problem> {
    let grace = Duration::try_seconds(body.grace_seconds).unwrap_or(Duration::MAX);
    let (presented, key) = http.control.rotate_key(&caller, id, grace).await?;
    Ok((StatusCode::CREATED, Json(CreatedKey::new(&presented, key))))
}
