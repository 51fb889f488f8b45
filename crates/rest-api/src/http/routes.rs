//! Every endpoint of the HTTP API, in one list.

pub mod agents;
pub mod alerts;
pub mod assignments;
pub mod audit;
pub mod borders;
pub mod dead_letters;
pub mod events;
pub mod jobs;
pub mod keys;
pub mod limits;
pub mod manifests;
pub mod messages;
pub mod providers;
pub mod readbacks;
pub mod routing;
pub mod tasks;
pub mod tenants;
pub mod tools;
pub mod traces;
pub mod users;
pub mod whoami;

use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Components, OpenApi, SecurityRequirement};
use utoipa::{Modify, OpenApi as _};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Http, authenticate, idempotency, query};

/// The document around the operations.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Devmesh",
        description = "The control plane between AI agents and a DevOps team's tools.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    modifiers(&Keys),
    // Named by every operation's problems, which does not list it.
    components(schemas(super::problem::Problem, super::problem::FieldError)),
    tags(
        (name = "keys", description = "API keys"),
        (name = "users", description = "People who sign in with a password"),
        (name = "limits", description = "How often tools may be called"),
        (name = "tenants", description = "Tenants of the organization"),
        (name = "providers", description = "Upstreams whose operations are tools"),
        (name = "tools", description = "What agents can call"),
        (name = "jobs", description = "Background work and its results"),
        (name = "audit", description = "Who called what"),
        (name = "agents", description = "Who is here, and what is allowed of them"),
        (name = "tasks", description = "Work that agents are given"),
        (name = "assignments", description = "Tasks that are given to somebody by name"),
        (name = "messages", description = "What agents tell each other"),
        (name = "events", description = "What happens, as it happens"),
        (name = "alerts", description = "What Alertmanager told of"),
    )
)]
struct Document;

struct Keys;

impl Modify for Keys {
    fn modify(&self, document: &mut OpenApi) {
        let components = document.components.get_or_insert_with(Components::new);
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        let header = ApiKey::Header(ApiKeyValue::new("X-API-Key"));
        components.add_security_scheme("api_key", SecurityScheme::ApiKey(header));
        let none: [&str; 0] = [];
        document.security = Some(vec![
            SecurityRequirement::new("bearer", none),
            SecurityRequirement::new("api_key", none),
        ]);
    }
}

/// The routes, authenticated, with their description.
pub fn all(http: Http) -> OpenApiRouter<Http> {
    let authenticated = from_fn_with_state(http.clone(), authenticate::check);
    let once = from_fn_with_state(http, idempotency::once);
    listed(|creating| creating.layer(once))
        .layer(from_fn(query::check))
        .layer(authenticated)
        .merge(open())
}

/// The description alone.
pub fn described() -> OpenApi {
    listed(|creating| creating).merge(open()).into_openapi()
}

/// What asks for no key: it is where one gets what stands for it.
fn open() -> OpenApiRouter<Http> {
    OpenApiRouter::new().routes(routes!(users::sign_in))
}

/// `creating` are the calls that make something new: `once` gives them `Idempotency-Key`. Calls of tools see to it
/// themselves.
fn listed(once: impl FnOnce(OpenApiRouter<Http>) -> OpenApiRouter<Http>) -> OpenApiRouter<Http> {
    let creating = OpenApiRouter::new()
        .routes(routes!(keys::create))
        .routes(routes!(keys::rotate))
        .routes(routes!(tenants::create))
        .routes(routes!(providers::add))
        .routes(routes!(assignments::create))
        // As the monitoring guides' synthetic checks call it; the description names it with its twin.
        .route("/v1/assignments", post(assignments::create));
    let others = OpenApiRouter::new()
        .routes(routes!(whoami::whoami))
        .routes(routes!(keys::list))
        .routes(routes!(keys::get))
        .routes(routes!(keys::update))
        .routes(routes!(keys::revoke))
        .routes(routes!(users::add))
        .routes(routes!(users::list))
        .routes(routes!(users::get))
        .routes(routes!(users::password))
        .routes(routes!(users::disable))
        .routes(routes!(users::enable))
        .routes(routes!(limits::set))
        .routes(routes!(limits::list))
        .routes(routes!(limits::get))
        .routes(routes!(limits::remove))
        .routes(routes!(tenants::list))
        .routes(routes!(borders::get))
        .routes(routes!(borders::set))
        .routes(routes!(borders::grant))
        .routes(routes!(borders::ungrant))
        .routes(routes!(providers::list))
        .routes(routes!(providers::get))
        .routes(routes!(providers::update))
        .routes(routes!(providers::remove))
        .routes(routes!(providers::refresh))
        .routes(routes!(providers::skipped))
        .routes(routes!(tools::list))
        .routes(routes!(tools::get))
        .routes(routes!(tools::call))
        .routes(routes!(readbacks::get))
        .routes(routes!(readbacks::set))
        .routes(routes!(readbacks::remove))
        .routes(routes!(jobs::list))
        .routes(routes!(jobs::get))
        .routes(routes!(jobs::cancel))
        .routes(routes!(jobs::retry))
        .routes(routes!(jobs::resolve))
        .routes(routes!(dead_letters::list))
        .routes(routes!(dead_letters::replay))
        .routes(routes!(audit::list))
        .routes(routes!(alerts::receive))
        .routes(routes!(alerts::list))
        .routes(routes!(alerts::review))
        .routes(routes!(traces::list))
        .routes(routes!(traces::get));
    OpenApiRouter::with_openapi(Document::openapi())
        .merge(once(creating))
        .merge(others)
        .merge(work())
}

/// Agents, and what they and people are given to do.
fn work() -> OpenApiRouter<Http> {
    OpenApiRouter::new()
        .routes(routes!(agents::list))
        .routes(routes!(agents::register))
        .routes(routes!(agents::discover))
        .routes(routes!(agents::get))
        .routes(routes!(agents::remove))
        .routes(routes!(agents::heartbeat))
        .routes(routes!(agents::leave))
        .routes(routes!(agents::drain))
        .routes(routes!(agents::tasks))
        .routes(routes!(messages::inbox))
        .routes(routes!(messages::send))
        .routes(routes!(messages::get))
        .routes(routes!(messages::acknowledge))
        .routes(routes!(events::follow))
        .routes(routes!(manifests::list))
        .routes(routes!(manifests::put))
        .routes(routes!(manifests::remove))
        .routes(routes!(tasks::create))
        .routes(routes!(tasks::list))
        .routes(routes!(tasks::get))
        .routes(routes!(tasks::decisions))
        .routes(routes!(tasks::cancel))
        .routes(routes!(tasks::delegate))
        .routes(routes!(tasks::accept))
        .routes(routes!(tasks::reject))
        .routes(routes!(tasks::progress))
        .routes(routes!(tasks::complete))
        .routes(routes!(tasks::fail))
        .routes(routes!(assignments::list))
        .routes(routes!(assignments::get))
        .routes(routes!(assignments::complete))
        .routes(routes!(assignments::remove))
        .route("/v1/assignments", get(assignments::list))
        .route(
            "/v1/assignments/{id}",
            get(assignments::get).delete(assignments::remove),
        )
        .routes(routes!(routing::replay))
}
