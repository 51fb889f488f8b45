//! Everything that can be set, each with its default and the reason for it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// What an agent is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AgentType {
    /// Beside a developer's editor.
    Ide,
    /// In a chat.
    Slack,
    /// Watches.
    Monitoring,
    /// Builds, tests, deploys.
    Cicd,
    /// Anything else.
    #[default]
    Custom,
}

impl AgentType {
    /// As the mesh writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ide => "ide",
            Self::Slack => "slack",
            Self::Monitoring => "monitoring",
            Self::Cicd => "cicd",
            Self::Custom => "custom",
        }
    }
}

impl std::str::FromStr for AgentType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = [Self::Ide, Self::Slack, Self::Monitoring, Self::Cicd, Self::Custom];
        let found = all.into_iter().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| format!("`{text}`: expected ide, slack, monitoring, cicd or custom"))
    }
}

/// What an agent says of itself, and its limits. [`crate::Builder`] sets them.
#[derive(Debug, Clone)]
pub struct Options {
    /// What it calls itself: one name is one agent of its tenant. Default: `agent-` and eight random digits, so that two
    /// instances do not take each other's place; name it when a restart is to be the same agent.
    pub name: String,
    /// What it is. Default `custom`.
    pub agent_type: AgentType,
    /// What it can do, `NAME` or `NAME@1.2`. Default none: it gets tasks that ask for nothing.
    pub capabilities: Vec<String>,
    /// The model behind it. Default none.
    pub model: String,
    /// Where it runs. Default nowhere in particular.
    pub region: String,
    /// What else it says of itself. Default nothing.
    pub labels: BTreeMap<String, String>,
    /// The manifest that it means. Default: the first that allows it.
    pub manifest: Option<String>,
    /// How many tasks it works on at once; the mesh gives it no more. Default 1: a program that was not written for
    /// several at once gets one.
    pub capacity: u32,
    /// It counts as lost when the mesh does not hear it for so long; it says that it is there three times as often.
    /// Default 30 s: two heartbeats may get lost.
    pub heartbeat: Duration,
    /// How long a task may take. Default 1 h: the SDK tells the mesh that a task is worked on for as long as its handler
    /// runs, so a handler that hangs is noticed here or nowhere.
    pub task_timeout: Duration,
    /// How long a handler may take to end after its task was taken away, before it is dropped. Default 5 s.
    pub grace: Duration,
    /// How long tasks that run may take when the agent is to stop. Default 30 s: what orchestrators give a process
    /// between SIGTERM and SIGKILL.
    pub drain: Duration,
    /// News of progress is sent at most so often; what comes between replaces what was there. Default 500 ms: people
    /// watch it.
    pub progress_interval: Duration,
    /// How long a request of [`crate::Mesh`] may take, with breaks of the connection. Default 60 s: a replica that dies
    /// has a successor by then.
    pub request_timeout: Duration,
    /// How many requests run at once, besides heartbeats. Default 32: half of what the mesh allows a connection.
    pub max_in_flight: usize,
    /// How long a handshake may take. Default 10 s.
    pub connect_timeout: Duration,
    /// The first wait before another try to connect; each further one doubles it, with a random share of a half, so that
    /// the agents of a replica that died do not come back at once. Default 200 ms.
    pub reconnect_first: Duration,
    /// The longest such wait. Default 10 s: a mesh that is back after an hour has its agents within seconds.
    pub reconnect_most: Duration,
    /// It pings so often. Default 15 s.
    pub ping: Duration,
    /// A connection over which nothing came for so long is dead. Default 40 s: two pings without an answer.
    pub silence: Duration,
    /// The largest message that is taken from the mesh. Default 10 MiB: ten times what the mesh sends.
    pub max_message: usize,
    /// The largest message that is sent; a request beyond it fails here. Default 1 MiB: the mesh closes the connection over
    /// anything larger.
    pub max_sent: usize,
    /// The key is sent as the first message, and not as a header of the handshake: for proxies that drop headers.
    /// Default false.
    pub key_in_first_message: bool,
    /// Certificate authority (PEM) of the mesh, in place of the public ones. Default none.
    pub ca_file: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        let random = uuid::Uuid::new_v4().simple().to_string();
        Self {
            name: format!("agent-{}", &random[..8]),
            agent_type: AgentType::default(),
            capabilities: Vec::new(),
            model: String::new(),
            region: String::new(),
            labels: BTreeMap::new(),
            manifest: None,
            capacity: 1,
            heartbeat: Duration::from_secs(30),
            task_timeout: Duration::from_secs(3_600),
            grace: Duration::from_secs(5),
            drain: Duration::from_secs(30),
            progress_interval: Duration::from_millis(500),
            request_timeout: Duration::from_secs(60),
            max_in_flight: 32,
            connect_timeout: Duration::from_secs(10),
            reconnect_first: Duration::from_millis(200),
            reconnect_most: Duration::from_secs(10),
            ping: Duration::from_secs(15),
            silence: Duration::from_secs(40),
            max_message: 10 << 20,
            max_sent: 1 << 20,
            key_in_first_message: false,
            ca_file: None,
        }
    }
}
