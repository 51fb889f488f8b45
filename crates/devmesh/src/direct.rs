//! The mesh by its database, without an API key: for those who hold the database and its keys anyway.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use control::Control;
use telemetry::{Telemetry, TelemetryConfig};
use zeroize::Zeroizing;

use crate::arguments::Global;
use crate::failure::Failure;
use crate::mesh;
use crate::mesh::data_dir::DataDir;
use crate::settings::SettingsArgs;

/// Which database, and which key-encryption keys.
#[derive(Clone, Debug, Args)]
pub struct Direct {
    #[command(flatten)]
    settings: SettingsArgs,
    /// Whose settings name the database and the keys.
    #[arg(long = "for", value_enum, default_value_t = Owner::Devmesh)]
    owner: Owner,
}

/// Whose settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Owner {
    /// `devmesh up`, in the data directory (--data).
    Devmesh,
    /// rest-api as a process of its own.
    RestApi,
}

impl Direct {
    /// Where the settings come from.
    #[must_use]
    pub fn sources(&self) -> &SettingsArgs {
        &self.settings
    }

    /// Whether they are those of rest-api as a process of its own.
    #[must_use]
    pub fn is_rest_api(&self) -> bool {
        self.owner == Owner::RestApi
    }

    /// The settings of the rest-api that owns the database.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn settings(&self, global: &Global) -> Result<rest_api::Config, Failure> {
        match self.owner {
            Owner::RestApi => self.settings.rest_api(),
            Owner::Devmesh => {
                let data = DataDir::at(&global.connection.data);
                Ok(mesh::settings_in(&data, self.settings.mesh(&[])?)?.rest_api)
            }
        }
    }

    /// The verbs on that database. A mesh may run on it meanwhile.
    ///
    /// # Errors
    /// When the database is not there or cannot be opened.
    pub async fn open(&self, global: &Global) -> Result<Control, Failure> {
        let config = self.settings(global)?;
        let info = runtime::process::service_info("devmesh", &config.environment);
        // Nobody reads the log of a command, and its metrics end with it.
        let telemetry = Telemetry::start_with_output(info, &TelemetryConfig::default(), std::io::sink())
            .map_err(|error| Failure::of("telemetry", error))?;
        let opened = rest_api::direct::open(&config, &telemetry).await;
        opened.map_err(|error| Failure::Failed(error.to_string()))
    }
}

/// Which database, and with whose login.
#[derive(Debug, Args)]
pub struct Place {
    /// Whose settings name it.
    #[command(flatten)]
    pub direct: Direct,
    /// PostgreSQL: a file with the URL of the login to use in place of the settings' own.
    #[arg(long, value_name = "FILE")]
    login_file: Option<PathBuf>,
}

impl Place {
    /// The URL of the database, with the login to use.
    ///
    /// # Errors
    /// Everything that is wrong with the settings; or the login's file cannot be read, or holds no URL of a database.
    pub fn url(&self, global: &Global) -> Result<Zeroizing<String>, Failure> {
        let Some(file) = &self.login_file else {
            let config = self.direct.settings(global)?;
            return Ok(Zeroizing::new(config.database.url.expose().to_owned()));
        };
        let named =
            |why: &dyn std::fmt::Display| Failure::Usage(format!("--login-file {}: {why}", file.display()));
        let read = std::fs::read_to_string(file).map(Zeroizing::new);
        let text = read.map_err(|error| named(&error))?;
        let url = text.trim();
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(named(&"it has to hold one line, `postgres://…`"));
        }
        Ok(Zeroizing::new(url.to_owned()))
    }
}
