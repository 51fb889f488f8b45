//! Runs the migrations as the owner, under the lock that sqlx takes (a Postgres advisory lock).

use std::time::Duration;

use domain::{Clock, SystemClock};
use sqlx::migrate::{Migrate, MigrateError, Migrator};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};

use crate::backup::Backend;
use crate::connect::{ConnectError, newest};
use crate::migrate::{self, APPLIED, Applied, Holder, Schema, Step};

pub static MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

// PostgreSQL, "Error Codes".
const INSUFFICIENT_PRIVILEGE: &str = "42501";
const UNDEFINED_TABLE: &str = "42P01";
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// What a login may do for the owner's migrations to be of use to it. Who put it there may also see what they are.
const GRANTS: &str = "SELECT format('GRANT devmesh_app, devmesh_relay TO %I', $1)";
const SHOW: &str = "GRANT SELECT ON _sqlx_migrations TO devmesh_relay";

/// Brings the schema up to date as `owner`, and lets `login` put on the two roles when it is someone else. Without
/// `patience` it waits for the lock as long as somebody has it.
pub async fn run(
    owner: &PgConnectOptions,
    login: &PgConnectOptions,
    patience: Option<Duration>,
    tell: &mut (dyn FnMut(&Step) + Send),
) -> Result<(), ConnectError> {
    let mut connection = owner.connect().await.map_err(ConnectError::Unreachable)?;
    let steps = steps(&mut connection).await?;
    migrate::refuse(&steps, newest(&MIGRATIONS))?;
    if migrate::pending(&steps).next().is_some() {
        lock(&mut connection, patience).await?;
        // The lock goes with the connection when this fails.
        apply(&mut connection, tell).await?;
        connection.unlock().await.map_err(ConnectError::Migrate)?;
    }
    if owner.get_username() != login.get_username() {
        grant_roles(&mut connection, login.get_username())
            .await
            .map_err(ConnectError::NotSetUp)?;
    }
    connection.close().await.map_err(ConnectError::Unreachable)
}

/// What is applied and pending, and who migrates.
pub async fn schema(login: &PgConnectOptions) -> Result<Schema, ConnectError> {
    let mut connection = login.connect().await.map_err(ConnectError::Unreachable)?;
    let migrations = steps(&mut connection).await?;
    let lock = holder(&mut connection).await.map_err(ConnectError::Unreachable)?;
    // What could be read has been read.
    let _ = connection.close().await;
    Ok(Schema {
        backend: Backend::Postgres,
        schema: migrate::newest_applied(&migrations),
        known: newest(&MIGRATIONS),
        lock,
        migrations,
    })
}

async fn steps(connection: &mut PgConnection) -> Result<Vec<Step>, ConnectError> {
    let applied = match read(connection).await {
        Err(error) if is(&error, INSUFFICIENT_PRIVILEGE) => read_as_relay(connection).await,
        other => other,
    };
    let applied = applied.map_err(ConnectError::NotSetUp)?;
    Ok(migrate::steps(&MIGRATIONS, &applied))
}

async fn read(connection: &mut PgConnection) -> Result<Vec<Applied>, sqlx::Error> {
    match sqlx::query_as(APPLIED).fetch_all(connection).await {
        Err(error) if is(&error, UNDEFINED_TABLE) => Ok(Vec::new()),
        other => other,
    }
}

/// A login that only serves sees the table by the role that it puts on.
async fn read_as_relay(connection: &mut PgConnection) -> Result<Vec<Applied>, sqlx::Error> {
    sqlx::raw_sql("SET ROLE devmesh_relay")
        .execute(&mut *connection)
        .await?;
    let applied = read(connection).await?;
    sqlx::raw_sql("RESET ROLE").execute(connection).await?;
    Ok(applied)
}

