//! One process with some agents, which are killed together.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use devmesh_agent::{Agent, Failure, Task};
use serde::Deserialize;
use serde_json::{Value, json};
use test_support::Process;
use tokio::task::JoinSet;

use crate::{Mesh, PATIENCE, binary};

/// The sort of work that the fleet does.
pub(super) const KIND: &str = "fleet";
/// An agent that is silent for so long is missed.
const HEARTBEAT: Duration = Duration::from_secs(6);
/// Tasks that each agent has at once.
const CAPACITY: u32 = 4;

/// What a task brings.
#[derive(Deserialize)]
struct Input {
    number: u64,
    work_ms: u64,
    /// So many tries fail, and say that another one may help.
    fails: u32,
}

/// Runs agents until the process is killed, or one of them is not wanted; a line when all of them have begun.
///
/// # Errors
/// When an agent ends by itself.
pub async fn run_crew(
    urls: &[String],
    key: &str,
    name: &str,
    agents: usize,
    say: impl Fn(&str),
) -> Result<()> {
    let (first, others) = urls.split_first().context("no address")?;
    let mut running = JoinSet::new();
    for number in 0..agents {
        let builder = Agent::builder(first, key);
        let builder = others.iter().fold(builder, |builder, url| builder.also(url));
        let agent = builder
            .name(format!("{name}-{number}"))
            .capability(KIND)
            .capacity(CAPACITY)
            .heartbeat(HEARTBEAT)
            .options(|options| options.reconnect_most = Duration::from_secs(2))
            .on(KIND, work)
            .build()?;
        running.spawn(agent.run());
    }
    say("begun");
    let ended = running.join_next().await.context("no agents")?;
    anyhow::bail!("an agent has ended: {ended:?}")
}

async fn work(task: Task) -> Result<Value, Failure> {
    let input: Input = task.input()?;
    tokio::time::sleep(Duration::from_millis(input.work_ms)).await;
    if task.attempt() <= input.fails {
        return Err(Failure::passing("on_purpose", "another try will do it"));
    }
    Ok(json!({ "number": input.number, "fence": task.fence() }))
}

/// Such a process.
pub struct Crew {
    process: Option<Process>,
    number: usize,
    agents: usize,
}

impl Crew {
    /// Starts it.
    pub(super) async fn start(mesh: &Mesh, key: &str, number: usize, agents: usize) -> Result<Self> {
        let mut crew = Self {
            process: None,
            number,
            agents,
        };
        crew.start_again(mesh, key).await?;
        Ok(crew)
    }

    pub(super) async fn start_again(&mut self, mesh: &Mesh, key: &str) -> Result<()> {
        let mut urls = mesh.mcp_urls();
        // Half of the crews begin with the other replica.
        let half = self.number % urls.len().max(1);
        urls.rotate_left(half);
        let (name, agents) = (format!("crew-{}", self.number), self.agents.to_string());
        let command = Process::command(binary("fleet")?).args(["crew", "--name", &name, "--agents", &agents]);
        let command = urls
            .into_iter()
            .fold(command, |command, url| command.args(["--url".to_owned(), url]));
        let process = command.env("FLEET_KEY", key).start()?;
        let begun = |line: &str| (line == "begun").then_some(());
        process.wait_for_line(PATIENCE, begun).await?;
        self.process = Some(process);
        Ok(())
    }

    /// kill -9.
    pub(super) async fn kill(&mut self) -> Result<()> {
        let process = self.process.take().context("it does not run")?;
        process.kill()?;
        process.exit_code(PATIENCE).await.map(drop)
    }

    /// Whether none of its agents has given up.
    pub(super) fn is_well(&self) -> Result<()> {
        let lines = self
            .process
            .as_ref()
            .map(Process::stderr_lines)
            .unwrap_or_default();
        ensure!(lines.is_empty(), "crew {}: {}", self.number, lines.join("\n"));
        Ok(())
    }
}
