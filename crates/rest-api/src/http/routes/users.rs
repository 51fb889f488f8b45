//! Users: people who sign in with a password, and their signing in.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Json;
use axum::extract::{ConnectInfo, State};
use chrono::{DateTime, Utc};
use control::users::MAX_PASSWORD;
use domain::{Role, User, UserId};
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::keys::mirrored;
use crate::http::Http;
use crate::http::answer::PageView;
use crate::http::authenticate::Caller;
use crate::http::problem::{Problem, Problems};
use crate::http::request::{JsonBody, PageQuery, Path, Query};

mirrored! {
    /// What a user may do: `owner` what an admin key may, `admin` everything in the tenant, `member` tools, agents and
    /// tasks, `readonly` looks.
    RoleName of Role {
        Owner = "owner",
        Admin = "admin",
        Member = "member",
        Readonly = "readonly",
    }
}

/// A password on its way in. Never printed.
#[derive(Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, min_length = 1, max_length = 1024, format = Password)]
pub struct Password(String);

impl Password {
    fn taken(self) -> Zeroizing<String> {
        Zeroizing::new(self.0)
    }
}

/// A user.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserView {
    /// Identifier.
    #[schema(value_type = uuid::Uuid)]
    pub id: UserId,
    /// What they sign in with.
    pub name: String,
    /// What they may do.
    pub role: RoleName,
    /// Since when they may not sign in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled_at: Option<DateTime<Utc>>,
    /// When the password was last set.
    pub password_at: DateTime<Utc>,
    /// When they were added.
    pub created_at: DateTime<Utc>,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            name: user.name,
            role: user.role.into(),
            disabled_at: user.disabled_at,
            password_at: user.password_at,
            created_at: user.created_at,
        }
    }
}

/// What a new user should be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserRequest {
    /// What they sign in with, for example an e-mail address; unique in the installation, small letters only.
    #[schema(pattern = "^[a-z0-9][a-z0-9._@+-]{0,99}$")]
    pub name: String,
    /// What they may do.
    #[serde(default = "member")]
    pub role: RoleName,
    /// Their password.
    pub password: Password,
}

fn member() -> RoleName {
    RoleName::Member
}

/// Another password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordRequest {
    /// The password from now on.
    pub password: Password,
}

/// Who signs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenRequest {
    /// The user's name.
    #[schema(min_length = 1, max_length = 100)]
    pub username: String,
    /// The user's password.
    pub password: Password,
}

/// An access token.
#[derive(Serialize, ToSchema)]
pub struct TokenView {
    /// To be sent as `Authorization: Bearer TOKEN`, wherever an API key can be.
    pub access_token: String,
    /// `Bearer`.
    pub token_type: &'static str,
    /// For how many seconds it is accepted.
    pub expires_in: u32,
    /// What the user may do, as scopes with spaces between.
    pub scope: String,
}

/// Signs a user in: answers an access token. Whatever is wrong with name or password, the answer is the same.
#[utoipa::path(post, path = "/auth/token", operation_id = "sign_in", tag = "users", security(()),
    request_body = TokenRequest,
    responses(
        (status = 200, description = "The token", body = TokenView),
        (status = 429, description = "Too many attempts; `Retry-After` says when to try again", body = Problem,
            content_type = "application/problem+json"),
        Problems
    ))]
pub async fn sign_in(
    State(http): State<Http>,
    peer: Option<axum::Extension<ConnectInfo<SocketAddr>>>,
    JsonBody(body): JsonBody<TokenRequest>,
) -> Result<axum::response::Response, Problem> {
    let count = |outcome| http.auth.attempts.with(["password", outcome]).increment(1);
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    if !(1..=100).contains(&body.username.chars().count()) {
        return Err(Problem::field(status, "username", "1 to 100 characters"));
    }
    if body.password.0.is_empty() || !control::error::fits(&body.password.0, MAX_PASSWORD) {
        return Err(Problem::field(
            status,
            "password",
            format!("1 to {MAX_PASSWORD} characters"),
        ));
    }
    let address = peer.map(|axum::Extension(ConnectInfo(peer))| peer.ip());
    if let Err(wait) = http.attempts.take(&body.username, address).await {
        count("limited");
        return Err(too_many(wait));
    }
    let signed_in = http
        .control
        .sign_in(&body.username, body.password.taken())
        .await?;
    let signed_in = signed_in.map_err(|denied| {
        count(denied.as_str());
        tracing::info!(
            event = "sign_in_failed",
            reason = denied.as_str(),
            "a sign-in was refused"
        );
        Problem::new(StatusCode::UNAUTHORIZED, "the user name or the password is wrong")
    })?;
    count("success");
    let user = &signed_in.user;
    tracing::info!(
        event = "signed_in",
        tenant_id = %user.tenant_id,
        user_id = user.name,
        role = user.role.as_str(),
        "{} signed in",
        user.name
    );
    let scopes: Vec<_> = user.role.scopes().iter().map(|scope| scope.as_str()).collect();
    let token = TokenView {
        access_token: signed_in.token.to_string(),
        token_type: "Bearer",
        expires_in: signed_in.seconds,
        scope: scopes.join(" "),
    };
    let mut response = axum::response::IntoResponse::into_response(Json(token));
    let never = HeaderValue::from_static("no-store");
    response.headers_mut().insert(header::CACHE_CONTROL, never);
    Ok(response)
}

