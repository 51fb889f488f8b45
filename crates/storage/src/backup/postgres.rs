//! PostgreSQL: its own tools (`pg_dump`, `pg_restore`), told the password by the environment, where only this user sees it.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use tokio::process::Command;
use url::Url;

use super::{BackupError, Copied, Manifest};

const TABLES: &str = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename";

const INSUFFICIENT_PRIVILEGE: &str = "42501";

/// Takes away what is there, but for extensions: a table of a later version would stand in the next migration's way.
const CLEAR: &str = "
DO $$
DECLARE
    gone text;
BEGIN
    FOR gone IN
        SELECT format('TABLE %I', tablename) FROM pg_tables AS t
         WHERE schemaname = current_schema()
           AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = format('%I', t.tablename)::regclass AND deptype = 'e')
        UNION ALL
        SELECT format('ROUTINE %s', oid::regprocedure) FROM pg_proc AS p
         WHERE pronamespace = current_schema()::regnamespace
           AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = p.oid AND deptype = 'e')
    LOOP
        EXECUTE 'DROP ' || gone || ' CASCADE';
    END LOOP;
END
$$;
";

/// The dump's own statements name the schema, and empty the search path first.
const RESET: &str = "RESET search_path;\n";

/// Roles belong to the server, not to the dump: a fresh server does not have them.
const ROLES: &str = include_str!("../../migrations/postgres/0001_roles.sql");

async fn open(url: &str) -> Result<PgConnection, BackupError> {
    let options = PgConnectOptions::from_str(url)?.application_name("devmesh backup");
    Ok(options.disable_statement_logging().connect().await?)
}

/// A tool, with where the database is; the password is not among its arguments.
fn tool(name: &'static str, url: &str) -> Result<Command, BackupError> {
    let mut url = Url::parse(url).map_err(|_| BackupError::Url)?;
    let password = url.password().map(str::to_owned);
    let mut command = Command::new(name);
    if let Some(password) = password {
        let plain = percent_encoding::percent_decode_str(&password)
            .decode_utf8_lossy()
            .into_owned();
        command.env("PGPASSWORD", plain);
        url.set_password(None).map_err(|()| BackupError::Url)?;
    }
    // What it remarks on its way would hide why it fails.
    command.env("PGOPTIONS", "--client-min-messages=warning");
    // A question could not be answered.
    command.arg("--no-password").arg(format!("--dbname={url}"));
    Ok(command)
}

async fn run(name: &'static str, command: &mut Command) -> Result<(), BackupError> {
    let failed = |reason: String| BackupError::Tool { tool: name, reason };
    let output = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|error| match error.kind() {
            ErrorKind::NotFound => failed("not found: install PostgreSQL's client programs".to_owned()),
            _ => failed(error.to_string()),
        })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    let hint = if said.contains("row-level security") || said.contains("row security") {
        " (the login must see every row: ALTER ROLE … BYPASSRLS)"
    } else if said.contains("permission denied") {
        " (the login must be allowed to read everything: GRANT pg_read_all_data TO …, and BYPASSRLS)"
    } else {
        ""
    };
    Err(failed(format!("{said}{hint}")))
}

/// Dumps the database, and counts its rows in the same snapshot.
pub async fn dump(url: &str, entry: &Path) -> Result<Copied, BackupError> {
    let mut connection = open(url).await?;
    let mut snapshot = connection
        .begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        .await?;
    let id: String = sqlx::query_scalar("SELECT pg_export_snapshot()")
        .fetch_one(&mut *snapshot)
        .await?;
    run(
        "pg_dump",
        tool("pg_dump", url)?
            .args(["--format=custom", "--no-owner"])
            .arg(format!("--snapshot={id}"))
            .arg(format!("--file={}", entry.display())),
    )
    .await?;
    let copied = describe(&mut snapshot).await?;
    snapshot.rollback().await?;
    Ok(copied)
}

async fn describe(connection: &mut PgConnection) -> Result<Copied, BackupError> {
    let schema = sqlx::query_scalar("SELECT COALESCE(MAX(version), 0) FROM _sqlx_migrations WHERE success")
        .fetch_one(&mut *connection)
        .await?;
    let rows = count(connection).await?;
    let sealed: Vec<(String, i64)> =
        sqlx::query_as("SELECT kek_id, COUNT(*) FROM credentials GROUP BY kek_id")
            .fetch_all(&mut *connection)
            .await?;
    Ok(Copied {
        schema,
        rows,
        sealed_by: sealed
            .into_iter()
            .map(|(key, count)| (key, count.unsigned_abs()))
            .collect(),
    })
}

