//! Messages that the broker put aside, because nobody could read them or they came back too often. They belong to the
//! installation, not to a tenant: only an admin sees them.

use axum::Json;
use axum::extract::State;
use control::require;
use domain::Scope;
use domain::ports::QueueError;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::http::Http;
use crate::http::authenticate::Caller;
use crate::http::problem::{Problem, Problems};
use crate::http::request::{JsonBody, Query};

/// Most dead letters of one answer or one replay.
const MOST: u32 = 1_000;
/// Longest part of a body that is shown, in bytes. Bodies of ours have about 200.
const SHOWN: usize = 2_048;

/// Which of them.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DeadLetterQuery {
    /// Most of them, oldest first; 1 to 1000.
    #[serde(default = "usual")]
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: u32,
}

/// How many to replay.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayRequest {
    /// Most of them, oldest first; 1 to 1000.
    #[serde(default = "usual")]
    #[schema(minimum = 1, maximum = 1000, default = 100)]
    pub limit: u32,
}

fn usual() -> u32 {
    100
}

/// A dead letter.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeadLetter {
    /// Its bytes as text, cut to 2048 bytes; what is no UTF-8 shows as U+FFFD.
    pub body: String,
    /// How many bytes it has.
    pub bytes: u64,
}

/// The dead letters.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeadLetters {
    /// Oldest first.
    pub items: Vec<DeadLetter>,
}

/// What came of a replay.
#[derive(Debug, Serialize, ToSchema)]
pub struct Replayed {
    /// How many were handed to their queues again.
    pub replayed: u64,
}

/// Messages that were put aside, oldest first.
#[utoipa::path(get, path = "/api/v1/dead-letters", operation_id = "list_dead_letters", tag = "jobs",
    params(DeadLetterQuery),
    responses((status = 200, description = "The messages", body = DeadLetters), Problems))]
pub async fn list(
    State(http): State<Http>,
    Caller(caller): Caller,
    Query(query): Query<DeadLetterQuery>,
) -> Result<Json<DeadLetters>, Problem> {
    require(&caller, Scope::Admin)?;
    let bodies = http
        .queue
        .dead_letters(checked(query.limit)?)
        .await
        .map_err(refused)?;
    let items = bodies.iter().map(|body| DeadLetter {
        body: String::from_utf8_lossy(&body[..body.len().min(SHOWN)]).into_owned(),
        bytes: body.len() as u64,
    });
    Ok(Json(DeadLetters {
        items: items.collect(),
    }))
}

/// Hands them to their queues again. What still cannot be read is put aside once more.
#[utoipa::path(post, path = "/api/v1/dead-letters/replay", operation_id = "replay_dead_letters", tag = "jobs",
    request_body = ReplayRequest,
    responses((status = 200, description = "How many", body = Replayed), Problems))]
pub async fn replay(
    State(http): State<Http>,
    Caller(caller): Caller,
    JsonBody(body): JsonBody<ReplayRequest>,
) -> Result<Json<Replayed>, Problem> {
    require(&caller, Scope::Admin)?;
    let replayed = http
        .queue
        .replay_dead_letters(checked(body.limit)?)
        .await
        .map_err(refused)? as u64;
    http.jobs.replayed.increment(replayed);
    tracing::info!(replayed, "dead letters are replayed");
    Ok(Json(Replayed { replayed }))
}

fn checked(limit: u32) -> Result<usize, Problem> {
    match limit {
        1..=MOST => Ok(limit as usize),
        _ => Err(Problem::field(
            StatusCode::UNPROCESSABLE_ENTITY,
            "limit",
            "1 to 1000",
        )),
    }
}

fn refused(error: QueueError) -> Problem {
    tracing::warn!(%error, "the dead letters cannot be reached");
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "the message broker is not available",
    )
}
