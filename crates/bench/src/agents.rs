//! Agents over WebSocket: what a connection costs, what the protocol costs, and how many tasks a second are done.

mod codec;
mod connections;
mod echo;
mod tasks;

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use devmesh_agent::{Agent, Builder, Ended, Error, Mesh as Way};
use serde_json::json;
use tokio::task::JoinSet;

use crate::Options;

/// Agents that run in this process, until this is dropped.
pub(crate) struct Fleet {
    ways: Vec<Way>,
    _running: JoinSet<Result<Ended, Error>>,
}

/// Connections that are opened at once.
const RAMP: usize = 200;

impl Fleet {
    /// Starts so many agents; each is connected when this returns.
    async fn start(url: &str, key: &str, count: usize, made: impl Fn(Builder) -> Builder) -> Result<Self> {
        let mut fleet = Self {
            ways: Vec::with_capacity(count),
            _running: JoinSet::new(),
        };
        while fleet.ways.len() < count {
            let begun = fleet.ways.len();
            for number in begun..count.min(begun + RAMP) {
                let builder = Agent::builder(url, key).name(format!("bench-{number}"));
                let builder = builder.request_timeout(Duration::from_secs(120));
                let agent = made(builder).build()?;
                fleet.ways.push(agent.mesh());
                fleet._running.spawn(agent.run());
            }
            for way in &fleet.ways[begun..] {
                way.ask_repeatedly("ping", json!({}))
                    .await
                    .context("an agent is not connected")?;
            }
        }
        Ok(fleet)
    }
}

/// Runs everything, and keeps the figures.
pub async fn run(options: &Options) -> Result<()> {
    let figures = json!({
        "codec": codec::run(options)?,
        "echo": echo::run(options).await?,
        "tasks": tasks::run(options).await?,
        "connections": connections::run(options).await?,
    });
    fs::create_dir_all(&options.figures)?;
    fs::write(options.figures.join("agents.json"), format!("{figures:#}"))?;
    println!("{figures:#}");
    Ok(())
}
