//! A database as an older program left it.

use std::path::Path;

use anyhow::Result;
use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};

/// Brings the empty database at `url` to the schema `newest` with the migrations in `folder`, then runs `script`, which
/// leaves something there.
///
/// # Errors
/// When the database refuses any of it.
pub async fn older_schema(url: &str, folder: &Path, newest: i64, script: &str) -> Result<()> {
    let migrations = Migrator::new(folder).await?;
    let script = AssertSqlSafe(script.to_owned());
    if url.starts_with("sqlite:") {
        let mut connection = SqliteConnection::connect(&format!("{url}?mode=rwc")).await?;
        migrations.run_to(newest, &mut connection).await?;
        sqlx::raw_sql(script).execute(&mut connection).await?;
        connection.close().await?;
    } else {
        let mut connection = PgConnection::connect(url).await?;
        migrations.run_to(newest, &mut connection).await?;
        sqlx::raw_sql(script).execute(&mut connection).await?;
        connection.close().await?;
    }
    Ok(())
}
