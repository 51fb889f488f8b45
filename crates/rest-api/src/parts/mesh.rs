//! Looks after agents that are silent and tasks that are due.

use std::convert::Infallible;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::pause;
use crate::mesh::{Mesh, Shown};

/// How often the gauges are read: below the usual scrape interval of 15 s.
const GAUGES: Duration = Duration::from_secs(5);

/// Runs until `stop`. Every replica may: of two that move the same task or agent one is too late, and lets it be.
///
/// # Errors
/// None: what fails is logged and tried again.
pub async fn run(mesh: Mesh, every: Duration, stop: CancellationToken) -> Result<(), Infallible> {
    while pause(&stop, every).await {
        loop {
            match mesh.sweep().await {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    tracing::warn!(%error, "silent agents and due tasks cannot be looked for");
                    break;
                }
            }
        }
    }
    Ok(())
}

/// Gives places that have become free to tasks that wait, and keeps what tasks have taught, until `stop`.
///
/// # Errors
/// None: what fails is logged, and tasks that wait are found by the sweeper.
pub async fn follow_up(mesh: Mesh, stop: CancellationToken) -> Result<(), Infallible> {
    while stop.run_until_cancelled(mesh.is_owed()).await.is_some() {
        mesh.follow_up().await;
    }
    mesh.follow_up().await;
    Ok(())
}

/// Reads the gauges of agents, until `stop`.
///
/// # Errors
/// None: what fails is tried again.
pub async fn gauges(mesh: Mesh, stop: CancellationToken) -> Result<(), Infallible> {
    let mut shown = Shown::default();
    loop {
        if let Err(error) = mesh.read_gauges(&mut shown).await {
            tracing::debug!(%error, "the gauges of agents cannot be read");
        }
        if !pause(&stop, GAUGES).await {
            return Ok(());
        }
    }
}
