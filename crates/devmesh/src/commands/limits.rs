//! `devmesh limits`.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::api::Api;
use crate::arguments::Global;
use crate::failure::Failure;
use crate::terminal::{Column, Terminal, date, text};

/// Rate limits.
#[derive(Debug, Args)]
pub struct Limits {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Limit how often somebody or something may be called, on every replica within a second.
    #[command(after_help = "Examples:\n  devmesh limits set tenant 100/s --burst 200\n  \
        devmesh limits set key:ci 60/m\n  devmesh limits set provider:github 5000/h\n  \
        devmesh limits set tool:github_search 0.5 --burst 5")]
    Set {
        /// `tenant`, `key:NAME`, `provider:NAME` (its tools together) or `tool:NAME`.
        subject: String,
        /// `N/s`, `N/m`, `N/h`, or calls a second such as `0.5`.
        rate: String,
        /// How many calls may come at once; as many as the rate allows in a second when absent.
        #[arg(long)]
        burst: Option<u32>,
    },
    /// List the limits.
    #[command(after_help = "Example:\n  devmesh limits list")]
    List,
    /// Remove a limit.
    #[command(after_help = "Example:\n  devmesh limits remove key:ci")]
    Remove {
        /// As `limits list` shows it.
        subject: String,
    },
}

const COLUMNS: &[Column] = &[
    ("subject", |limit| text(limit, "subject")),
    ("rate", |limit| text(limit, "rate")),
    ("burst", |limit| {
        limit.get("burst").map(Value::to_string).unwrap_or_default()
    }),
    ("set", |limit| date(limit, "updated_at")),
];

impl Limits {
    pub(super) async fn run(self, global: &Global, terminal: &Terminal) -> Result<(), Failure> {
        let api = Api::new(&global.connection)?;
        match self.action {
            Action::Set { subject, rate, burst } => {
                let mut body = json!({ "rate": rate });
                if let Some(burst) = burst {
                    body["burst"] = json!(burst);
                }
                terminal.record(COLUMNS, &api.put(&["limits", &subject], &body).await?)
            }
            Action::List => terminal.rows(
                COLUMNS,
                &api.list(&["limits"], &[], usize::MAX).await?,
                "no limits",
            ),
            Action::Remove { subject } => {
                api.delete(&["limits", &subject]).await?;
                terminal.note(format_args!("`{subject}` has no limit of its own any more"));
                Ok(())
            }
        }
    }
}