async fn count(connection: &mut PgConnection) -> Result<BTreeMap<String, u64>, BackupError> {
    let tables: Vec<String> = sqlx::query_scalar(TABLES).fetch_all(&mut *connection).await?;
    let mut rows = BTreeMap::new();
    for table in tables {
        let statement = format!("SELECT COUNT(*) FROM \"{}\"", table.replace('"', "\"\""));
        let count: i64 = sqlx::query_scalar(AssertSqlSafe(statement))
            .fetch_one(&mut *connection)
            .await?;
        rows.insert(table, count.unsigned_abs());
    }
    Ok(rows)
}

/// Has `pg_restore` read all of the dump.
pub async fn check(dump: &Path) -> Result<(), BackupError> {
    let mut command = Command::new("pg_restore");
    run("pg_restore", command.arg("--file=/dev/null").arg(dump)).await
}

/// Restores in one transaction: all of it or nothing.
pub async fn restore(
    url: &str,
    dump: &Path,
    manifest: &Manifest,
    replace: bool,
    now: DateTime<Utc>,
) -> Result<(), BackupError> {
    if !replace && !is_empty(url).await? {
        return Err(BackupError::NotEmpty);
    }
    let before = written(dump, "before.sql", &format!("{CLEAR}{}", roles()))?;
    let data = script(dump, "data.sql", &["pre-data", "data"]).await?;
    let checks = format!(
        "{RESET}{}{};\n{};\nINSERT INTO backups (made_at, bytes, sha256) VALUES ('{}', {}, '{}');",
        expected(manifest),
        super::doubt(&format!("'{}'", now.to_rfc3339())),
        super::UNANNOUNCE,
        manifest.made_at.to_rfc3339(),
        manifest.bytes,
        manifest.sha256,
    );
    let checks = written(dump, "checks.sql", &checks)?;
    // With it come the policies, which bind the owner too.
    let after = script(dump, "after.sql", &["post-data"]).await?;
    let mut psql = tool("psql", url)?;
    psql.args([
        "--no-psqlrc",
        "--quiet",
        "--single-transaction",
        "--set=ON_ERROR_STOP=1",
    ]);
    for file in [before, data, checks, after] {
        psql.arg("--file").arg(file);
    }
    run("psql", &mut psql).await
}

async fn is_empty(url: &str) -> Result<bool, BackupError> {
    let mut connection = open(url).await?;
    let tables: Vec<String> = sqlx::query_scalar(TABLES).fetch_all(&mut connection).await?;
    connection.close().await?;
    Ok(tables.is_empty())
}

fn written(dump: &Path, name: &str, text: &str) -> Result<PathBuf, BackupError> {
    let path = dump.with_extension(name);
    std::fs::write(&path, text).map_err(BackupError::file(&path))?;
    Ok(path)
}

/// These sections of the dump as statements.
async fn script(dump: &Path, name: &str, sections: &[&str]) -> Result<PathBuf, BackupError> {
    let path = dump.with_extension(name);
    let mut command = Command::new("pg_restore");
    command
        .arg("--no-owner")
        .arg(format!("--file={}", path.display()));
    command.args(sections.iter().map(|section| format!("--section={section}")));
    run("pg_restore", command.arg(dump)).await?;
    Ok(path)
}

/// Statements that fail when a table has not the rows that the manifest lists.
fn expected(manifest: &Manifest) -> String {
    let check = |(table, rows): (&String, &u64)| {
        let table = table.replace('"', "\"\"");
        format!(
            "DO $$ BEGIN IF (SELECT COUNT(*) FROM \"{table}\") <> {rows} THEN RAISE EXCEPTION 'a table has not its {rows} \
             rows'; END IF; END $$;\n"
        )
    };
    manifest.rows.iter().map(check).collect()
}

/// The statement of the first migration that makes the roles and lets this login put them on.
fn roles() -> &'static str {
    const END: &str = "$$;\n";
    let end = ROLES.find(END).map_or(ROLES.len(), |at| at + END.len());
    ROLES.get(..end).unwrap_or(ROLES)
}

/// Notes in the database that it was backed up.
pub async fn note(url: &str, manifest: &Manifest) -> Result<(), BackupError> {
    let mut connection = open(url).await?;
    let noted = sqlx::query(super::NOTE)
        .bind(manifest.made_at)
        .bind(i64::try_from(manifest.bytes).unwrap_or(i64::MAX))
        .bind(&manifest.sha256)
        .execute(&mut connection)
        .await;
    connection.close().await?;
    match noted {
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(INSUFFICIENT_PRIVILEGE) => {
            Err(BackupError::Tool {
                tool: "INSERT INTO backups",
                reason: "this login may not (GRANT INSERT ON backups TO …)".to_owned(),
            })
        }
        other => Ok(other.map(drop)?),
    }
}
