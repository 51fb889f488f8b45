//! What PostgreSQL says of slow statements, on a server that counts them and on one that does not.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test says no")]

use sqlx::{Connection, Executor, PgConnection};
use storage::inspect::{SlowStatements, slow_statements};
use test_support::Postgres;

#[tokio::test]
async fn slow_statements_are_shown_without_their_values_where_the_server_counts_them() {
    let server = Postgres::start_counting_statements().await.unwrap();
    let url = server.database("mesh").await.unwrap();
    let before = slow_statements(&url, 100.0, 20).await.unwrap();
    assert_eq!(before, SlowStatements::NoExtension);

    let superuser = format!("postgres://postgres@127.0.0.1:{}/mesh", server.port());
    let mut superuser = PgConnection::connect(&superuser).await.unwrap();
    superuser
        .execute("CREATE EXTENSION pg_stat_statements")
        .await
        .unwrap();
    let mut connection = PgConnection::connect(&url).await.unwrap();
    connection
        .execute("SELECT pg_sleep(0.15), 'SECRET-VALUE'")
        .await
        .unwrap();
    connection.execute("SELECT 1").await.unwrap();
    let SlowStatements::Found(slow) = slow_statements(&url, 100.0, 20).await.unwrap() else {
        panic!("the extension is there");
    };
    assert_eq!(slow.len(), 1, "{slow:?}");
    assert_eq!((&*slow[0].query, slow[0].calls), ("SELECT pg_sleep($1), $2", 1));
    assert!(
        slow[0].mean_ms > 100.0 && slow[0].total_ms >= slow[0].max_ms,
        "{slow:?}"
    );
}

#[tokio::test]
async fn a_server_that_does_not_count_and_another_database_are_told_apart() {
    let url = test_support::fresh_database().await.unwrap();
    let found = slow_statements(&url, 100.0, 20).await.unwrap();
    assert_eq!(found, SlowStatements::NoExtension);
    let found = slow_statements("sqlite:mesh.db", 100.0, 20).await.unwrap();
    assert_eq!(found, SlowStatements::NotPostgres);
    let away = format!("postgres://127.0.0.1:{}/mesh", test_support::free_port().unwrap());
    slow_statements(&away, 100.0, 20).await.unwrap_err();
}
