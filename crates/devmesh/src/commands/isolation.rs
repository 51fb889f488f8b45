//! `devmesh isolation`.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::api::Api;
use crate::arguments::Global;
use crate::failure::Failure;
use crate::terminal::{Column, Terminal, date, text};

/// How far this tenant's agents and those of others see each other.
#[derive(Debug, Args)]
pub struct Isolation {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show the tenant's mode and what it has granted.
    #[command(after_help = "Example:\n  devmesh isolation show")]
    Show,
    /// Set the mode: strict, relaxed or open.
    #[command(after_help = "Example:\n  devmesh isolation set relaxed")]
    Set {
        /// `strict`: nothing crosses the border. `relaxed`: what is granted. `open`: the organization may discover and
        /// message, tasks need a grant.
        mode: String,
    },
    /// Say what agents of another tenant may do with those of this one; what is not named is taken back.
    #[command(
        after_help = "Examples:\n  devmesh isolation grant 0199… discover message\n  devmesh isolation grant 0199… assign"
    )]
    Grant {
        /// The other tenant.
        tenant: String,
        /// `discover`, `message`, `assign`.
        #[arg(required = true)]
        verbs: Vec<String>,
    },
    /// Take back everything that was granted to another tenant.
    #[command(after_help = "Example:\n  devmesh isolation revoke 0199…")]
    Revoke {
        /// The other tenant.
        tenant: String,
    },
}

const COLUMNS: &[Column] = &[
    ("tenant", |border| text(border, "tenant_id")),
    ("mode", |border| text(border, "mode")),
];

const GRANTS: &[Column] = &[
    ("to", |grant| text(grant, "to")),
    ("may", |grant| text(grant, "verb")),
    ("since", |grant| date(grant, "granted_at")),
];

impl Isolation {
    pub(super) async fn run(self, global: &Global, terminal: &Terminal) -> Result<(), Failure> {
        let api = Api::new(&global.connection)?;
        let border = match self.action {
            Action::Show => api.get(&["isolation"], &[]).await?,
            Action::Set { mode } => api.put(&["isolation"], &json!({ "mode": mode })).await?,
            Action::Grant { tenant, verbs } => {
                api.put(&["grants", &tenant], &json!({ "verbs": verbs })).await?
            }
            Action::Revoke { tenant } => {
                api.delete(&["grants", &tenant]).await?;
                api.get(&["isolation"], &[]).await?
            }
        };
        terminal.record(COLUMNS, &border)?;
        if terminal.is_json() {
            return Ok(());
        }
        let grants = border.get("grants").and_then(Value::as_array);
        terminal.print("")?;
        terminal.rows(
            GRANTS,
            grants.map_or(&[], Vec::as_slice),
            "it has granted nothing",
        )
    }
}
