//! A binary under test as a child process.

use std::{
    ffi::OsString,
    io::{BufRead, BufReader, Read, Write},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result, anyhow, bail};
use nix::sys::signal::{Signal, kill, killpg};
use serde_json::Value;

use crate::{
    http,
    server_process::{Guardian, as_pid},
    wait::eventually,
};

/// A running program, in a process group of its own, whose output is kept. Killed, with what it started, when
/// dropped or when the test process ends in any other way.
pub struct Process {
    program: String,
    child: Mutex<Child>,
    guardian: Guardian,
    stdin: Mutex<Option<ChildStdin>>,
    stdout: Lines,
    stderr: Lines,
}

/// What to start.
pub struct ProcessBuilder {
    command: Command,
}

type Lines = Arc<Mutex<Vec<String>>>;

impl Process {
    /// Names the program to start.
    pub fn command(program: impl AsRef<Path>) -> ProcessBuilder {
        let mut command = Command::new(program.as_ref());
        command.stdin(Stdio::null());
        ProcessBuilder { command }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        lock(&self.child).id()
    }

    /// Writes a line to its standard input ([`ProcessBuilder::with_stdin`]).
    ///
    /// # Errors
    /// When it has no standard input, or does not read it any more.
    pub fn write_line(&self, line: impl AsRef<[u8]>) -> Result<()> {
        let mut stdin = lock(&self.stdin);
        let stdin = stdin
            .as_mut()
            .context("started without standard input, or it is closed")?;
        stdin.write_all(line.as_ref())?;
        stdin.write_all(b"\n")?;
        Ok(stdin.flush()?)
    }

    /// Closes its standard input.
    pub fn close_stdin(&self) {
        drop(lock(&self.stdin).take());
    }

    /// Lines of standard output so far.
    pub fn stdout_lines(&self) -> Vec<String> {
        lock(&self.stdout).clone()
    }

    /// Lines of standard error so far.
    pub fn stderr_lines(&self) -> Vec<String> {
        lock(&self.stderr).clone()
    }

    /// The lines of standard output that are JSON objects, such as log lines.
    pub fn json_lines(&self) -> Vec<Value> {
        let parsed = self
            .stdout_lines()
            .into_iter()
            .filter_map(|line| serde_json::from_str(&line).ok());
        parsed.filter(Value::is_object).collect()
    }

    /// Waits for a line on either output that `pick` makes something of, such as the address it listens on.
    ///
    /// # Errors
    /// With the output, when the program ends or `deadline` passes before.
    pub async fn wait_for_line<T>(&self, deadline: Duration, pick: impl Fn(&str) -> Option<T>) -> Result<T> {
        let probe = || async {
            let ended = self.ended()?;
            let lines = [self.stdout_lines(), self.stderr_lines()].concat();
            match (lines.iter().find_map(|line| pick(line)), ended) {
                (Some(found), _) => Ok(Ok(found)),
                (None, Some(status)) => Ok(Err(anyhow!("ended with {status}"))),
                (None, None) => Err(anyhow!("no such line")),
            }
        };
        eventually(deadline, probe)
            .await
            .and_then(|found| found)
            .with_context(|| self.output())
    }

    /// Waits until `GET url` answers 2xx.
    ///
    /// # Errors
    /// With the output, when the program ends or `deadline` passes before.
    pub async fn wait_ready(&self, url: &str, deadline: Duration) -> Result<()> {
        let probe = || async {
            if let Some(status) = self.ended()? {
                return Ok(Err(anyhow!("ended with {status}")));
            }
            let answer = http::get(url).await?;
            if !answer.status.is_success() {
                bail!("{url} answers {}: {}", answer.status, answer.text());
            }
            Ok(Ok(()))
        };
        eventually(deadline, probe)
            .await
            .and_then(|ready| ready)
            .with_context(|| self.output())
    }

    /// Asks it to stop (SIGTERM).
    ///
    /// # Errors
    /// When it has ended and was waited for.
    pub fn terminate(&self) -> Result<()> {
        self.signal(Signal::SIGTERM)
    }

    /// Kills it (SIGKILL), as a crash would.
    ///
    /// # Errors
    /// When it has ended and was waited for.
    pub fn kill(&self) -> Result<()> {
        self.signal(Signal::SIGKILL)
    }

    /// Sends it a signal, by its process id.
    ///
    /// # Errors
    /// When it has ended.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        if let Some(status) = self.ended()? {
            bail!("{} has ended with {status}", self.program);
        }
        kill(as_pid(self.pid())?, signal).with_context(|| format!("cannot signal {}", self.program))
    }

    /// Waits for its end and returns the exit code; `None` if a signal ended it.
    ///
    /// # Errors
    /// With the output, when it still runs at the deadline.
    pub async fn exit_code(&self, deadline: Duration) -> Result<Option<i32>> {
        let ended = eventually(deadline, || async { self.ended().ok().flatten() }).await;
        Ok(ended
            .with_context(|| format!("still running\n{}", self.output()))?
            .code())
    }

    fn ended(&self) -> Result<Option<ExitStatus>> {
        Ok(lock(&self.child).try_wait()?)
    }

    /// For messages: what it printed.
    fn output(&self) -> String {
        let (out, err) = (self.stdout_lines().join("\n"), self.stderr_lines().join("\n"));
        format!("{}\n--- stdout\n{out}\n--- stderr\n{err}", self.program)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Errors mean that it has ended, and then there is nothing left to do.
        drop(self.guardian.dismiss());
        drop(as_pid(self.pid()).map(|group| killpg(group, Signal::SIGKILL)));
        drop(lock(&self.child).wait());
    }
}

impl ProcessBuilder {
    /// Adds arguments.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.command.args(args.into_iter().map(Into::into));
        self
    }

    /// Sets an environment variable; the rest is inherited.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.command.env(name, value.into());
        self
    }

    /// Starts with an empty environment (then add with [`Self::env`]).
    #[must_use]
    pub fn env_clear(mut self) -> Self {
        self.command.env_clear();
        self
    }

    /// Keeps its standard input open for [`Process::write_line`]; otherwise it is empty.
    #[must_use]
    pub fn with_stdin(mut self) -> Self {
        self.command.stdin(Stdio::piped());
        self
    }

    /// Sets the working directory.
    #[must_use]
    pub fn current_dir(mut self, dir: impl AsRef<Path>) -> Self {
        self.command.current_dir(dir);
        self
    }

    /// Starts it.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn start(mut self) -> Result<Process> {
        let program = format!("{:?}", self.command);
        let started = self
            .command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn();
        let mut child = started.with_context(|| format!("cannot start {program}"))?;
        let guardian = Guardian::watch(child.id(), Path::new(""))?;
        let stdout = collect(child.stdout.take().context("no stdout")?);
        let stderr = collect(child.stderr.take().context("no stderr")?);
        let stdin = Mutex::new(child.stdin.take());
        Ok(Process {
            program,
            child: Mutex::new(child),
            guardian,
            stdin,
            stdout,
            stderr,
        })
    }
}

/// Keeps the lines of a pipe, on a thread that ends with the pipe.
fn collect(pipe: impl Read + Send + 'static) -> Lines {
    let lines = Lines::default();
    let kept = lines.clone();
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
            lock(&kept).push(String::from_utf8_lossy(&line).into_owned());
        }
    });
    lines
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
