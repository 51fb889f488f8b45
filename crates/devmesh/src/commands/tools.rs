//! `devmesh tools`.

mod add;
mod call;
mod import;

use clap::{Args, Subcommand};
use serde_json::Value;

use crate::api::Api;
use crate::arguments::Global;
use crate::failure::Failure;
use crate::terminal::{Column, Terminal, date, list, text};

/// Tools and the providers that they come from.
#[derive(Debug, Args)]
pub struct Tools {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make the operations of an API into tools.
    #[command(after_help = add::EXAMPLES)]
    Add(add::Add),
    /// List the tools by name, or the providers.
    #[command(
        after_help = "Examples:\n  devmesh tools list\n  devmesh tools list --provider mesh\n  devmesh tools list --providers"
    )]
    List {
        /// Only of this provider.
        #[arg(long, value_name = "NAME")]
        provider: Option<String>,
        /// The providers instead.
        #[arg(long, conflicts_with = "provider")]
        providers: bool,
    },
    /// Show a tool with the schema of its arguments, or a provider with what is no tool.
    #[command(after_help = "Examples:\n  devmesh tools show mesh_get_job\n  devmesh tools show mesh")]
    Show {
        /// The tool, or the provider.
        name: String,
    },
    /// Remove a provider with its tools and its credential.
    #[command(after_help = "Example:\n  devmesh tools remove petstore")]
    Remove {
        /// The provider.
        provider: String,
    },
    /// Read a provider's description again; agents are told what changed.
    #[command(after_help = "Example:\n  devmesh tools refresh petstore")]
    Refresh {
        /// The provider.
        provider: String,
    },
    /// Call a tool, as an agent does.
    #[command(after_help = call::EXAMPLES)]
    Call(call::Call),
}

const TOOLS: &[Column] = &[
    ("name", |tool| text(tool, "name")),
    ("effect", effect),
    ("description", |tool| {
        text(tool, "description")
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned()
    }),
];

const PROVIDERS: &[Column] = &[
    ("name", |provider| text(provider, "name")),
    ("kind", |provider| text(provider, "kind")),
    ("base url", |provider| text(provider, "base_url")),
    ("health", |provider| text(provider, "health")),
    ("allowed hosts", |provider| list(provider, "allowed_hosts")),
    ("refreshed", |provider| date(provider, "refreshed_at")),
];

const TOOL: &[Column] = &[
    ("name", |tool| text(tool, "name")),
    ("title", |tool| text(tool, "title")),
    ("effect", effect),
    ("tags", |tool| list(tool, "tags")),
    ("description", |tool| text(tool, "description")),
];

/// What a call may do, from the hints.
fn effect(tool: &Value) -> String {
    let hint = |name| {
        tool.pointer(&format!("/annotations/{name}"))
            .and_then(Value::as_bool)
            .unwrap_or(false)
    };
    let effect = if hint("readOnlyHint") {
        "read"
    } else if hint("destructiveHint") {
        "destructive"
    } else {
        "write"
    };
    effect.to_owned()
}

impl Tools {
    pub(super) async fn run(self, global: &Global, terminal: &Terminal) -> Result<(), Failure> {
        if let Action::Call(call) = self.action {
            return call.run(global, terminal).await;
        }
        let api = Api::new(&global.connection)?;
        match self.action {
            Action::Add(add) => add.run(&api, terminal).await,
            Action::List { providers: true, .. } => terminal.rows(
                PROVIDERS,
                &api.list(&["providers"], &[], usize::MAX).await?,
                "no providers",
            ),
            Action::List { provider, .. } => {
                let query: Vec<_> = provider.map(|name| ("provider", name)).into_iter().collect();
                terminal.rows(
                    TOOLS,
                    &api.list(&["tools"], &query, usize::MAX).await?,
                    "no tools; `devmesh tools add` makes some",
                )
            }
            Action::Show { name } => show(&api, terminal, &name).await,
            Action::Remove { provider } => {
                api.delete(&["providers", &provider]).await?;
                terminal.note(format_args!("removed `{provider}` with its tools"));
                Ok(())
            }
            Action::Refresh { provider } => {
                let job = api
                    .post(&["providers", &provider, "refresh"], &[], &Value::Null)
                    .await?;
                import::finish(&api, terminal, &provider, &job).await
            }
            Action::Call(_) => Ok(()),
        }
    }
}

async fn show(api: &Api, terminal: &Terminal, name: &str) -> Result<(), Failure> {
    let tool = match api.get(&["tools", name], &[]).await {
        Err(failure) if failure.status() == Some(404) => return show_provider(api, terminal, name).await,
        tool => tool?,
    };
    terminal.record(TOOL, &tool)?;
    if terminal.is_json() {
        return Ok(());
    }
    terminal.print("\narguments:")?;
    terminal.json(tool.get("input_schema").unwrap_or(&Value::Null))
}

async fn show_provider(api: &Api, terminal: &Terminal, name: &str) -> Result<(), Failure> {
    let mut provider = api.get(&["providers", name], &[]).await?;
    let skipped = api.get(&["providers", name, "skipped"], &[]).await?;
    if terminal.is_json() {
        provider["skipped"] = skipped;
        return terminal.json(&provider);
    }
    terminal.record(PROVIDERS, &provider)?;
    let skipped = skipped.as_array().map(Vec::as_slice).unwrap_or_default();
    if !skipped.is_empty() {
        let skips = import::count(skipped.len() as u64, "operation");
        terminal.print(format_args!("\nno tools, and why ({skips}):"))?;
        terminal.print(import::table_of(skipped, "operation", "reason"))?;
    }
    Ok(())
}
