//! What another strategy would have meant.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use control::tasks::Replayed;
use domain::task::Strategy;
use routing::{Estimate, Name};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::tasks::StrategyName;
use crate::http::Http;
use crate::http::authenticate::Caller;
use crate::http::problem::{Problem, Problems};
use crate::http::request::Query;

/// Which strategy, and since when.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ReplayQuery {
    /// The other strategy.
    strategy: StrategyName,
    /// How far back, in seconds; a day when absent.
    #[serde(default = "a_day")]
    #[param(minimum = 1, maximum = 2_592_000, default = 86_400)]
    since_seconds: u32,
}

fn a_day() -> u32 {
    86_400
}

/// A mean with its 95 % interval.
#[derive(Debug, Serialize, ToSchema)]
pub struct EstimateView {
    /// The mean.
    pub mean: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl From<Estimate> for EstimateView {
    fn from(estimate: Estimate) -> Self {
        let Estimate { mean, low, high } = estimate;
        Self { mean, low, high }
    }
}

/// What was seen, on the average.
#[derive(Debug, Serialize, ToSchema)]
pub struct SeenView {
    /// Seconds until the agent accepted.
    pub wait_seconds: f64,
    /// What an attempt cost.
    pub cost_usd: f64,
    /// Share of the attempts without a result.
    pub failures: f64,
}

/// What another strategy would have meant.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReplayView {
    /// The other strategy.
    pub strategy: StrategyName,
    /// From when on choices were looked at.
    pub since: DateTime<Utc>,
    /// Choices since then that gave a task to an agent; at most the newest 20,000 are looked at.
    pub decisions: usize,
    /// Of these, those of which nothing has come yet, or that were called off.
    pub open: usize,
    /// Whether there were more than are looked at.
    pub cut: bool,
    /// What came of the others.
    pub seen: Option<SeenView>,
    /// As how many choices of its own those count that the other strategy might have made too; below 30 nothing is told.
    pub effective: f64,
    /// Why there is too little to tell something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub too_little: Option<String>,
    /// Seconds until an agent would have accepted.
    pub wait_seconds: Option<EstimateView>,
    /// What an attempt would have cost; nothing where nothing cost anything.
    pub cost_usd: Option<EstimateView>,
    /// Share of the attempts that would have had no result.
    pub failures: Option<EstimateView>,
}

impl ReplayView {
    fn of(strategy: StrategyName, replayed: Replayed) -> Self {
        let too_little = too_little(&replayed);
        let replay = replayed.replay;
        Self {
            strategy,
            since: replayed.since,
            decisions: replayed.decisions,
            open: replayed.open,
            cut: replayed.cut,
            seen: replayed.seen.map(|seen| SeenView {
                wait_seconds: seen.wait_seconds,
                cost_usd: seen.cost_usd,
                failures: seen.failures,
            }),
            effective: replay.effective,
            too_little,
            wait_seconds: replay.wait_seconds.map(Into::into),
            cost_usd: replay.cost_usd.map(Into::into),
            failures: replay.failures.map(Into::into),
        }
    }
}

/// In words, for a person.
fn too_little(replayed: &Replayed) -> Option<String> {
    let (over, effective) = (replayed.decisions - replayed.open, replayed.replay.effective);
    if replayed.replay.failures.is_some() {
        return None;
    }
    Some(if over == 0 {
        "no task that was given to an agent since then is over".to_owned()
    } else {
        format!(
            "of {over} choices this strategy might have made as few as count as {effective:.1} of its own; 30 are \
             needed: look further back, or explore more (`routing.exploration`)"
        )
    })
}

/// What another strategy would have meant for the tasks since then, estimated from the stored choices and what came of them.
#[utoipa::path(get, path = "/api/v1/routing/replay", operation_id = "replay_routing", tag = "tasks",
    params(ReplayQuery),
    responses((status = 200, description = "What it would have meant", body = ReplayView), Problems))]
pub async fn replay(
    State(http): State<Http>,
    Caller(caller): Caller,
    Query(query): Query<ReplayQuery>,
) -> Result<Json<ReplayView>, Problem> {
    let strategy = query.strategy;
    let replayed = http
        .control
        .replay_routing(&caller, name(strategy.into()), query.since_seconds);
    Ok(Json(ReplayView::of(strategy, replayed.await?)))
}

fn name(strategy: Strategy) -> Name {
    match strategy {
        Strategy::RoundRobin => Name::RoundRobin,
        Strategy::LeastLoaded => Name::LeastLoaded,
        Strategy::CapabilityMatch => Name::CapabilityMatch,
        Strategy::PerformanceBased => Name::PerformanceBased,
        Strategy::CostOptimized => Name::CostOptimized,
        Strategy::Auto => Name::Auto,
    }
}
