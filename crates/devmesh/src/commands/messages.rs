//! `devmesh messages`.

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use crate::api::Api;
use crate::arguments::Global;
use crate::failure::Failure;
use crate::terminal::{Column, Terminal, date, text};

/// What agents tell each other.
#[derive(Debug, Args)]
pub struct Messages {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Send a message to an agent, or to all that fit; it is kept for them until they have it.
    #[command(
        after_help = "Examples:\n  devmesh messages send '{\"text\":\"freeze\"}' --to builder-1\n  \
        devmesh messages send '{\"text\":\"freeze\"}' --type cicd --subject 'no deploys today'\n  \
        devmesh messages send '{\"ask\":\"review\"}' --capability code_review@2 --one"
    )]
    Send(New),
    /// Show a message, and where it stands at its receivers.
    #[command(after_help = "Example:\n  devmesh messages show 0199…")]
    Show {
        /// The message.
        id: String,
    },
}

#[derive(Debug, Args)]
struct New {
    /// What it says: a JSON object.
    body: String,
    /// To this agent, by id or name, here or not.
    #[arg(long, conflicts_with_all = ["capability", "agent_type", "label", "one"])]
    to: Option<String>,
    /// To those that can do this: `NAME` or `NAME@1.2`.
    #[arg(long)]
    capability: Option<String>,
    /// To those of this type: ide, slack, monitoring, cicd or custom.
    #[arg(long = "type")]
    agent_type: Option<String>,
    /// To those with this label, `NAME=VALUE`.
    #[arg(long)]
    label: Option<String>,
    /// Of those that fit, only to the one that has the least to do.
    #[arg(long)]
    one: bool,
    /// To agents of this tenant of the organization.
    #[arg(long)]
    tenant: Option<String>,
    /// What it is about, in a line.
    #[arg(long, default_value = "")]
    subject: String,
    /// How long it is kept for its receivers, in seconds.
    #[arg(long)]
    expires: Option<u32>,
}

impl New {
    fn request(self) -> Result<Value, Failure> {
        let body: Map<String, Value> = serde_json::from_str(&self.body)
            .map_err(|error| Failure::Usage(format!("the body is no JSON object: {error}")))?;
        let mut to = json!({ "one": self.one });
        let is_id = |name: &String| name.parse::<domain::AgentId>().is_ok();
        let named = self
            .to
            .as_ref()
            .map(|name| if is_id(name) { "agent_id" } else { "agent" });
        for (field, value) in [
            (named.unwrap_or("agent"), self.to),
            ("capability", self.capability),
            ("type", self.agent_type),
            ("label", self.label),
            ("tenant_id", self.tenant),
        ] {
            if let Some(value) = value {
                to[field] = json!(value);
            }
        }
        let mut request = json!({ "to": to, "body": body, "subject": self.subject });
        if let Some(expires) = self.expires {
            request["expires_seconds"] = json!(expires);
        }
        Ok(request)
    }
}

const COLUMNS: &[Column] = &[
    ("id", |message| text(message, "id")),
    ("from", |message| {
        message
            .get("from")
            .map(|from| text(from, "name"))
            .unwrap_or_default()
    }),
    ("subject", |message| text(message, "subject")),
    ("body", |message| {
        message.get("body").map(Value::to_string).unwrap_or_default()
    }),
    ("sent", |message| date(message, "sent_at")),
    ("expires", |message| date(message, "expires_at")),
];

const RECEIVERS: &[Column] = &[
    ("agent", |receiver| text(receiver, "agent")),
    ("id", |receiver| text(receiver, "agent_id")),
    ("state", |receiver| text(receiver, "state")),
    ("since", |receiver| date(receiver, "since")),
];

impl Messages {
    pub(super) async fn run(self, global: &Global, terminal: &Terminal) -> Result<(), Failure> {
        let api = Api::new(&global.connection)?;
        let message = match self.action {
            Action::Send(new) => api.post(&["messages"], &[], &new.request()?).await?,
            Action::Show { id } => api.get(&["messages", &id], &[]).await?,
        };
        terminal.record(COLUMNS, &message)?;
        if terminal.is_json() {
            return Ok(());
        }
        let receivers = message.get("receivers").and_then(Value::as_array);
        terminal.print("")?;
        terminal.rows(
            RECEIVERS,
            receivers.map_or(&[], Vec::as_slice),
            "it has no receivers here",
        )
    }
}
