//! The settings of the mesh and of each service, as the command line reads them.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use runtime::config::{ConfigError, Sources};
use runtime::process::environment;

use crate::connection::NOT_SETTINGS;
use crate::failure::Failure;

/// The file in the working directory that is read when none is named.
pub const FILE: &str = "devmesh.toml";

/// Where settings come from: file, then environment (`DEVMESH_SECTION__KEY`), then `--set`; later wins.
#[derive(Clone, Debug, Args)]
pub struct SettingsArgs {
    /// The settings [default: devmesh.toml here, if there is one].
    #[arg(long, value_name = "FILE", env = "DEVMESH_CONFIG")]
    pub config: Option<PathBuf>,
    /// One setting; wins over the file and the environment.
    #[arg(long = "set", value_name = "SECTION.KEY=VALUE")]
    pub set: Vec<String>,
}

/// Whose settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Component {
    /// `devmesh up`.
    Devmesh,
    /// rest-api as a process of its own.
    RestApi,
    /// mcp-server as a process of its own.
    McpServer,
    /// The worker as a process of its own.
    Worker,
}

impl SettingsArgs {
    /// The sources of `devmesh up`, with `more` overrides before those of the user.
    fn sources(&self, more: &[String]) -> Sources {
        let sources = NOT_SETTINGS
            .iter()
            .fold(environment(Sources::new()), |sources, name| {
                sources.env_ignored(name)
            });
        let sources = match &self.config {
            Some(path) => sources.file(path),
            None => sources.file_if_present(FILE),
        };
        sources
            .overrides(more.iter().cloned())
            .overrides(self.set.iter().cloned())
    }

    /// The settings of `devmesh up`. `more` are overrides that `--set` wins over.
    ///
    /// # Errors
    /// Everything that is wrong with them, at once.
    pub fn mesh(&self, more: &[String]) -> Result<crate::mesh::config::Config, Failure> {
        // Not `DATABASE_URL` too: in a developer's shell that is often the database of another program.
        runtime::config::load(self.sources(more)).map_err(refused)
    }

    /// The settings of a component as masked TOML.
    ///
    /// # Errors
    /// As [`Self::mesh`].
    pub fn masked(&self, component: Component) -> Result<String, Failure> {
        let sources = self.sources(&[]);
        let masked = match component {
            Component::Devmesh => return runtime::config::masked(&self.mesh(&[])?).map_err(refused),
            Component::RestApi => runtime::config::load::<rest_api::Config>(rest_api_aliases(sources))
                .and_then(|config| runtime::config::masked(&config)),
            Component::McpServer => {
                runtime::config::load::<mcp_server::Config>(sources.env_alias("CACHE_URL", "cache.url"))
                    .and_then(|config| runtime::config::masked(&config))
            }
            Component::Worker => {
                runtime::config::load::<worker::Config>(sources.env_alias("QUEUE_URL", "queue.url"))
                    .and_then(|config| runtime::config::masked(&config))
            }
        };
        masked.map_err(refused)
    }

    /// The file that is read, if there is one.
    #[must_use]
    pub fn file(&self) -> Option<PathBuf> {
        let usual = || Path::new(FILE).exists().then(|| FILE.into());
        self.config.clone().or_else(usual)
    }
}

fn rest_api_aliases(sources: Sources) -> Sources {
    sources
        .env_alias("DATABASE_URL", "database.url")
        .env_alias("QUEUE_URL", "queue.url")
}

fn refused(error: ConfigError) -> Failure {
    Failure::Usage(error.to_string())
}
