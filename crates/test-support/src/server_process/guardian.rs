//! Ends a server when the test process is gone, however it went.
//!
//! A parent-death signal would be shorter, but it fires when the *thread* that started the child ends, and a
//! test harness ends its threads all the time. So a shell waits on a pipe that only this process holds open.

use std::{
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result};

/// `read` returns when the pipe closes: kill the group, remove its directory if it has one.
const SCRIPT: &str = r#"read -r _; kill -9 "-$1" 2>/dev/null; [ -z "$2" ] || rm -rf -- "$2""#;

/// Watches until dismissed.
pub(crate) struct Guardian(Child);

impl Guardian {
    /// Watches over the process group `group`, whose files are in `home` (none, if that is empty).
    pub(crate) fn watch(group: u32, home: &Path) -> Result<Self> {
        let child = Command::new("/bin/sh")
            .args(["-c", SCRIPT, "guardian"])
            .arg(group.to_string())
            .arg(home)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .context("cannot start the guardian shell")?;
        Ok(Self(child))
    }

    /// Sends the guardian away before it acts: the server is being stopped in order.
    pub(crate) fn dismiss(&mut self) -> Result<()> {
        self.0.kill()?;
        self.0.wait()?;
        Ok(())
    }
}
