//! A fleet of agents under fire: tasks go on while every process and every server of the mesh is killed in turn and agents vanish
//! without a word; and the account afterwards.
//!
//! - [`crew`] is one process with some tens of agents: they are killed together.
//! - [`tasks`] creates the tasks, each until it is acknowledged.
//! - [`plan`] says what fails when; [`stage`] does it.
//! - [`account`] reads every task at the end, with its history, and says what does not agree.

mod account;
mod crew;
mod plan;
mod stage;
mod tasks;

use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::sync::watch;
use tokio::task::JoinSet;

pub use account::Account;
pub use crew::{Crew, run_crew};
pub use plan::{Plan, Strike};

use stage::Stage;

/// The size of a run.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Agents.
    pub agents: usize,
    /// In so many processes.
    pub crews: usize,
    /// Tasks.
    pub tasks: usize,
}

/// What a run has shown.
pub struct Run {
    /// The account.
    pub account: Account,
    /// Each strike, and how long it took until every service was ready again.
    pub strikes: Vec<(Strike, Duration)>,
    /// From the first task to the end of the last.
    pub took: Duration,
}

/// Creates the tasks while the strikes of `plan` come and go, waits for the end of each task, and returns the account.
///
/// # Errors
/// When something does not come back after a strike.
pub async fn run(size: Size, plan: &Plan) -> Result<Run> {
    let began = Instant::now();
    let (created, mut count) = watch::channel(0);
    let (allow, allowed) = watch::channel(0);
    let mut stage = Stage::set(size, plan).await?;
    let mut creating = JoinSet::new();
    creating.spawn(tasks::create(stage.api()?, size.tasks, created, allowed));
    let mut strikes = Vec::new();
    let step = size.tasks / (plan.strikes.len() + 1);
    for (number, strike) in plan.strikes.iter().enumerate() {
        // Half of the tasks until the next strike are created during this one; a strike is over before the next one begins.
        let after = step * (number + 1);
        allow.send_replace(after);
        count.wait_for(|created| *created >= after).await?;
        allow.send_replace(after + step / 2);
        strikes.push((*strike, stage.strike(*strike).await?));
    }
    allow.send_replace(size.tasks);
    let known = creating.join_next().await.transpose()?.unwrap_or_default();
    let account = account::of(&stage, known).await?;
    stage.clear().await?;
    Ok(Run {
        account,
        strikes,
        took: began.elapsed(),
    })
}
