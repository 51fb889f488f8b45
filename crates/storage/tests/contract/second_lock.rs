//! The second lock between tenants, on Postgres: row-level security, whatever a query forgets.

use domain::ports::storage::{Expired, TaskChange};
use domain::{Effect, TenantId};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use storage::{StorageOptions, connect};

use crate::backend::{Backend, options, quiet};
use crate::samples::{
    agent, alert, assignment, at, credential, decision, grant, import, job, key, limit, manifest, message,
    provider, record, task, user,
};

/// Every table with a column `tenant_id`.
const TABLES: [&str; 23] = [
    "api_keys",
    "providers",
    "credentials",
    "tools",
    "changes",
    "jobs",
    "outbox",
    "audit_records",
    "answers",
    "rate_limits",
    "alerts",
    "agent_manifests",
    "agents",
    "tasks",
    "task_events",
    "routing_decisions",
    "users",
    "assignments",
    "events",
    "event_heads",
    "messages",
    "deliveries",
    "tenant_grants",
];

/// Two tenants with a row in every table.
async fn two_tenants() -> (Backend, [TenantId; 2]) {
    let backend = Backend::postgres().await;
    let tenants = [backend.tenant("acme").await, backend.tenant("umbrella").await];
    for tenant in tenants {
        let import = import(&provider(tenant, "pets"), &["t"]);
        backend
            .providers
            .import(tenant, &import, Some(&credential(1)))
            .await
            .unwrap();
        backend
            .jobs
            .enqueue(tenant, &job(tenant, Effect::Read))
            .await
            .unwrap();
        backend
            .limits
            .set(tenant, &limit(tenant, "tenant"))
            .await
            .unwrap();
        backend
            .alerts
            .receive(tenant, &[alert(tenant, "f")])
            .await
            .unwrap();
        let agent = agent(tenant, "one");
        backend.agents.add(tenant, &agent).await.unwrap();
        backend
            .agents
            .put_manifest(tenant, &manifest(tenant, "m"))
            .await
            .unwrap();
        let mut task = task(tenant, "build");
        let events = vec![task.created(), task.assign(&agent, at(0))];
        let change = TaskChange {
            decision: Some(decision(&task, &agent)),
            task,
            events,
            assigns: true,
        };
        backend.tasks.create(tenant, &change).await.unwrap();
        let (user, key) = user(tenant, &format!("ann-{tenant}"));
        backend.users.create(tenant, &user, &key).await.unwrap();
        let (assignment, job) = assignment(tenant, "x");
        backend
            .assignments
            .create(tenant, &assignment, &job)
            .await
            .unwrap();
        let (message, waiting) = message(tenant, &[&agent]);
        backend
            .messages
            .send(tenant, &message, &waiting, 9)
            .await
            .unwrap();
        backend.tenants.grant(tenant, &grant(tenant)).await.unwrap();
        backend.events.number(99).await.unwrap();
        backend.audit.append(&[record(tenant, "t")]).await.unwrap();
        backend
            .idempotency
            .begin(tenant, "k", "print", at(0), Expired::before(at(0)))
            .await
            .unwrap();
    }
    (backend, tenants)
}

/// A connection of the database's owner that runs these statements first.
async fn owner(backend: &Backend, statements: &str) -> PgConnection {
    let mut connection = PgConnection::connect(&backend.url).await.unwrap();
    run(&mut connection, statements).await.unwrap();
    connection
}

async fn run(connection: &mut PgConnection, statements: &str) -> Result<u64, sqlx::Error> {
    let done = sqlx::raw_sql(AssertSqlSafe(statements.to_owned()))
        .execute(connection)
        .await?;
    Ok(done.rows_affected())
}

