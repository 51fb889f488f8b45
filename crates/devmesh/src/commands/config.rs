//! `devmesh config`.

use clap::{Args, Subcommand};

use crate::failure::Failure;
use crate::settings::{Component, SettingsArgs};
use crate::terminal::Terminal;

/// The settings.
#[derive(Debug, Args)]
pub struct Settings {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Say what is wrong with the settings, all of it at once; exit code 2 when something is.
    #[command(
        after_help = "Examples:\n  devmesh config check\n  devmesh config check --config /etc/devmesh/worker.toml --for worker"
    )]
    Check(Which),
    /// Print the settings that hold, as TOML or JSON; secrets are ***.
    #[command(
        after_help = "Examples:\n  devmesh config show\n  devmesh config show --for rest-api --set listen.address=0.0.0.0:8081"
    )]
    Show(Which),
}

#[derive(Debug, Args)]
struct Which {
    #[command(flatten)]
    settings: SettingsArgs,
    /// Whose settings.
    #[arg(long = "for", value_enum, default_value_t = Component::Devmesh)]
    component: Component,
}

impl Settings {
    pub(super) fn run(self, terminal: &Terminal) -> Result<(), Failure> {
        match self.action {
            Action::Check(which) => {
                which.settings.masked(which.component, false)?;
                let file = which
                    .settings
                    .file()
                    .map_or_else(|| "no file".to_owned(), |path| path.display().to_string());
                terminal.note(format_args!("the settings fit ({file}, environment, --set)"));
                Ok(())
            }
            Action::Show(which) => {
                let shown = which.settings.masked(which.component, terminal.is_json())?;
                terminal.print(shown.trim_end())
            }
        }
    }
}
