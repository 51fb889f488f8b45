//! Runs the migrations as the owner, under the lock that sqlx takes (a Postgres advisory lock).

use sqlx::migrate::Migrator;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};

use crate::connect::ConnectError;

pub static MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

/// Brings the schema up to date as `owner`, and lets `login` put on the two roles when it is someone else.
pub async fn run(owner: &PgConnectOptions, login: &PgConnectOptions) -> Result<(), ConnectError> {
    let mut connection = owner.connect().await.map_err(ConnectError::Unreachable)?;
    // `Migrator::run` takes `impl Acquire`, whose bounds make the future unfit for `spawn`.
    MIGRATIONS
        .run_direct(None, &mut connection, false)
        .await
        .map_err(ConnectError::Migrate)?;
    if owner.get_username() != login.get_username() {
        grant_roles(&mut connection, login.get_username())
            .await
            .map_err(ConnectError::NotSetUp)?;
    }
    connection.close().await.map_err(ConnectError::Unreachable)
}

/// An owner without the right to grant leaves it to the administrator; whether that was done shows right after.
async fn grant_roles(connection: &mut PgConnection, login: &str) -> Result<(), sqlx::Error> {
    let statement: String = sqlx::query_scalar("SELECT format('GRANT devmesh_app, devmesh_relay TO %I', $1)")
        .bind(login)
        .fetch_one(&mut *connection)
        .await?;
    match sqlx::raw_sql(AssertSqlSafe(statement)).execute(connection).await {
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("42501") => {
            tracing::info!(login, "the owner may not grant the roles, taking them as granted");
            Ok(())
        }
        other => other.map(|_| ()),
    }
}
