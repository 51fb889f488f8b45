//! `devmesh agent`: be an agent.

use std::time::Duration;

use clap::{Args, Subcommand};
use devmesh_agent::{AgentType, Builder, Ended, Error, Standing};
use serde_json::json;

use crate::agent::{Limits, Program};
use crate::arguments::Global;
use crate::failure::Failure;
use crate::terminal::Terminal;

/// Be an agent.
#[derive(Debug, Args)]
pub struct Agent {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Let a program do tasks: the task as JSON on its standard input, the result (JSON or text) on its standard output.
    ///
    /// Exit code 0 is success, 75 a failure that another try may mend, any other a failure. Standard error is passed on to
    /// this command's. A program whose task is cancelled, or that runs for too long, gets SIGTERM and then SIGKILL, with everything that it
    /// has started. It finds the task's id and type in `DEVMESH_TASK_ID` and `DEVMESH_TASK_TYPE`, and the trace that it belongs to in
    /// `TRACEPARENT`. On SIGTERM this command begins nothing more and waits for what runs.
    #[command(after_help = "Examples:\n  \
        devmesh agent run --exec 'jq .input.text | wc -w' --type count_words\n  \
        devmesh agent run --exec ./review.sh --capability code_review@2 --concurrency 4 --timeout 600\n  \
        devmesh tasks create count_words --input '{\"text\":\"one two\"}' --wait")]
    Run(Box<Run>),
}

#[derive(Debug, Args)]
struct Run {
    /// The program, as the shell has it.
    #[arg(long, value_name = "COMMAND", value_parser = command)]
    exec: String,
    /// What it can do, `NAME` or `NAME@1.2`; may be given several times.
    #[arg(long = "capability", value_name = "NAME")]
    capabilities: Vec<String>,
    /// Only tasks of this type: others are refused and go to other agents. May be given several times [default: all].
    #[arg(long = "type", value_name = "TYPE", value_parser = kind)]
    kinds: Vec<String>,
    /// How many programs run at once.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    concurrency: u32,
    /// How long a program may run, in seconds.
    #[arg(long, default_value_t = 3_600, value_parser = clap::value_parser!(u64).range(1..=2_592_000))]
    timeout: u64,
    /// Most bytes on a program's standard output. The default is half of what the mesh takes: text grows when it becomes JSON.
    #[arg(long, default_value_t = 512 << 10)]
    max_output: usize,
    /// Seconds between SIGTERM and SIGKILL for a program.
    #[arg(long, default_value_t = 5)]
    grace: u64,
    /// Seconds that programs have to end when this command is to.
    #[arg(long, default_value_t = 30)]
    drain: u64,
    /// What the agent is called; one name is one agent [default: a random one].
    #[arg(long)]
    name: Option<String>,
    /// What it is: ide, slack, monitoring, cicd or custom.
    #[arg(long, default_value = "custom")]
    agent_type: AgentType,
    /// The manifest that it means [default: the first that allows it].
    #[arg(long)]
    manifest: Option<String>,
    /// What else it says of itself, `NAME=VALUE`; may be given several times.
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = label)]
    labels: Vec<(String, String)>,
}

fn command(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("expected a command".to_owned()),
        _ => Ok(text.to_owned()),
    }
}

/// As the mesh has types of tasks.
fn kind(text: &str) -> Result<String, String> {
    let plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'.');
    match (1..=64).contains(&text.len()) && text.bytes().all(plain) {
        true => Ok(text.to_owned()),
        false => Err("expected 1 to 64 of a-z, 0-9, `-`, `_` and `.`".to_owned()),
    }
}

fn label(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(name, _)| !name.is_empty());
    let pair = pair.ok_or("expected NAME=VALUE")?;
    Ok((pair.0.to_owned(), pair.1.to_owned()))
}

impl Agent {
    pub(super) async fn run(self, global: &Global, terminal: &Terminal) -> Result<(), Failure> {
        let Action::Run(run) = self.action;
        let url = global.connection.mcp_endpoint()?;
        let key = global.connection.api_key()?;
        let agent = run.agent(url.as_str(), &key, *terminal);
        let name = run
            .name
            .clone()
            .unwrap_or_else(|| devmesh_agent::Options::default().name);
        let told = (*terminal, name.clone(), url.to_string());
        let agent = agent
            .name(name)
            .watched_by(move |standing| tell(&told, &standing));
        let agent = agent.build().map_err(|error| Failure::Usage(error.to_string()))?;
        match agent.run_until_signalled().await {
            Ok(Ended::Drained) => {
                terminal.note("the mesh has asked this agent to finish");
                Ok(())
            }
            Ok(Ended::Stopped) => Ok(()),
            Err(error) => Err(run.explained(error)),
        }
    }
}

/// What a person wants to know of it.
fn tell((terminal, name, url): &(Terminal, String, String), standing: &Standing) {
    match standing {
        Standing::Registered { epoch: 1, .. } => {
            terminal.note(format_args!("{name} waits for tasks of {url}; ctrl-C ends it"));
        }
        Standing::Registered { epoch, .. } => terminal.note(format_args!(
            "{name} waits for tasks of {url}, registered for the {epoch}. time; ctrl-C ends it"
        )),
        Standing::Away { why, next } => terminal.note(format_args!(
            "no connection to {url}: {why}; the next try is in {:.1} s",
            next.as_secs_f64()
        )),
        Standing::Back => terminal.note(format_args!("connected to {url} again")),
        _ => {}
    }
}

impl Run {
    fn agent(&self, url: &str, key: &str, terminal: Terminal) -> Builder {
        let grace = Duration::from_secs(self.grace);
        let program = Program {
            command: self.exec.clone(),
            limits: Limits {
                timeout: Duration::from_secs(self.timeout),
                output: self.max_output,
                grace,
            },
            terminal,
        };
        let builder = devmesh_agent::Agent::builder(url, key).options(|options| {
            options.agent_type = self.agent_type;
            options.capabilities.clone_from(&self.capabilities);
            options.capacity = self.concurrency;
            options.labels = self.labels.iter().cloned().collect();
            options.manifest.clone_from(&self.manifest);
            options.drain = Duration::from_secs(self.drain);
            // The program is ended first; what ends it must have the time to.
            options.task_timeout = Duration::from_secs(self.timeout) + grace * 2;
            options.grace = grace * 2;
        });
        if self.kinds.is_empty() {
            return builder.otherwise(program);
        }
        let kinds = self.kinds.iter();
        kinds.fold(builder, |builder, kind| builder.on(kind, program.clone()))
    }

    /// What a person can do about it.
    fn explained(&self, error: Error) -> Failure {
        match error {
            Error::Handshake { status: 401, .. } => Failure::Failed(format!(
                "{error}: the key is not known; `devmesh keys create NAME --kind agent` makes one"
            )),
            Error::Handshake { .. } => Failure::Unreachable(error.to_string()),
            Error::Refused(refused) if refused.message.contains("manifest") => {
                let manifest = json!({
                    "name": self.manifest.as_deref().unwrap_or("programs"),
                    "type": self.agent_type.as_str(),
                    "capabilities": self.capabilities.iter().map(|one| one.split('@').next()).collect::<Vec<_>>(),
                    "max_capacity": self.concurrency,
                });
                Failure::Failed(format!(
                    "{refused}\nan admin allows it with POST /api/v1/manifests and, for example, {manifest}"
                ))
            }
            Error::Refused(refused) if refused.code == -32_003 => Failure::Failed(format!(
                "{refused}: an agent needs a key with agents:connect (`devmesh keys create NAME --kind agent`)"
            )),
            error => Failure::Failed(error.to_string()),
        }
    }
}
