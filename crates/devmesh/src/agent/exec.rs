//! A program that does tasks: one process for each, in a process group of its own.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use devmesh_agent::{Failure, Handler, Outcome, Task};
use futures::future::BoxFuture;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin, Command};
use tokio_util::sync::CancellationToken;

use super::output;
use crate::terminal::Terminal;

/// The exit code by which a program says that another try may help (EX_TEMPFAIL of sysexits.h).
const TEMPORARY: i32 = 75;

/// How long after its end a program's output is read on; it is in the pipe by then, and the pipe is only open for longer where
/// another process has it.
const LEFT_OVER: Duration = Duration::from_secs(2);

/// What a program may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Longest run.
    pub timeout: Duration,
    /// Most bytes on its standard output.
    pub output: usize,
    /// Between SIGTERM and SIGKILL.
    pub grace: Duration,
}

/// A program, as the shell has it.
#[derive(Debug, Clone)]
pub struct Program {
    /// What `sh -c` runs.
    pub command: String,
    /// What it may take.
    pub limits: Limits,
    /// Where its standard error goes.
    pub terminal: Terminal,
}

/// Every process that a program has started; none is left when this is dropped.
struct Group(Pid);

impl Group {
    fn signal(&self, signal: Signal) {
        // None is left when it has ended.
        let _ = killpg(self.0, signal);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::SIGKILL);
    }
}

/// What became of a process.
struct Ran {
    status: ExitStatus,
    stdout: Option<Vec<u8>>,
    complaints: Vec<String>,
}

impl Handler for Program {
    fn handle(&self, task: Task) -> BoxFuture<'static, Outcome> {
        let program = self.clone();
        Box::pin(async move { program.run(task).await })
    }
}

impl Program {
    async fn run(&self, task: Task) -> Outcome {
        let mut child = self.start(&task)?;
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        let group =
            Group(Pid::from_raw(id.ok_or_else(|| {
                Failure::passing("not_started", "it ended at once")
            })?));
        let ran = tokio::select! {
            ran = self.watch(&mut child, &task) => ran,
            () = task.cancelled() => return self.end(child, &group, "cancelled", "it was taken away").await,
            () = tokio::time::sleep(self.limits.timeout) => {
                let message = format!("the program was stopped: it ran for {:?}", self.limits.timeout);
                return self.end(child, &group, "timed_out", &message).await;
            }
        };
        outcome(ran?, self.limits.output)
    }

    fn start(&self, task: &Task) -> Result<Child, Failure> {
        let mut command = Command::new("sh");
        command.args(["-c", &self.command]);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        // The key is the agent's and not its programs'.
        command.env_remove("DEVMESH_API_KEY");
        command
            .env("DEVMESH_TASK_ID", task.id())
            .env("DEVMESH_TASK_TYPE", task.kind());
        for (name, value) in task.trace() {
            command.env(name.to_uppercase(), value);
        }
        let started = command.process_group(0).kill_on_drop(true).spawn();
        started.map_err(|error| Failure::passing("not_started", error.to_string()))
    }

    async fn watch(&self, child: &mut Child, task: &Task) -> Result<Ran, Failure> {
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(stdin), Some(stdout), Some(stderr)) = (stdin, stdout, stderr) else {
            return Err(Failure::passing("not_started", "it has no pipes"));
        };
        let print = |line: &str| self.terminal.note(format_args!("{} | {line}", task.id()));
        let (over, closed) = (CancellationToken::new(), CancellationToken::new());
        let read = async {
            let fed = over.run_until_cancelled(feed(stdin, description(task)));
            let read = tokio::join!(
                fed,
                output::all(stdout, self.limits.output, &over),
                output::lines(stderr, print, &over)
            );
            closed.cancel();
            read
        };
        let exit = async {
            let status = child.wait().await;
            // What it has left behind in the background may hold its pipes for ever.
            let _ = tokio::time::timeout(LEFT_OVER, closed.cancelled()).await;
            over.cancel();
            status
        };
        // A program need not read what it does not want.
        let ((_fed, stdout, complaints), status) = tokio::join!(read, exit);
        Ok(Ran {
            status: status?,
            stdout: stdout?,
            complaints,
        })
    }

    /// Ends every process of it, kindly first.
    async fn end(&self, mut child: Child, group: &Group, kind: &str, message: &str) -> Outcome {
        group.signal(Signal::SIGTERM);
        let _ = tokio::time::timeout(self.limits.grace, child.wait()).await;
        group.signal(Signal::SIGKILL);
        Err(Failure::new(kind, message))
    }
}

async fn feed(mut stdin: ChildStdin, text: String) -> std::io::Result<()> {
    stdin.write_all(text.as_bytes()).await?;
    stdin.shutdown().await
}

/// What the program reads.
fn description(task: &Task) -> String {
    json!({
        "id": task.id(),
        "type": task.kind(),
        "title": task.title(),
        "input": task.raw_input(),
        "attempt": task.attempt(),
        "trace": task.trace(),
    })
    .to_string()
}

fn outcome(ran: Ran, most: usize) -> Outcome {
    let complaints = ran.complaints.join("\n");
    let Some(stdout) = ran.stdout else {
        return Err(Failure::new(
            "output_too_large",
            format!("it printed more than {most} bytes"),
        ));
    };
    match ran.status.code() {
        Some(0) => Ok(result(&stdout)),
        Some(TEMPORARY) => Err(Failure::passing(
            "exit_code",
            format!("exit code {TEMPORARY}: {complaints}"),
        )),
        Some(code) => Err(Failure::new(
            "exit_code",
            format!("exit code {code}: {complaints}"),
        )),
        None => Err(Failure::passing(
            "killed",
            format!("{}: {complaints}", ran.status),
        )),
    }
}

/// JSON as it is, anything else as text.
fn result(stdout: &[u8]) -> Value {
    let text = String::from_utf8_lossy(stdout);
    serde_json::from_str(&text).unwrap_or_else(|_| Value::from(text.trim_end()))
}
