//! `devmesh keys`.

mod recover;

use chrono::{Duration, Utc};
use clap::{Args, Subcommand, ValueEnum};
use domain::Clock;
use serde_json::{Value, json};

use crate::api::Api;
use crate::arguments::Global;
use crate::commands::required;
use crate::failure::Failure;
use crate::terminal::{Column, Terminal, date, list, text};

/// API keys.
#[derive(Debug, Args)]
pub struct Keys {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a key; its text is shown this once.
    #[command(after_help = "Examples:\n  devmesh keys create claude --kind agent\n  \
        devmesh keys create ci --kind agent --scope tools:read --scope tools:call --expires-in 90d\n  \
        devmesh keys create triage --kind agent --pin 'github_issues_*' --pin tag:pulls\n  \
        export DEVMESH_API_KEY=$(devmesh keys create me --kind user --output json | jq -r .secret)")]
    Create(Create),
    /// List the keys, newest first.
    #[command(after_help = "Example:\n  devmesh keys list")]
    List,
    /// Choose the tools that a key's holder is shown by themselves, instead of those chosen before.
    #[command(
        after_help = "Examples:\n  devmesh keys pin triage 'github_issues_*' tag:pulls\n  devmesh keys pin triage --none"
    )]
    Pin {
        /// Its name, its id, or the prefix that `keys list` shows.
        key: String,
        /// A tool's name (`*` for any characters), `tag:NAME` or `provider:NAME`.
        #[arg(required_unless_present = "none")]
        pins: Vec<String>,
        /// No pins at all.
        #[arg(long, conflicts_with = "pins")]
        none: bool,
    },
    /// Refuse a key from now on, on every replica within a second.
    #[command(after_help = "Example:\n  devmesh keys revoke ci")]
    Revoke {
        /// Its name, its id, or the prefix that `keys list` shows.
        key: String,
    },
    /// Put a new key in the place of an old one, which works a while longer.
    #[command(after_help = "Example:\n  devmesh keys rotate ci --grace 24h")]
    Rotate {
        /// Its name, its id, or the prefix that `keys list` shows.
        key: String,
        /// How long the old key is still accepted, at most 7d.
        #[arg(long, default_value = "1h")]
        grace: runtime::config::Duration,
    },
    /// Make an admin key without having one: on the machine of the database, when every admin key is lost.
    #[command(
        after_help = "Examples:\n  (umask 077; devmesh keys recover > .devmesh/bootstrap.key)\n  \
        devmesh keys recover --for rest-api --config /etc/devmesh/rest-api.toml --tenant default"
    )]
    Recover(recover::Recover),
}

#[derive(Debug, Args)]
struct Create {
    /// What people call it.
    name: String,
    /// What it is for.
    #[arg(long, value_enum, default_value_t = Kind::Agent)]
    kind: Kind,
    /// A permission; repeat it. All that the kind may have when none is named.
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// Tools to show its holder by themselves where there are too many to show all; repeat it. A tool's name (`*` for
    /// any characters), `tag:NAME` or `provider:NAME`.
    #[arg(long = "pin", value_name = "PIN")]
    pins: Vec<String>,
    /// After this time it is refused, for example 90d; never when absent.
    #[arg(long, value_name = "TIME")]
    expires_in: Option<runtime::config::Duration>,
}

/// What a key is for.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// Everything in the tenant.
    Admin,
    /// A person: tools, jobs, audit.
    User,
    /// An AI agent: sees and calls tools.
    Agent,
    /// A gateway that calls on behalf of many.
    Gateway,
}

const COLUMNS: &[Column] = &[
    ("name", |key| text(key, "name")),
    ("kind", |key| text(key, "kind")),
    ("prefix", |key| text(key, "prefix")),
    ("state", state),
    ("scopes", |key| list(key, "scopes")),
    ("last used", |key| date(key, "last_used_at")),
    ("created", |key| date(key, "created_at")),
    ("id", |key| text(key, "id")),
];

/// What `keys pin` shows.
const PINNED: &[Column] = &[
    ("name", |key| text(key, "name")),
    ("pins", |key| list(key, "pins")),
    ("id", |key| text(key, "id")),
];

