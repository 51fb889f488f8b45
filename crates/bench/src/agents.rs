//! Agents over WebSocket: what a connection costs, what the protocol costs, and how many tasks a second are done.

mod codec;
mod connections;
mod echo;
mod tasks;

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use devmesh_agent::{Agent, Builder, Ended, Error, Mesh as Way};
use serde_json::{Value, json};
use test_support::eventually;
use tokio::task::JoinSet;

use crate::Options;

/// Agents that run in this process, until this is dropped.
pub(crate) struct Fleet {
    ways: Vec<Way>,
    running: JoinSet<Result<Ended, Error>>,
}

/// Connections that are opened at once.
const RAMP: usize = 200;
/// How long a new key may take to be known.
const KNOWN: Duration = Duration::from_secs(30);

impl Fleet {
    /// Starts so many agents; each is connected when this returns.
    async fn start(url: &str, key: &str, count: usize, made: impl Fn(Builder) -> Builder) -> Result<Self> {
        let mut fleet = Self {
            ways: Vec::with_capacity(count),
            running: JoinSet::new(),
        };
        // A key that has just been made is known at the edge a moment later.
        let socket = url.replace("/mcp", "/ws");
        eventually(KNOWN, || echo::open(&socket, Some(key)))
            .await
            .context("the key is not accepted")?;
        while fleet.ways.len() < count {
            let begun = fleet.ways.len();
            for number in begun..count.min(begun + RAMP) {
                let builder = Agent::builder(url, key).name(format!("bench-{number}"));
                let builder = builder.request_timeout(Duration::from_secs(120));
                let agent = made(builder).build()?;
                fleet.ways.push(agent.mesh());
                fleet.running.spawn(agent.run());
            }
            for way in &fleet.ways[begun..] {
                let answered = way.ask_repeatedly("ping", json!({})).await;
                if answered.is_err()
                    && let Some(ended) = fleet.running.try_join_next()
                {
                    bail!("an agent has ended: {:?}", ended?);
                }
                answered.context("an agent is not connected")?;
            }
        }
        Ok(fleet)
    }
}

/// A part of what is measured.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Part {
    Codec,
    Echo,
    Tasks,
    Connections,
}

/// What is measured.
#[derive(clap::Args)]
pub struct Agents {
    #[command(flatten)]
    options: Options,
    /// Measures this part alone, tells its figures and writes none.
    #[arg(long, value_enum)]
    only: Option<Part>,
}

/// Runs everything, and keeps the figures.
pub async fn run(Agents { options, only }: &Agents) -> Result<()> {
    if let Some(part) = only {
        let figures = measure(*part, options).await?;
        println!("{figures:#}");
        return Ok(());
    }
    let figures = json!({
        "codec": measure(Part::Codec, options).await?,
        "echo": measure(Part::Echo, options).await?,
        "tasks": measure(Part::Tasks, options).await?,
        "connections": measure(Part::Connections, options).await?,
    });
    fs::create_dir_all(&options.figures)?;
    fs::write(options.figures.join("agents.json"), format!("{figures:#}"))?;
    println!("{figures:#}");
    Ok(())
}

async fn measure(part: Part, options: &Options) -> Result<Value> {
    match part {
        Part::Codec => codec::run(options),
        Part::Echo => echo::run(options).await,
        Part::Tasks => tasks::run(options).await,
        Part::Connections => connections::run(options).await,
    }
}
