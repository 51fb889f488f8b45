//! A mesh that runs in a directory of its own, and the command line that talks to it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;
use test_support::{Process, ProcessBuilder};

/// Debug builds on two busy cores take a while.
pub const PATIENCE: Duration = Duration::from_secs(60);

const PROGRAM: &str = env!("CARGO_BIN_EXE_devmesh");

/// A directory, and the mesh that runs in it.
pub struct Mesh {
    dir: TempDir,
    pub process: Process,
}

/// What a command printed, and its exit code.
pub struct Said {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Mesh {
    /// Starts one on free ports and waits until it says that it is up.
    pub async fn up() -> Result<Self> {
        let dir = TempDir::new()?;
        let process = start(dir.path(), &[]).await?;
        Ok(Self { dir, process })
    }

    /// As [`Self::up`], with more arguments.
    pub async fn up_with(arguments: &[&str]) -> Result<Self> {
        let dir = TempDir::new()?;
        let process = start(dir.path(), arguments).await?;
        Ok(Self { dir, process })
    }

    /// Stops it and answers the exit code.
    pub async fn stop(&self) -> Result<Option<i32>> {
        self.process.terminate()?;
        self.process.exit_code(PATIENCE).await
    }

    /// Starts it again in its directory, once it has stopped.
    pub async fn again(&mut self, arguments: &[&str]) -> Result<()> {
        self.process = start(self.dir.path(), arguments).await?;
        Ok(())
    }

    /// Its data directory.
    pub fn data(&self) -> PathBuf {
        self.dir.path().join(".devmesh")
    }

    /// The directory it was started in.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Runs a command there.
    pub fn run(&self, arguments: &[&str]) -> Result<Said> {
        run(self.dir.path(), arguments, &[])
    }

    /// Runs a command there that must succeed, and reads its JSON.
    pub fn json(&self, arguments: &[&str]) -> Result<Value> {
        let said = self.run(&[&["--output", "json"], arguments].concat())?;
        ensure!(
            said.code == 0,
            "{arguments:?}: exit code {}: {}",
            said.code,
            said.stderr
        );
        serde_json::from_str(&said.stdout).with_context(|| said.stdout.clone())
    }
}

/// `devmesh` in `dir`, with nothing of the tests' own environment.
pub fn devmesh(dir: &Path) -> ProcessBuilder {
    Process::command(PROGRAM).env_clear().current_dir(dir)
}

/// Runs a command to its end.
pub fn run(dir: &Path, arguments: &[&str], env: &[(&str, &str)]) -> Result<Said> {
    let mut command = Command::new(PROGRAM);
    command
        .args(arguments)
        .current_dir(dir)
        .env_clear()
        .envs(env.iter().copied());
    let Output {
        status,
        stdout,
        stderr,
    } = command.output()?;
    Ok(Said {
        code: status.code().context("ended by a signal")?,
        stdout: String::from_utf8(stdout)?,
        stderr: String::from_utf8(stderr)?,
    })
}

async fn start(dir: &Path, arguments: &[&str]) -> Result<Process> {
    let ports = ["--mcp-port", "0", "--api-port", "0", "--worker-port", "0"];
    // A flag that comes twice is refused, so a test that names a port names it instead of ours.
    let ports = ports
        .chunks(2)
        .filter(|port| !arguments.contains(&port[0]))
        .flatten();
    let process = devmesh(dir).args(["up"]).args(ports).args(arguments).start()?;
    process
        .wait_for_line(PATIENCE, |line| line.contains("devmesh is up").then_some(()))
        .await?;
    // The whole greeting, so that what a test reads afterwards is complete.
    process
        .wait_for_line(PATIENCE, |line| line.contains("Stop with").then_some(()))
        .await?;
    Ok(process)
}