fn state(key: &Value) -> String {
    let instant = |field| {
        key.get(field)
            .and_then(Value::as_str)
            .and_then(|at| at.parse::<chrono::DateTime<Utc>>().ok())
    };
    if instant("revoked_at").is_some() {
        return "revoked".to_owned();
    }
    match instant("expires_at") {
        Some(at) if at <= domain::SystemClock.now() => "expired".to_owned(),
        Some(_) => format!("until {}", date(key, "expires_at")),
        None => "active".to_owned(),
    }
}

impl Keys {
    pub(super) async fn run(self, global: &Global, terminal: &Terminal) -> Result<(), Failure> {
        let api = || Api::new(&global.connection);
        match self.action {
            Action::Recover(recover) => recover.run(global, terminal).await,
            Action::Create(create) => {
                let api = api()?;
                let made = api.post(&["keys"], &[], &create.body()?).await?;
                show(terminal, &made)
            }
            Action::List => terminal.rows(
                COLUMNS,
                &api()?.list(&["keys"], &[], usize::MAX).await?,
                "no keys",
            ),
            Action::Pin { key, pins, none: _ } => {
                let api = api()?;
                let id = id_of(&api, terminal, &key).await?;
                let changed = api.patch(&["keys", &id], &json!({ "pins": pins })).await?;
                terminal.record(PINNED, &changed)
            }
            Action::Revoke { key } => {
                let api = api()?;
                let id = id_of(&api, terminal, &key).await?;
                terminal.record(
                    COLUMNS,
                    &api.post(&["keys", &id, "revoke"], &[], &Value::Null).await?,
                )
            }
            Action::Rotate { key, grace } => {
                let api = api()?;
                let id = id_of(&api, terminal, &key).await?;
                let body = json!({ "grace_seconds": grace.get().as_secs() });
                show(terminal, &api.post(&["keys", &id, "rotate"], &[], &body).await?)
            }
        }
    }
}

impl Create {
    fn body(&self) -> Result<Value, Failure> {
        let kind = self
            .kind
            .to_possible_value()
            .map(|kind| kind.get_name().to_owned());
        let mut body = json!({ "name": self.name, "kind": kind });
        if !self.scopes.is_empty() {
            body["scopes"] = json!(self.scopes);
        }
        if !self.pins.is_empty() {
            body["pins"] = json!(self.pins);
        }
        if let Some(time) = self.expires_in {
            let time = Duration::from_std(time.get()).ok();
            let at = time.and_then(|time| domain::SystemClock.now().checked_add_signed(time));
            let at = at.ok_or_else(|| Failure::Usage("--expires-in: that is too long".to_owned()))?;
            body["expires_at"] = json!(at);
        }
        Ok(body)
    }
}

/// The secret alone goes to stdout, so that it can be taken into a variable or a file.
fn show(terminal: &Terminal, made: &Value) -> Result<(), Failure> {
    if terminal.is_json() {
        return terminal.json(made);
    }
    let key = made.get("key").unwrap_or(&Value::Null);
    terminal.note(format_args!(
        "{} key `{}` with {}. Keep its text: it cannot be shown again.",
        text(key, "kind"),
        text(key, "name"),
        list(key, "scopes"),
    ));
    terminal.print(required(made, "secret")?)
}

/// The key that people mean: by id, prefix, or name. While a rotated key still works two live ones have its name: the
/// newest is meant, and the others are told of.
async fn id_of(api: &Api, terminal: &Terminal, named: &str) -> Result<String, Failure> {
    let keys = api.list(&["keys"], &[], usize::MAX).await?;
    let exact = keys
        .iter()
        .find(|key| text(key, "id") == named || text(key, "prefix") == named);
    if let Some(key) = exact {
        return Ok(text(key, "id"));
    }
    // Newest first, as the API lists them.
    let by_name: Vec<&Value> = keys.iter().filter(|key| text(key, "name") == named).collect();
    let mut live = by_name
        .iter()
        .filter(|key| !matches!(state(key).as_str(), "revoked" | "expired"));
    let Some(newest) = live.next() else {
        return Err(Failure::Failed(if by_name.is_empty() {
            format!("there is no key `{named}`; `devmesh keys list` shows them")
        } else {
            format!("the key `{named}` is revoked or expired already")
        }));
    };
    for older in live {
        terminal.note(format_args!(
            "`{named}` is taken as {}; {} ({}) has that name too",
            text(newest, "prefix"),
            text(older, "prefix"),
            state(older)
        ));
    }
    Ok(text(newest, "id"))
}
