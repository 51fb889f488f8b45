//! A CI agent: runs the tests of a repository, at the commit that a task names.
//!
//! ```sh
//! cargo run -p devmesh-agent --example ci -- --allow https://git.example.com/team/ --command 'make test'
//! devmesh tasks create run_tests --input '{"repository":"https://git.example.com/team/app","reference":"main"}' --wait
//! ```
//!
//! What is run is the agent's to say, and which repositories: a task only chooses among them.

use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::time::Instant;

use clap::Parser;
use devmesh_agent::{Agent, AgentType, Failure, Task};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::process::Command;

/// So much of the end of the output is in the result.
const TAIL: usize = 16 << 10;

#[derive(Parser)]
struct Arguments {
    /// The mesh.
    #[arg(long, env = "DEVMESH_MCP_URL", default_value = "ws://127.0.0.1:8080/ws")]
    url: String,
    /// The key.
    #[arg(long, env = "DEVMESH_API_KEY", hide_env_values = true)]
    key: String,
    /// Repositories that begin so may be tested; may be given several times.
    #[arg(long, required = true)]
    allow: Vec<String>,
    /// What runs their tests, in the shell.
    #[arg(long, default_value = "make test")]
    command: String,
    /// How many repositories are tested at once.
    #[arg(long, default_value_t = 1)]
    concurrency: u32,
}

#[derive(Deserialize)]
struct Input {
    repository: String,
    #[serde(default = "head")]
    reference: String,
}

fn head() -> String {
    "HEAD".to_owned()
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let arguments = Arc::new(Arguments::parse());
    let agent = Agent::builder(&arguments.url, &arguments.key)
        .agent_type(AgentType::Cicd)
        .capability("run_tests@1")
        .capacity(arguments.concurrency);
    let agent = agent.on("run_tests", move |task: Task| {
        let arguments = Arc::clone(&arguments);
        async move { test(&arguments, task).await }
    });
    agent.build()?.run_until_signalled().await?;
    Ok(())
}

async fn test(arguments: &Arguments, task: Task) -> Result<Value, Failure> {
    let input: Input = task.input()?;
    let is_allowed = |prefix: &String| input.repository.starts_with(prefix.as_str());
    if !arguments.allow.iter().any(is_allowed) || input.repository.contains("..") {
        return Err(Failure::new(
            "not_allowed",
            format!("{} is not among the repositories of this agent", input.repository),
        ));
    }
    if input.reference.starts_with('-') {
        return Err(Failure::new(
            "bad_input",
            "reference: expected a branch, a tag or a commit",
        ));
    }
    let folder = tempfile::tempdir()?;
    task.progress(5.0, "fetching");
    fetch(&input, folder.path()).await?;
    let commit = git(folder.path(), &["rev-parse", "HEAD"]).await?;
    task.progress(20.0, format!("testing {commit}"));
    let began = Instant::now();
    let ran = run(&arguments.command, folder.path()).await?;
    let output = String::from_utf8_lossy(&ran.stdout);
    Ok(json!({
        "repository": input.repository,
        "commit": commit,
        "passed": ran.status.success(),
        "exit_code": ran.status.code(),
        "seconds": began.elapsed().as_secs_f64(),
        "output": &output[output.ceil_char_boundary(output.len().saturating_sub(TAIL))..],
    }))
}

/// Everything that a command has started; none of it is left when the task is called off.
struct Group(Pid);

impl Drop for Group {
    fn drop(&mut self) {
        let _ = killpg(self.0, Signal::SIGKILL);
    }
}

async fn run(command: &str, folder: &Path) -> Result<Output, Failure> {
    let mut tests = Command::new("sh");
    tests
        .args(["-c", &format!("exec 2>&1; {command}")])
        .current_dir(folder)
        .process_group(0);
    let tests = tests.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let _group = tests
        .id()
        .and_then(|id| i32::try_from(id).ok())
        .map(|id| Group(Pid::from_raw(id)));
    Ok(tests.wait_with_output().await?)
}

async fn fetch(input: &Input, folder: &Path) -> Result<(), Failure> {
    git(folder, &["init", "-q"]).await?;
    git(
        folder,
        &[
            "fetch",
            "-q",
            "--depth",
            "1",
            "--",
            &input.repository,
            &input.reference,
        ],
    )
    .await?;
    git(folder, &["checkout", "-q", "FETCH_HEAD"]).await.map(drop)
}

async fn git(folder: &Path, arguments: &[&str]) -> Result<String, Failure> {
    let mut git = Command::new("git");
    git.args(arguments)
        .current_dir(folder)
        .env("GIT_TERMINAL_PROMPT", "0")
        .kill_on_drop(true);
    let ran = git.output().await?;
    if ran.status.success() {
        return Ok(String::from_utf8_lossy(&ran.stdout).trim().to_owned());
    }
    let why = String::from_utf8_lossy(&ran.stderr).trim().to_owned();
    // A host that does not answer may do so at the next try.
    Err(Failure::passing("git", why))
}
