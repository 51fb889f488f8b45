//! The settings of the mesh and of each service, as the command line reads them.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use runtime::config::{ConfigError, Sources};
use runtime::process::environment;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

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
        let sources = environment(Sources::new());
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

    /// The settings of rest-api as a process of its own.
    ///
    /// # Errors
    /// As [`Self::mesh`].
    pub fn rest_api(&self) -> Result<rest_api::Config, Failure> {
        read(rest_api_aliases(self.sources(&[])))
    }

    /// The settings of a component, secrets masked: as TOML for people, or as JSON.
    ///
    /// # Errors
    /// As [`Self::mesh`].
    pub fn masked(&self, component: Component, json: bool) -> Result<String, Failure> {
        let sources = self.sources(&[]);
        match component {
            Component::Devmesh => write(&self.mesh(&[])?, json),
            Component::RestApi => write(&self.rest_api()?, json),
            Component::McpServer => write(
                &read::<mcp_server::Config>(sources.env_alias("CACHE_URL", "cache.url"))?,
                json,
            ),
            Component::Worker => write(
                &read::<worker::Config>(sources.env_alias("QUEUE_URL", "queue.url"))?,
                json,
            ),
        }
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
        .env_alias("CACHE_URL", "cache.url")
}

fn read<T: DeserializeOwned + JsonSchema>(sources: Sources) -> Result<T, Failure> {
    runtime::config::load(sources).map_err(refused)
}

fn write(config: &impl Serialize, json: bool) -> Result<String, Failure> {
    if json {
        let value = runtime::config::masked_json(config).map_err(refused)?;
        return Ok(format!("{value:#}"));
    }
    runtime::config::masked(config).map_err(refused)
}

fn refused(error: ConfigError) -> Failure {
    Failure::Usage(error.to_string())
}
