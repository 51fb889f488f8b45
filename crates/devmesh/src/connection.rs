//! Which mesh a command talks to, and with which key.

use std::fs;
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args};
use url::Url;
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::mesh::running::Running;

/// Which mesh, and who asks. Without any of it: the mesh that runs in the data directory, with its bootstrap key.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Connection")]
pub struct Connection {
    /// Data directory of the mesh on this machine: its addresses and its first key are found there.
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "DEVMESH_DATA",
        default_value = ".devmesh"
    )]
    pub data: PathBuf,
    /// rest-api's address [default: that of the running mesh, or http://127.0.0.1:8081]. The variable SSL_CERT_FILE names
    /// a certificate authority of your own.
    #[arg(long, global = true, value_name = "URL", env = "DEVMESH_URL")]
    pub url: Option<Url>,
    /// mcp-server's MCP endpoint [default: that of the running mesh, or http://127.0.0.1:8080/mcp].
    #[arg(long, global = true, value_name = "URL", env = "DEVMESH_MCP_URL")]
    pub mcp_url: Option<Url>,
    /// The API key. Prefer the variable or --key-file: other users of this machine can see a command line.
    #[arg(
        id = "api_key",
        long = "key",
        global = true,
        value_name = "KEY",
        env = "DEVMESH_API_KEY",
        hide_env_values = true
    )]
    key: Option<Secret>,
    /// File with the API key [default: bootstrap.key in the data directory].
    #[arg(long, global = true, value_name = "FILE", env = "DEVMESH_API_KEY_FILE")]
    pub key_file: Option<PathBuf>,
}

/// A key on the command line: not printed.
#[derive(Clone)]
struct Secret(Zeroizing<String>);

impl std::str::FromStr for Secret {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(Zeroizing::new(text.to_owned())))
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

impl Connection {
    /// Lets a flag win over the variable of the other one: `--key-file` over `DEVMESH_API_KEY`, `--key` over
    /// `DEVMESH_API_KEY_FILE`.
    ///
    /// # Errors
    /// When both come from the same place, which leaves open whose key is meant.
    pub fn prefer_flags(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        if self.key.is_none() || self.key_file.is_none() {
            return Ok(());
        }
        let is_flag = |id| matches.value_source(id) == Some(ValueSource::CommandLine);
        match (is_flag("api_key"), is_flag("key_file")) {
            (true, false) => self.key_file = None,
            (false, true) => self.key = None,
            (flags, _) => {
                let (key, file) = if flags {
                    ("--key", "--key-file")
                } else {
                    ("DEVMESH_API_KEY", "DEVMESH_API_KEY_FILE")
                };
                let message = format!("{key} and {file} are both set: give one of the two\n");
                return Err(clap::Error::raw(ErrorKind::ArgumentConflict, message));
            }
        }
        Ok(())
    }

    /// rest-api's address.
    ///
    /// # Errors
    /// When the default is no URL, which it is.
    pub fn api_url(&self) -> Result<Url, Failure> {
        self.choose(
            self.url.as_ref(),
            |running| &running.api_url,
            "http://127.0.0.1:8081",
        )
    }

    /// The MCP endpoint.
    ///
    /// # Errors
    /// As [`Self::api_url`].
    pub fn mcp_endpoint(&self) -> Result<Url, Failure> {
        self.choose(
            self.mcp_url.as_ref(),
            |running| &running.mcp_url,
            "http://127.0.0.1:8080/mcp",
        )
    }

    /// Where the worker answers health checks.
    ///
    /// # Errors
    /// As [`Self::api_url`].
    pub fn worker_url(&self) -> Result<Url, Failure> {
        self.choose(None, |running| &running.worker_url, "http://127.0.0.1:8082")
    }

    fn choose(
        &self,
        given: Option<&Url>,
        of: impl Fn(&Running) -> &Url,
        default: &str,
    ) -> Result<Url, Failure> {
        if let Some(url) = given {
            return Ok(url.clone());
        }
        match Running::read(&self.data) {
            Some(running) => Ok(of(&running).clone()),
            None => Url::parse(default).map_err(|error| Failure::of(default, error)),
        }
    }

    /// The API key.
    ///
    /// # Errors
    /// When there is none, its file cannot be read, or no header can carry it.
    pub fn api_key(&self) -> Result<Zeroizing<String>, Failure> {
        let key = self.named_key()?;
        if key.is_empty() || !key.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Failure::Usage(
                "the API key is empty, or has characters that no key has; it looks like dm_…".to_owned(),
            ));
        }
        Ok(key)
    }

    fn named_key(&self) -> Result<Zeroizing<String>, Failure> {
        if let Some(Secret(key)) = &self.key {
            return Ok(Zeroizing::new(key.trim().to_owned()));
        }
        let (path, named) = match &self.key_file {
            Some(path) => (path.clone(), true),
            None => (self.bootstrap_key(), false),
        };
        match fs::read_to_string(&path).map(Zeroizing::new) {
            Ok(text) => Ok(Zeroizing::new(text.trim().to_owned())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !named => {
                Err(Failure::Usage(format!(
                    "no API key: there is no {}. Give --key-file or DEVMESH_API_KEY, or name the mesh's data directory with --data. \
                 If it is lost, `devmesh keys recover` makes an admin key from the database",
                    path.display()
                )))
            }
            Err(error) => Err(Failure::Usage(format!("{}: {error}", path.display()))),
        }
    }

    /// Where `devmesh up` puts the first key.
    #[must_use]
    pub fn bootstrap_key(&self) -> PathBuf {
        self.data.join("bootstrap.key")
    }

    /// The data directory as an absolute path, for what is printed to be copied.
    #[must_use]
    pub fn absolute(path: &Path) -> PathBuf {
        std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
    }
}
