//! The schema: looked at, brought up to date by several at once, and that of other versions.

use std::path::Path;
use std::time::Duration;

use sqlx::migrate::Migrate;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, SqliteConnection};
use storage::migrate::{State, Step, status, up};
use storage::{ConnectError, connect};
use tempfile::TempDir;
use test_support::older_schema;

use crate::backend::{Backend, options, quiet};
use crate::logins::plain_login;

const PATIENCE: Duration = Duration::from_secs(60);

/// Where a database can be, and nothing is yet.
async fn places() -> (TempDir, [String; 2]) {
    let folder = tempfile::tempdir().unwrap();
    let file = format!("sqlite:{}", folder.path().join("mesh.db").display());
    (folder, [file, test_support::fresh_database().await.unwrap()])
}

/// Applies what is pending, and answers what was told.
async fn brought_up(url: &str) -> Vec<Step> {
    let mut told = Vec::new();
    up(url, url, PATIENCE, &mut |step: &Step| told.push(step.clone()))
        .await
        .unwrap();
    told
}

async fn states(url: &str) -> Vec<State> {
    let schema = status(url).await.unwrap();
    schema.migrations.iter().map(|step| step.state).collect()
}

/// Runs a statement as the owner.
async fn sql(url: &str, statement: &str) {
    let statement = AssertSqlSafe(statement.to_owned());
    if url.starts_with("sqlite:") {
        let mut connection = SqliteConnection::connect(url).await.unwrap();
        connection.execute(statement).await.unwrap();
        connection.close().await.unwrap();
    } else {
        let mut connection = PgConnection::connect(url).await.unwrap();
        connection.execute(statement).await.unwrap();
        connection.close().await.unwrap();
    }
}

async fn opened(url: &str) -> Result<(), ConnectError> {
    let storage = connect(url, &options(), &quiet()).await?;
    storage.database.close().await;
    Ok(())
}