async fn lock(connection: &mut PgConnection, patience: Option<Duration>) -> Result<(), ConnectError> {
    let milliseconds = patience.map_or(0, |patience| patience.as_millis().max(1));
    let set = AssertSqlSafe(format!("SET lock_timeout = {milliseconds}"));
    let set = sqlx::raw_sql(set).execute(&mut *connection).await;
    set.map_err(ConnectError::Unreachable)?;
    match connection.lock().await {
        Err(MigrateError::Execute(error)) if is(&error, LOCK_NOT_AVAILABLE) => {
            let holder = holder(connection).await.unwrap_or_default();
            return Err(ConnectError::Locked { holder });
        }
        other => other.map_err(ConnectError::Migrate)?,
    }
    let reset = sqlx::raw_sql("RESET lock_timeout").execute(connection).await;
    reset.map(drop).map_err(ConnectError::Unreachable)
}

/// Applies what is pending now that nobody else does; each in a transaction of its own.
async fn apply(
    connection: &mut PgConnection,
    tell: &mut (dyn FnMut(&Step) + Send),
) -> Result<(), ConnectError> {
    let steps = steps(connection).await?;
    let pending = migrate::pending(&steps).count();
    let refused = |error: MigrateError| match error {
        MigrateError::Execute(source) | MigrateError::ExecuteMigration(source, _)
            if is(&source, INSUFFICIENT_PRIVILEGE) =>
        {
            ConnectError::MayNotMigrate { pending, source }
        }
        other => ConnectError::Migrate(other),
    };
    let made = connection.ensure_migrations_table(&MIGRATIONS.table_name).await;
    made.map_err(refused)?;
    for step in migrate::pending(&steps) {
        let Some(migration) = MIGRATIONS.iter().find(|known| known.version == step.version) else {
            continue;
        };
        let took = connection.apply(&MIGRATIONS.table_name, migration).await;
        tell(&migrate::done(step, took.map_err(refused)?, SystemClock.now()));
    }
    Ok(())
}

/// An owner without the right to grant leaves it to the administrator; whether that was done shows right after.
async fn grant_roles(connection: &mut PgConnection, login: &str) -> Result<(), sqlx::Error> {
    let roles: String = sqlx::query_scalar(GRANTS)
        .bind(login)
        .fetch_one(&mut *connection)
        .await?;
    for statement in [SHOW, &roles] {
        let statement = AssertSqlSafe(statement.to_owned());
        match sqlx::raw_sql(statement).execute(&mut *connection).await {
            Err(error) if is(&error, INSUFFICIENT_PRIVILEGE) => {
                tracing::info!(login, "the owner may not grant the roles, taking them as granted");
            }
            other => {
                other?;
            }
        }
    }
    Ok(())
}

/// Whoever has sqlx's lock.
async fn holder(connection: &mut PgConnection) -> Result<Option<Holder>, sqlx::Error> {
    let database: String = sqlx::query_scalar("SELECT current_database()")
        .fetch_one(&mut *connection)
        .await?;
    let found: Option<(i32, Option<String>, Option<String>)> = sqlx::query_as(
        "SELECT a.pid, NULLIF(a.application_name, ''), host(a.client_addr)
           FROM pg_locks AS l JOIN pg_stat_activity AS a ON a.pid = l.pid
          WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
            AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
            AND (l.classid::bigint << 32) + l.objid::bigint = $1",
    )
    .bind(lock_id(&database))
    .fetch_optional(connection)
    .await?;
    Ok(found.map(|(process, application, client)| Holder {
        process: process.into(),
        application,
        client,
    }))
}

/// The number of sqlx's lock (sqlx-postgres, `generate_lock_id`).
fn lock_id(database: &str) -> i64 {
    let mut crc = flate2::Crc::new();
    crc.update(database.as_bytes());
    0x3d32_ad9e * i64::from(crc.sum())
}

fn is(error: &sqlx::Error, code: &str) -> bool {
    error
        .as_database_error()
        .and_then(|error| error.code())
        .is_some_and(|found| found == code)
}
