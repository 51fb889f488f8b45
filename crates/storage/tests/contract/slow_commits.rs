//! Slow transactions: a number that is not committed yet holds up those behind it, never the other way round.

use std::time::Duration;

use domain::EntityKind;
use sqlx::{Connection, PgConnection};
use test_support::eventually;

use crate::backend::Backend;
use crate::samples::key;

/// How many transactions wait for the counter's lock.
const WAITING: &str = "
    SELECT COUNT(*)
      FROM pg_stat_activity
     WHERE datname = current_database() AND wait_event_type = 'Lock'
       AND query LIKE '%UPDATE change_counter%'";

#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_never_sees_a_later_change_before_a_slow_one() {
    let backend = Backend::postgres().await;
    let tenant = backend.tenant("acme").await;
    let head = backend.changes.head().await.unwrap();

    // The slow transaction has its number, and takes its time to commit.
    let mut slow = PgConnection::connect(&backend.url).await.unwrap();
    let mut slow = slow.begin().await.unwrap();
    sqlx::query("SELECT set_config('role', 'devmesh_app', true), set_config('devmesh.tenant', $1, true)")
        .bind(tenant.to_string())
        .execute(&mut *slow)
        .await
        .unwrap();
    sqlx::query("UPDATE change_counter SET number = number + 1")
        .execute(&mut *slow)
        .await
        .unwrap();
    let number = head + 1;
    let slow_id = uuid(7);
    sqlx::query("INSERT INTO changes (number, tenant_id, kind, entity_id) VALUES ($1, $2, 'tool', $3)")
        .bind(number)
        .bind(tenant.0)
        .bind(slow_id)
        .execute(&mut *slow)
        .await
        .unwrap();

    // Two quick ones come after it.
    let quick: Vec<_> = ["a", "b"]
        .into_iter()
        .map(|name| {
            let keys = backend.keys.clone();
            tokio::spawn(async move { keys.create(tenant, &key(tenant, name)).await })
        })
        .collect();
    let waiting = || async {
        let mut monitor = PgConnection::connect(&backend.url).await.unwrap();
        let waiting: i64 = sqlx::query_scalar(WAITING).fetch_one(&mut monitor).await.unwrap();
        waiting == 2
    };
    eventually(Duration::from_secs(20), waiting).await.unwrap();
    assert_eq!(
        backend.changes.since(head, 99).await.unwrap(),
        Some(vec![]),
        "nothing to see yet"
    );
    assert_eq!(backend.changes.head().await.unwrap(), head);

    slow.commit().await.unwrap();
    for quick in quick {
        quick.await.unwrap().unwrap();
    }
    let seen = backend.changes.since(head, 99).await.unwrap().unwrap();
    let seen: Vec<_> = seen.iter().map(|change| (change.number, change.kind)).collect();
    let expected = [
        (number, EntityKind::Tool),
        (number + 1, EntityKind::Key),
        (number + 2, EntityKind::Key),
    ];
    assert_eq!(seen, expected);
}

fn uuid(byte: u8) -> sqlx::types::Uuid {
    sqlx::types::Uuid::from_bytes([byte; 16])
}
