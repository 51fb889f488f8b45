//! What SQLite promises besides the contract.

use std::os::unix::fs::PermissionsExt;

use domain::Effect;
use storage::{ConnectError, connect};

use crate::backend::{Backend, options, quiet};
use crate::samples::{at, job, key};

#[tokio::test]
async fn the_file_and_its_logs_are_the_owners_only() {
    let backend = Backend::sqlite().await;
    backend.tenant("acme").await;
    let path = backend.url.strip_prefix("sqlite:").unwrap();
    for suffix in ["", "-wal", "-shm"] {
        let file = std::fs::metadata(format!("{path}{suffix}")).unwrap();
        assert_eq!(file.permissions().mode() & 0o777, 0o600, "{suffix}");
    }
}

#[tokio::test]
async fn a_folder_that_is_missing_is_named() {
    let failed = connect("sqlite:/nowhere/mesh.db", &options(), &quiet()).await;
    let Err(ConnectError::File { path, .. }) = failed else {
        panic!("no such folder")
    };
    assert_eq!(path, "/nowhere/mesh.db");
    let failed = connect("mysql://localhost/mesh", &options(), &quiet()).await;
    assert!(matches!(failed, Err(ConnectError::UnknownScheme)));
}

#[tokio::test]
async fn a_file_that_is_no_database_is_not_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("mesh.db");
    std::fs::write(
        &file,
        "this is somebody's text, and long enough for the header of a database. ".repeat(20),
    )
    .unwrap();
    let Err(error) = connect(&format!("sqlite:{}", file.display()), &options(), &quiet()).await else {
        panic!("a text was taken for a database")
    };
    assert!(!error.is_transient(), "{error}");
    assert!(
        error.to_string().contains("mesh.db") && error.to_string().contains("not a database"),
        "{error}"
    );
}

#[tokio::test]
async fn a_database_in_memory_is_its_own() {
    let one = Backend::open("sqlite::memory:".into(), None).await;
    let two = Backend::open("sqlite::memory:".into(), None).await;
    let tenant = one.tenant("acme").await;
    one.keys.create(tenant, &key(tenant, "ci")).await.unwrap();
    assert_eq!(two.tenants.all_ids().await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_open_a_new_file_at_once_migrate_it_once() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("mesh.db").display());
    let starts = (0..4).map(|_| {
        let url = url.clone();
        tokio::spawn(async move { connect(&url, &options(), &quiet()).await.map(|_| ()) })
    });
    for started in futures::future::join_all(starts).await {
        started.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_stored_is_there_after_a_restart() {
    let backend = Backend::sqlite().await;
    let tenant = backend.tenant("acme").await;
    let job = job(tenant, Effect::Write);
    backend.jobs.enqueue(tenant, &job).await.unwrap();
    backend.database.close().await;
    let again = backend.replica().await;
    assert_eq!(again.jobs.get(tenant, job.id).await.unwrap(), job);
    assert_eq!(
        again
            .jobs
            .outbox_due(at(1), chrono::Duration::seconds(1), 9)
            .await
            .unwrap()
            .len(),
        1
    );
}
