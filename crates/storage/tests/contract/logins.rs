//! Who may log in to Postgres, and what has to be granted.

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use storage::{ConnectError, StorageOptions, connect};

use crate::backend::{Backend, options, quiet};

/// A login without any right in the database of `owner_url`.
pub async fn plain_login(owner_url: &str) -> String {
    let admin_url = test_support::postgres_url().await.unwrap();
    let mut admin = PgConnection::connect(&admin_url).await.unwrap();
    let database = owner_url.rsplit_once('/').unwrap().1;
    let create = AssertSqlSafe(format!(r#"CREATE ROLE "{database}_plain" LOGIN NOINHERIT"#));
    sqlx::raw_sql(create).execute(&mut admin).await.unwrap();
    owner_url.replace(&format!("{database}_owner@"), &format!("{database}_plain@"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_migrates_and_a_plain_login_serves() {
    let owner_url = test_support::fresh_database().await.unwrap();
    let plain = plain_login(&owner_url).await;
    let options = StorageOptions {
        owner_url: Some(owner_url.clone()),
        relay_url: Some(plain.clone()),
        ..options()
    };
    let storage = connect(&plain, &options, &quiet()).await.unwrap();
    assert_eq!(storage.tenants.all_ids().await.unwrap(), []);
    // At least one connection for tenants and one for the relay.
    assert!(storage.database.pool().0 >= 2);
    let mut login = PgConnection::connect(&plain).await.unwrap();
    let refused = sqlx::query("SELECT * FROM tenants")
        .execute(&mut login)
        .await
        .unwrap_err();
    assert!(
        refused.to_string().contains("permission denied"),
        "without a role: {refused}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_may_not_put_on_the_roles_is_told_so() {
    let backend = Backend::postgres().await;
    let plain = plain_login(&backend.url).await;
    let options = StorageOptions {
        migrate: false,
        ..options()
    };
    let failed = connect(&plain, &options, &quiet()).await.map(|_| ()).unwrap_err();
    assert!(matches!(failed, ConnectError::NotSetUp(_)) && !failed.is_transient());
    assert!(failed.to_string().contains("devmesh_relay"), "{failed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_without_the_schema_is_told_so() {
    let url = test_support::fresh_database().await.unwrap();
    let options = StorageOptions {
        migrate: false,
        ..options()
    };
    let failed = connect(&url, &options, &quiet()).await.map(|_| ()).unwrap_err();
    assert!(matches!(failed, ConnectError::NotSetUp(_)), "{failed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_start_at_once_migrate_once() {
    let url = test_support::fresh_database().await.unwrap();
    let starts = (0..4).map(|_| {
        let url = url.clone();
        tokio::spawn(async move { connect(&url, &options(), &quiet()).await.map(|_| ()) })
    });
    for started in futures::future::join_all(starts).await {
        started.unwrap().unwrap();
    }
}