async fn count(connection: &mut PgConnection, from: &str) -> i64 {
    let query = AssertSqlSafe(format!("SELECT COUNT(*) FROM {from}"));
    sqlx::query_scalar(query).fetch_one(connection).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_tenant_there_are_no_rows() {
    let (backend, _) = two_tenants().await;
    for tenant in ["", "SET devmesh.tenant = ''"] {
        let mut app = owner(&backend, &format!("SET ROLE devmesh_app; {tenant}")).await;
        for table in TABLES.into_iter().chain(["tenants"]) {
            assert_eq!(count(&mut app, table).await, 0, "{table}, {tenant:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_forgets_the_tenant_reaches_no_other_tenants_row() {
    let (backend, [acme, other]) = two_tenants().await;
    let mut app = owner(
        &backend,
        &format!("SET ROLE devmesh_app; SET devmesh.tenant = '{acme}'"),
    )
    .await;
    for table in TABLES {
        assert!(count(&mut app, table).await > 0, "{table}");
        assert_eq!(
            count(&mut app, &format!("{table} WHERE tenant_id <> '{acme}'")).await,
            0,
            "{table}"
        );
    }
    assert_eq!(count(&mut app, "tenants").await, 1);
    let steal = format!("UPDATE api_keys SET name = 'mine' WHERE tenant_id = '{other}'");
    assert_eq!(run(&mut app, &steal).await.unwrap(), 0);
    let plant = format!("UPDATE api_keys SET tenant_id = '{other}'");
    let refused = run(&mut app, &plant).await.unwrap_err();
    assert!(refused.to_string().contains("row-level security"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_crosses_tenants_sees_all_of_them_but_no_credential() {
    let (backend, _) = two_tenants().await;
    let mut relay = owner(&backend, "SET ROLE devmesh_relay").await;
    for (table, rows) in [("tenants", 2), ("outbox", 4), ("jobs", 4), ("tools", 2)] {
        assert_eq!(count(&mut relay, table).await, rows, "{table}");
    }
    for forbidden in [
        "SELECT * FROM credentials",
        "DELETE FROM tenants",
        "UPDATE api_keys SET name = 'x'",
    ] {
        let refused = run(&mut relay, forbidden).await.unwrap_err();
        assert!(refused.to_string().contains("permission denied"), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_table_with_a_tenant_is_locked_also_for_its_owner() {
    let backend = Backend::postgres().await;
    let mut owner = owner(&backend, "").await;
    let locked: Vec<(String, bool)> = sqlx::query_as(
        "SELECT c.relname::text, c.relrowsecurity AND c.relforcerowsecurity
           FROM pg_class c
           JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
          WHERE c.relkind = 'r'",
    )
    .fetch_all(&mut owner)
    .await
    .unwrap();
    assert_eq!(locked.len(), TABLES.len());
    for (table, locked) in locked {
        assert!(TABLES.contains(&table.as_str()) && locked, "{table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn owner_and_superuser_work_through_the_roles_like_anyone() {
    let backend = Backend::postgres().await;
    let admin = test_support::postgres_url().await.unwrap();
    let database = backend.url.rsplit_once('/').unwrap().1;
    let superuser = format!("{}/{database}", admin.rsplit_once('/').unwrap().0);
    let witness = "
        CREATE TABLE witness (who text);
        GRANT INSERT ON witness TO devmesh_app, devmesh_relay;
        CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN INSERT INTO witness VALUES (current_user); RETURN NULL; END';
        CREATE TRIGGER see AFTER INSERT ON api_keys EXECUTE FUNCTION see();
        CREATE TRIGGER see AFTER INSERT ON audit_records EXECUTE FUNCTION see();";
    let tenant = backend.tenant("acme").await;
    let mut monitor = owner(&backend, witness).await;
    for url in [&backend.url, &superuser] {
        let options = StorageOptions {
            migrate: false,
            ..options()
        };
        let storage = connect(url, &options, &quiet()).await.unwrap();
        let name = url.len().to_string();
        storage.keys.create(tenant, &key(tenant, &name)).await.unwrap();
        storage.audit.append(&[record(tenant, "t")]).await.unwrap();
    }
    let who: Vec<String> = sqlx::query_scalar("SELECT who FROM witness")
        .fetch_all(&mut monitor)
        .await
        .unwrap();
    assert_eq!(
        who,
        ["devmesh_app", "devmesh_relay", "devmesh_app", "devmesh_relay"]
    );
}
