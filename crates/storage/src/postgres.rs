//! The Postgres back end: row-level security as the second lock, `NOTIFY` for wake-up calls.

mod bulk;
mod dialect;
mod listener;
mod migrations;
mod pools;

/// The SQL that both back ends share.
#[path = "aggregates/all.rs"]
mod aggregates;

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use domain::ports::Storage;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{ConnectOptions, Postgres};

use crate::connect::{ConnectError, StorageOptions};
use crate::meter::{DbMetrics, Meter};
use crate::migrate::{Schema, Step};
use crate::signals::Signals;

type Db = Postgres;

/// The schema that this program brings a database to.
pub fn newest_migration() -> i64 {
    crate::connect::newest(&migrations::MIGRATIONS)
}

/// What is applied and pending.
pub async fn schema(url: &str) -> Result<Schema, ConnectError> {
    migrations::schema(&login(url)?).await
}

/// Applies what is pending as the owner, for `service`.
pub async fn migrate(
    owner: &str,
    service: &str,
    patience: Duration,
    tell: &mut (dyn FnMut(&Step) + Send),
) -> Result<(), ConnectError> {
    migrations::run(&login(owner)?, &login(service)?, Some(patience), tell).await
}

/// Opens a storage on Postgres.
pub async fn open(url: &str, options: &StorageOptions, metrics: DbMetrics) -> Result<Storage, ConnectError> {
    let login = login(url)?;
    if options.migrate {
        let owner = options.owner_url.as_deref().map(self::login).transpose()?;
        migrations::run(owner.as_ref().unwrap_or(&login), &login, None, &mut |_| {}).await?;
    }
    let relay = options.relay_url.as_deref().map(self::login).transpose()?;
    let signals = Arc::new(Signals::default());
    let meter = Arc::new(Meter::new(
        metrics,
        dialect::SYSTEM,
        options.slow_query,
        options.deadline(),
    ));
    let pools = pools::Pools::open(login.clone(), relay, options).await?;
    pools.listen(listener::run(login, Arc::clone(&signals), Arc::clone(&meter)));
    Ok(aggregates::storage(pools, meter, signals))
}

/// Statements are not logged by the driver: our own line names the call, and never shows a value.
fn login(url: &str) -> Result<PgConnectOptions, ConnectError> {
    let options = PgConnectOptions::from_str(url).map_err(ConnectError::Malformed)?;
    if let Some(path) = authorities(url) {
        let wrong = |said: String| ConnectError::Malformed(sqlx::Error::Configuration(said.into()));
        std::fs::read(&path).map_err(|error| wrong(format!("sslrootcert: {path}: {error}")))?;
        // The driver looks at no certificate in the other modes, and some of them may end in plain text.
        if !matches!(
            options.get_ssl_mode(),
            PgSslMode::VerifyFull | PgSslMode::VerifyCa
        ) {
            return Err(wrong(
                "expected sslmode=verify-full, since sslrootcert names authorities".into(),
            ));
        }
    }
    Ok(options.application_name("devmesh").disable_statement_logging())
}

/// The file of authorities that the URL names.
fn authorities(url: &str) -> Option<String> {
    let url = url::Url::parse(url).ok()?;
    let mut named = url.query_pairs();
    named
        .find(|(key, _)| key == "sslrootcert")
        .map(|(_, path)| path.into_owned())
}
