//! Back-ups of PostgreSQL, by its own tools.

use chrono::{SubsecRound, Utc};
use domain::{Effect, JobState};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use storage::backup::{self, BackupError};
use tempfile::TempDir;

use crate::backend::{Backend, options, quiet};
use crate::samples;

async fn sql(url: &str, statement: String) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let done = sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(&mut connection)
        .await;
    done.unwrap();
}

/// The owner of this database may read past row-level security, as a login for back-ups may.
async fn may_read_everything(url: &str) {
    let admin = test_support::postgres_url().await.unwrap();
    let database = url.rsplit_once('/').unwrap().1;
    sql(&admin, format!(r#"ALTER ROLE "{database}_owner" BYPASSRLS"#)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_back_up_restores_into_a_fresh_database_with_every_row_and_both_locks() {
    let from = Backend::postgres().await;
    let tenant = from.tenant("acme").await;
    from.tenant("globex").await;
    may_read_everything(&from.url).await;
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("mesh.tar");
    let now = Utc::now().trunc_subsecs(0);
    let manifest = backup::create(&from.url, &file, now).await.unwrap();
    assert_eq!(manifest.rows["tenants"], 2);
    assert_eq!(from.database.last_backup().await.unwrap(), Some(now));

    let to = test_support::fresh_database().await.unwrap();
    let (restored, _) = backup::restore(&file, &to, false, Utc::now()).await.unwrap();
    assert_eq!(restored, manifest);
    let restored = Backend::open(to.clone(), None).await;
    assert_eq!(restored.tenants.all_ids().await.unwrap().len(), 2);
    assert!(restored.tenants.get(tenant).await.is_ok());
    let known = restored.database.last_backup().await.unwrap();
    assert_eq!(
        known,
        Some(now),
        "the newest good back-up is the one that it came from"
    );
    let mut login = PgConnection::connect(&to).await.unwrap();
    sqlx::raw_sql("SET ROLE devmesh_app")
        .execute(&mut login)
        .await
        .unwrap();
    let unscoped: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM tenants")
        .fetch_one(&mut login)
        .await
        .unwrap();
    assert_eq!(unscoped, 0, "row-level security came with it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_replaces_a_database_only_when_asked_to_and_brings_it_back_whole_or_not_at_all() {
    let backend = Backend::postgres().await;
    backend.tenant("acme").await;
    may_read_everything(&backend.url).await;
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("mesh.tar");
    backup::create(&backend.url, &file, Utc::now()).await.unwrap();
    backend.tenant("late").await;
    let refused = backup::restore(&file, &backend.url, false, Utc::now())
        .await
        .unwrap_err();
    assert!(matches!(refused, BackupError::NotEmpty), "{refused}");

    // A table of a later version would stand in the way of its migration.
    sql(&backend.url, "CREATE TABLE of_a_later_version ()".to_owned()).await;
    backup::restore(&file, &backend.url, true, Utc::now())
        .await
        .unwrap();
    let storage = storage::connect(&backend.url, &options(), &quiet())
        .await
        .unwrap();
    assert_eq!(storage.tenants.all_ids().await.unwrap().len(), 1);
    let mut login = PgConnection::connect(&backend.url).await.unwrap();
    let later: Option<String> = sqlx::query_scalar("SELECT to_regclass('of_a_later_version')::text")
        .fetch_one(&mut login)
        .await
        .unwrap();
    assert_eq!(later, None);
}

async fn writes_that_wait_are_in_doubt_after_a_restore(from: &Backend, to: String) {
    let tenant = from.tenant("acme").await;
    let (write, read) = (
        samples::job(tenant, Effect::Write),
        samples::job(tenant, Effect::Read),
    );
    for job in [&write, &read] {
        from.jobs.enqueue(tenant, job).await.unwrap();
    }
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("mesh.tar");
    backup::create(&from.url, &file, Utc::now()).await.unwrap();
    backup::restore(&file, &to, false, Utc::now()).await.unwrap();
    let restored = Backend::open(to, None).await;
    let write = restored.jobs.get(tenant, write.id).await.unwrap();
    assert_eq!(write.state, JobState::InDoubt);
    assert_eq!(write.error.unwrap().kind, "restored");
    assert_eq!(
        restored.jobs.get(tenant, read.id).await.unwrap().state,
        JobState::Pending
    );
    let waiting = restored.jobs.stats(Utc::now()).await.unwrap();
    assert_eq!(waiting.iter().map(|queue| queue.outbox_pending).sum::<u64>(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_may_have_been_done_since_is_not_repeated_by_a_restore_on_postgres() {
    let from = Backend::postgres().await;
    may_read_everything(&from.url).await;
    let to = test_support::fresh_database().await.unwrap();
    writes_that_wait_are_in_doubt_after_a_restore(&from, to).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_may_have_been_done_since_is_not_repeated_by_a_restore_on_sqlite() {
    let folder = TempDir::new().unwrap();
    let to = format!("sqlite:{}", folder.path().join("restored.db").display());
    writes_that_wait_are_in_doubt_after_a_restore(&Backend::sqlite().await, to).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_row_level_security_binds_is_told_what_it_lacks_and_makes_no_file() {
    let backend = Backend::postgres().await;
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("mesh.tar");
    let refused = backup::create(&backend.url, &file, Utc::now()).await.unwrap_err();
    assert!(refused.to_string().contains("BYPASSRLS"), "{refused}");
    assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_back_up_of_one_back_end_does_not_go_to_the_other() {
    let backend = Backend::sqlite().await;
    backend.tenant("acme").await;
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("mesh.tar");
    backup::create(&backend.url, &file, Utc::now()).await.unwrap();
    let to = test_support::fresh_database().await.unwrap();
    let refused = backup::restore(&file, &to, false, Utc::now()).await.unwrap_err();
    assert!(matches!(refused, BackupError::OtherBackend { .. }), "{refused}");
}
