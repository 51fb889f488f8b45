//! A service's binary with settings of the test's.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::{process::Process, wait::eventually};

/// How long a service may take to refuse its settings.
const SOON: Duration = Duration::from_secs(20);

/// How a process ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// The last line of its standard error: what it complained of.
    pub complaint: String,
}

/// Starts `program --config FILE` in an empty directory and environment, `settings` being the file's text, and waits
/// for its end and its complaint.
///
/// # Errors
/// With its output, when it runs on or says nothing.
pub async fn ended_by_settings(program: impl AsRef<Path>, settings: &str) -> Result<Ended> {
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("service.toml");
    std::fs::write(&file, settings)?;
    let process = Process::command(program)
        .args(["--config".as_ref(), file.as_os_str()])
        .env_clear()
        .current_dir(dir.path())
        .start()?;
    let code = process.exit_code(SOON).await?;
    let complaint = eventually(SOON, || async { process.stderr_lines().pop() }).await;
    let complaint = complaint.with_context(|| format!("it said nothing: {:?}", process.stdout_lines()))?;
    Ok(Ended { code, complaint })
}
