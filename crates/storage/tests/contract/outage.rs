//! Postgres goes away and comes back: calls answer unavailable meanwhile, and everything recovers by itself.

use std::time::Duration;

use domain::StoreError;
use storage::{StorageOptions, connect};
use test_support::{Postgres, eventually};
use tokio::sync::watch;

use crate::backend::{Backend, quiet};
use crate::samples::key;

/// Long enough for a restart on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn calls_and_watchers_recover_when_postgres_restarts() {
    let server = Postgres::start().await.unwrap();
    let url = server.database("mesh").await.unwrap();
    let options = StorageOptions {
        acquire_timeout: Duration::from_secs(2),
        ..StorageOptions::default()
    };
    let backend = Backend::open_with(url, None, &options).await;
    let tenant = backend.tenant("acme").await;
    let mut moved = backend.changes.moved();

    server.stop().await.unwrap();
    let down = backend.keys.get(tenant, key(tenant, "x").id).await;
    assert!(matches!(down, Err(StoreError::Unavailable(_))), "{down:?}");
    // The poll that stands in for the listener still wakes the watcher, which then looks and is told to wait.
    for _ in 0..2 {
        moved.mark_unchanged();
        wait_for(&mut moved).await;
    }

    server.start_again().await.unwrap();
    let ping = || async { backend.database.ping().await };
    eventually(DEADLINE, ping).await.unwrap();
    heard_on_the_listener(&backend, &mut moved).await;
    backend.keys.create(tenant, &key(tenant, "after")).await.unwrap();
    wait_for(&mut moved).await;
}

async fn wait_for(moved: &mut watch::Receiver<u64>) {
    tokio::time::timeout(DEADLINE, moved.changed())
        .await
        .expect("woken")
        .unwrap();
}

/// The poll wakes every second; silence of several means that the listener is back.
async fn heard_on_the_listener(backend: &Backend, moved: &mut watch::Receiver<u64>) {
    let silence = Duration::from_secs(3);
    let end = tokio::time::Instant::now() + DEADLINE;
    while tokio::time::timeout(silence, moved.changed()).await.is_ok() {
        assert!(tokio::time::Instant::now() < end, "still polling");
    }
    backend.database.ping().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_yet_is_worth_another_try() {
    let port = test_support::free_port().unwrap();
    let options = StorageOptions {
        acquire_timeout: Duration::from_secs(1),
        ..StorageOptions::default()
    };
    let url = format!("postgres://nobody:secret@127.0.0.1:{port}/mesh");
    let failed = connect(&url, &options, &quiet()).await.map(|_| ()).unwrap_err();
    assert!(failed.is_transient(), "{failed}");
    assert!(!failed.to_string().contains("secret"), "{failed}");
}