/// As a later version notes what it has applied.
async fn note(url: &str, version: i64, name: &str) {
    let (checksum, now) = if url.starts_with("sqlite:") {
        ("x'00'", "CURRENT_TIMESTAMP")
    } else {
        ("'\\x00'", "now()")
    };
    let insert = format!(
        "INSERT INTO _sqlx_migrations (version, description, installed_on, success, checksum, execution_time)
         VALUES ({version}, '{name}', {now}, TRUE, {checksum}, 1)"
    );
    sql(url, &insert).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_migration_is_pending_then_told_once_and_then_applied() {
    let (folder, urls) = places().await;
    for url in &urls {
        let before = status(url).await.unwrap();
        assert_eq!(before.schema, 0);
        assert_eq!(before.pending(), before.migrations.len());
        assert!(before.migrations.len() >= 14, "{before:?}");
        assert_eq!(
            std::fs::read_dir(folder.path()).unwrap().count(),
            0,
            "looking makes nothing"
        );
        let told = brought_up(url).await;
        let versions: Vec<_> = told.iter().map(|step| step.version).collect();
        let known: Vec<_> = before.migrations.iter().map(|step| step.version).collect();
        assert_eq!(versions, known);
        let after = status(url).await.unwrap();
        assert_eq!((after.pending(), after.schema), (0, after.known));
        assert!(after.lock.is_none(), "{after:?}");
        let applied =
            |step: &Step| step.state == State::Applied && step.applied_at.is_some() && step.took_ms.is_some();
        assert!(after.migrations.iter().all(applied), "{after:?}");
        assert_eq!(brought_up(url).await, []);
        opened(url).await.unwrap();
        std::fs::remove_file(folder.path().join("mesh.db")).unwrap_or_default();
        for suffix in ["-wal", "-shm"] {
            std::fs::remove_file(folder.path().join(format!("mesh.db{suffix}"))).unwrap_or_default();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_that_migrate_at_once_apply_each_migration_once() {
    let (_folder, urls) = places().await;
    for url in urls {
        let ups = (0..4).map(|_| {
            let url = url.clone();
            tokio::spawn(async move { brought_up(&url).await })
        });
        let mut told: Vec<_> = futures::future::join_all(ups)
            .await
            .into_iter()
            .flat_map(|told| told.unwrap())
            .map(|step| step.version)
            .collect();
        told.sort_unstable();
        let known: Vec<_> = status(&url).await.unwrap().migrations;
        assert_eq!(
            told,
            known.iter().map(|step| step.version).collect::<Vec<_>>(),
            "{url}"
        );
        opened(&url).await.unwrap();
    }
}

/// Both as an older program left them, with a tenant in each.
async fn old_places() -> (TempDir, [String; 2]) {
    const ORGANIZATION: &str = "INSERT INTO organizations (id, name, created_at)";
    const TENANT: &str = "INSERT INTO tenants (id, organization_id, name, isolation, created_at)";
    let (folder, urls) = places().await;
    let migrations = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let id = "11111111-1111-7111-8111-111111111111";
    let (hex, now) = (id.replace('-', ""), "2026-01-01T00:00:00Z");
    let on_sqlite = format!(
        "{ORGANIZATION} VALUES (x'{hex}', 'old', '{now}');
         {TENANT} VALUES (x'{hex}', x'{hex}', 'old', 'strict', '{now}');"
    );
    let on_postgres = format!(
        "SET ROLE devmesh_relay; {ORGANIZATION} VALUES ('{id}', 'old', '{now}');
         SET ROLE devmesh_app; SET devmesh.tenant = '{id}'; {TENANT} VALUES ('{id}', '{id}', 'old', 'strict', '{now}');"
    );
    older_schema(&urls[0], &migrations.join("sqlite"), 11, &on_sqlite)
        .await
        .unwrap();
    older_schema(&urls[1], &migrations.join("postgres"), 12, &on_postgres)
        .await
        .unwrap();
    (folder, urls)
}

#[tokio::test(flavor = "multi_thread")]
async fn of_three_that_come_at_once_to_an_old_database_one_migrates_and_the_others_wait() {
    let (_folder, urls) = old_places().await;
    for url in urls {
        let before = status(&url).await.unwrap();
        assert!(before.schema > 0 && before.pending() >= 3, "{before:?}");
        let ups = (0..3).map(|_| {
            let url = url.clone();
            tokio::spawn(async move { brought_up(&url).await })
        });
        let told = futures::future::join_all(ups).await;
        let told: Vec<_> = told.into_iter().map(|told| told.unwrap().len()).collect();
        assert_eq!(told.iter().sum::<usize>(), before.pending(), "{url}: {told:?}");
        assert_eq!(
            told.iter().filter(|told| **told > 0).count(),
            1,
            "{url}: {told:?}"
        );
        assert_eq!(status(&url).await.unwrap().pending(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_that_start_at_once_on_an_old_database_all_serve_what_is_in_it() {
    let (_folder, urls) = old_places().await;
    for url in urls {
        let starts = (0..3).map(|_| {
            let url = url.clone();
            tokio::spawn(async move { connect(&url, &options(), &quiet()).await })
        });
        for started in futures::future::join_all(starts).await {
            let storage = started.unwrap().unwrap();
            let tenants = storage.tenants.all_ids().await.unwrap();
            let tenant = storage.tenants.get(tenants[0]).await.unwrap();
            assert_eq!((tenants.len(), tenant.name.as_str()), (1, "old"));
            storage.database.close().await;
        }
        assert_eq!(status(&url).await.unwrap().pending(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_holds_the_lock_is_named_and_not_waited_for_longer_than_was_asked() {
    let url = test_support::fresh_database().await.unwrap();
    let mut other = PgConnection::connect(&url).await.unwrap();
    other
        .execute("SET application_name = 'the other one'")
        .await
        .unwrap();
    other.lock().await.unwrap();
    let holder = status(&url).await.unwrap().lock.unwrap();
    assert_eq!(holder.application.as_deref(), Some("the other one"));
    assert_eq!(holder.client.as_deref(), Some("127.0.0.1"));
    let refused = up(&url, &url, Duration::from_millis(200), &mut |_| {})
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("the other one"), "{refused}");
    assert_eq!(status(&url).await.unwrap().schema, 0);
    other.unlock().await.unwrap();
    assert!(!brought_up(&url).await.is_empty());

    let backend = Backend::sqlite().await;
    let mut writer = SqliteConnection::connect(&backend.url).await.unwrap();
    writer.execute("BEGIN IMMEDIATE").await.unwrap();
    let refused = up(&backend.url, "", Duration::from_millis(200), &mut |_| {})
        .await
        .unwrap_err();
    assert!(matches!(refused, ConnectError::Locked { .. }), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schema_of_a_later_version_is_served_unless_it_needs_a_later_program() {
    let (_folder, urls) = places().await;
    for url in urls {
        let known = brought_up(&url).await.last().unwrap().version;
        note(&url, known + 1, "one more column").await;
        assert_eq!(states(&url).await.last(), Some(&State::Later));
        assert_eq!(brought_up(&url).await, []);
        opened(&url).await.unwrap();
        note(&url, known + 2, &format!("needs {:04} a column less", known + 1)).await;
        let Err(refused) = opened(&url).await else {
            panic!("{url} was opened")
        };
        assert!(
            matches!(refused, ConnectError::Later { .. }) && !refused.is_transient(),
            "{refused}"
        );
        assert!(status(&url).await.unwrap().refusal().is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_another_program_is_refused_and_left_as_it_is() {
    let (_folder, urls) = places().await;
    for url in urls {
        brought_up(&url).await;
        let set = |what: &str, of: i64| format!("UPDATE _sqlx_migrations SET {what} WHERE version = {of}");
        sql(&url, &set("version = -1", 3)).await;
        assert_eq!(states(&url).await[0], State::Foreign);
        let Err(refused) = opened(&url).await else {
            panic!("{url} was opened")
        };
        assert!(
            matches!(refused, ConnectError::Foreign { version: -1, .. }),
            "{refused}"
        );
        sql(&url, &set("version = 3", -1)).await;
        sql(&url, &set("checksum = checksum || checksum", 3)).await;
        assert_eq!(states(&url).await[2], State::Changed);
        let Err(refused) = opened(&url).await else {
            panic!("{url} was opened")
        };
        assert!(refused.to_string().contains("has been modified"), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_only_serves_starts_once_the_owner_has_migrated_and_waits_for_that() {
    let owner = test_support::fresh_database().await.unwrap();
    let plain = plain_login(&owner).await;
    up(&owner, &plain, PATIENCE, &mut |_| {}).await.unwrap();
    // With its own migrations switched on, as rest-api has them.
    opened(&plain).await.unwrap();
    assert_eq!(status(&plain).await.unwrap().pending(), 0);

    let newest = status(&owner).await.unwrap().known;
    sql(
        &owner,
        &format!("DELETE FROM _sqlx_migrations WHERE version = {newest}"),
    )
    .await;
    let Err(waits) = opened(&plain).await else {
        panic!("a migration is pending")
    };
    assert!(
        matches!(waits, ConnectError::MayNotMigrate { pending: 1, .. }),
        "{waits}"
    );
    assert!(
        waits.is_transient() && waits.to_string().contains("devmesh migrate up"),
        "{waits}"
    );
}