fn too_many(wait: Duration) -> Problem {
    let seconds = (wait.as_secs_f64().ceil() as u64).max(1);
    let detail = format!("too many attempts to sign in; try again in {seconds} s");
    Problem {
        retry_after: Some(seconds),
        ..Problem::new(StatusCode::TOO_MANY_REQUESTS, detail)
    }
}

/// Adds a user to the caller's tenant.
#[utoipa::path(post, path = "/api/v1/users", operation_id = "add_user", tag = "users", request_body = UserRequest,
    responses((status = 201, description = "The user", body = UserView), Problems))]
pub async fn add(
    State(http): State<Http>,
    Caller(caller): Caller,
    JsonBody(body): JsonBody<UserRequest>,
) -> Result<(StatusCode, Json<UserView>), Problem> {
    let added = http
        .control
        .add_user(&caller, &body.name, body.role.into(), body.password.taken());
    Ok((StatusCode::CREATED, Json(added.await?.into())))
}

/// The tenant's users, newest first.
#[utoipa::path(get, path = "/api/v1/users", operation_id = "list_users", tag = "users", params(PageQuery),
    responses((status = 200, description = "A page of users", body = PageView<UserView>), Problems))]
pub async fn list(
    State(http): State<Http>,
    Caller(caller): Caller,
    Query(page): Query<PageQuery>,
) -> Result<Json<PageView<UserView>>, Problem> {
    Ok(PageView::of(
        http.control.list_users(&caller, page.page()?).await?,
        Into::into,
    ))
}

/// One user.
#[utoipa::path(get, path = "/api/v1/users/{name}", operation_id = "get_user", tag = "users",
    params(("name" = String, Path, description = "The user's name")),
    responses((status = 200, description = "The user", body = UserView), Problems))]
pub async fn get(
    State(http): State<Http>,
    Caller(caller): Caller,
    Path(name): Path<String>,
) -> Result<Json<UserView>, Problem> {
    Ok(Json(http.control.get_user(&caller, &name).await?.into()))
}

/// Sets another password. Tokens of before are refused from now on.
#[utoipa::path(put, path = "/api/v1/users/{name}/password", operation_id = "set_password", tag = "users",
    params(("name" = String, Path, description = "The user's name")),
    request_body = PasswordRequest,
    responses((status = 200, description = "The user", body = UserView), Problems))]
pub async fn password(
    State(http): State<Http>,
    Caller(caller): Caller,
    Path(name): Path<String>,
    JsonBody(body): JsonBody<PasswordRequest>,
) -> Result<Json<UserView>, Problem> {
    let changed = http.control.set_password(&caller, &name, body.password.taken());
    Ok(Json(changed.await?.into()))
}

/// Lets a user sign in no more. Tokens of before are refused from now on.
#[utoipa::path(post, path = "/api/v1/users/{name}/disable", operation_id = "disable_user", tag = "users",
    params(("name" = String, Path, description = "The user's name")),
    responses((status = 200, description = "The user", body = UserView), Problems))]
pub async fn disable(
    State(http): State<Http>,
    Caller(caller): Caller,
    Path(name): Path<String>,
) -> Result<Json<UserView>, Problem> {
    Ok(Json(
        http.control.enable_user(&caller, &name, false).await?.into(),
    ))
}

/// Lets a user sign in again.
#[utoipa::path(post, path = "/api/v1/users/{name}/enable", operation_id = "enable_user", tag = "users",
    params(("name" = String, Path, description = "The user's name")),
    responses((status = 200, description = "The user", body = UserView), Problems))]
pub async fn enable(
    State(http): State<Http>,
    Caller(caller): Caller,
    Path(name): Path<String>,
) -> Result<Json<UserView>, Problem> {
    Ok(Json(http.control.enable_user(&caller, &name, true).await?.into()))
}
