//! A private Postgres.

use std::{fs, path::PathBuf, time::Duration};

use anyhow::{Context, Result};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::{
    authority::CertificateFiles,
    server_process::{Home, ServerProcess, find_program},
    wait::{eventually, free_port},
};

/// A Postgres of its own, on a free port of the loopback interface, ended when dropped.
pub struct Postgres {
    home: Home,
    process: ServerProcess,
    server: PathBuf,
    port: u16,
    settings: Vec<String>,
}

/// Durable against a killed process, not against a power cut: that is what the tests do.
const FOR_TESTS: &[&str] = &["fsync=off", "full_page_writes=off", "shared_buffers=64MB"];
/// As [`FOR_TESTS`], and the server counts its statements for whoever creates the extension.
const COUNTING: &[&str] = &[
    "fsync=off",
    "full_page_writes=off",
    "shared_buffers=64MB",
    "shared_preload_libraries=pg_stat_statements",
];
/// PostgreSQL's own defaults, which flush at every commit.
const AS_INSTALLED: &[&str] = &[];

impl Postgres {
    /// Creates an empty cluster and starts it (about a second).
    ///
    /// # Errors
    /// When Postgres is not installed, or does not come up; with the end of its log.
    pub async fn start() -> Result<Self> {
        Self::start_with(FOR_TESTS).await
    }

    /// As [`Self::start`], but with PostgreSQL's own defaults: what is committed has been flushed. For measurements.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn start_as_installed() -> Result<Self> {
        Self::start_with(AS_INSTALLED).await
    }

    /// As [`Self::start`], with `pg_stat_statements` loaded; a database creates the extension itself.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn start_counting_statements() -> Result<Self> {
        Self::start_with(COUNTING).await
    }

    /// As [`Self::start`], with this certificate: it takes no plain text.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn start_with_tls(certificate: &CertificateFiles) -> Result<Self> {
        let home = Home::new("postgres")?;
        home.take_certificate(certificate)?;
        let file = |name| home.path().join(name).display().to_string();
        let tls = [
            "ssl=on".to_owned(),
            format!("ssl_cert_file={}", file("server.crt")),
            format!("ssl_key_file={}", file("server.key")),
            format!("hba_file={}", file("pg_hba.conf")),
        ];
        home.write("pg_hba.conf", "hostssl all all 127.0.0.1/32 trust\n")?;
        let settings = FOR_TESTS.iter().map(ToString::to_string).chain(tls);
        Self::start_in(home, settings.collect()).await
    }

    async fn start_with(settings: &[&str]) -> Result<Self> {
        let settings = settings.iter().map(ToString::to_string);
        Self::start_in(Home::new("postgres")?, settings.collect()).await
    }

    async fn start_in(home: Home, settings: Vec<String>) -> Result<Self> {
        let mut initdb = home.command(find_program("initdb", &bin_folders(), "postgresql")?);
        initdb.args([
            "--auth=trust",
            "--no-sync",
            "--username=postgres",
            "--encoding=UTF8",
            "--pgdata=data",
        ]);
        home.run(initdb)?;
        let process = ServerProcess::new(&home, "postgres");
        let server = find_program("postgres", &bin_folders(), "postgresql")?;
        let postgres = Self {
            home,
            process,
            server,
            port: free_port()?,
            settings,
        };
        postgres.start_again().await?;
        Ok(postgres)
    }

    /// Starts it again on the same port and data after [`Self::stop`] or [`Self::kill`].
    ///
    /// # Errors
    /// When it runs already or does not come up.
    pub async fn start_again(&self) -> Result<()> {
        // The children of a killed server take a moment to notice; until then they hold its shared memory.
        let start = || async {
            match self.start_once().await {
                Err(error) if format!("{error:#}").contains("pre-existing shared memory block") => Err(error),
                outcome => Ok(outcome),
            }
        };
        eventually(Duration::from_secs(10), start).await?
    }

    async fn start_once(&self) -> Result<()> {
        let mut command = self.home.command(&self.server);
        command.args(["-D", "data", "-p", &self.port.to_string()]);
        let ours = [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "max_connections=500",
        ];
        for setting in ours.into_iter().chain(self.settings.iter().map(String::as_str)) {
            command.args(["-c", setting]);
        }
        self.process.spawn(&self.home, command)?;
        let url = self.admin_url();
        let ready = || async {
            PgConnection::connect(&url).await?.close().await?;
            Ok(())
        };
        self.process.wait_ready(Duration::from_secs(30), ready).await
    }

    /// Stops it in order: connections end, data stays.
    ///
    /// # Errors
    /// When it is not running or had to be killed.
    pub async fn stop(&self) -> Result<()> {
        // SIGINT is Postgres's "fast" shutdown; SIGTERM would wait for every client to leave.
        self.process.signal(nix::sys::signal::Signal::SIGINT)?;
        self.process.stop().await
    }

    /// Kills it, as a crash would: data that was committed stays.
    ///
    /// # Errors
    /// When it is not running.
    pub fn kill(&self) -> Result<()> {
        self.process.kill()
    }

    /// The port it listens on, also while it is stopped.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The superuser's URL.
    pub fn admin_url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Creates an empty database and returns its owner's URL; see [`create_database`].
    ///
    /// # Errors
    /// When it is not running or the name is taken.
    pub async fn database(&self, name: &str) -> Result<String> {
        create_database(&self.admin_url(), name).await
    }
}

/// Creates the database `name` with an owner `<name>_owner` that may create roles but is no superuser and does
/// not bypass row-level security; returns the owner's URL.
pub(crate) async fn create_database(admin_url: &str, name: &str) -> Result<String> {
    let owner = format!("{name}_owner");
    let mut admin = PgConnection::connect(admin_url)
        .await
        .context("cannot reach the test Postgres")?;
    let role = format!(r#"CREATE ROLE "{owner}" LOGIN CREATEROLE NOSUPERUSER NOBYPASSRLS"#);
    let database = format!(r#"CREATE DATABASE "{name}" OWNER "{owner}""#);
    for statement in [role, database] {
        sqlx::raw_sql(AssertSqlSafe(statement))
            .execute(&mut admin)
            .await?;
    }
    admin.close().await?;
    let mut url = url::Url::parse(admin_url)?;
    url.set_path(name);
    url.set_username(&owner)
        .ok()
        .context("the admin URL has no host")?;
    url.set_password(None).ok().context("the admin URL has no host")?;
    Ok(url.into())
}

/// Debian keeps the programs out of PATH, one folder a version: the newest first.
fn bin_folders() -> Vec<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let mut folders: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| {
            Some((
                entry.file_name().to_str()?.parse().ok()?,
                entry.path().join("bin"),
            ))
        })
        .collect();
    folders.sort();
    folders.into_iter().rev().map(|(_, folder)| folder).collect()
}
