//! Statements that SQLite says otherwise.

use std::time::Duration;

use domain::TenantId;
use sqlx::PgConnection;

use crate::announcement::{self, Announcement};
use crate::rows::job::{job_columns, outbox_columns};
use crate::rows::provider::provider_columns;

/// OpenTelemetry's `db.system.name`.
pub const SYSTEM: &str = "postgresql";

/// Wake-up calls come back through the listener, so that every replica hears them.
pub const SIGNALS_AT_COMMIT: bool = false;

/// The channel of catalogue changes.
pub const CHANGES_CHANNEL: &str = "devmesh_changes";

/// The channel of jobs.
pub const JOBS_CHANNEL: &str = "devmesh_jobs";

/// The channel of tasks.
pub const TASKS_CHANNEL: &str = "devmesh_tasks";

/// The channel of what happens.
pub const EVENTS_CHANNEL: &str = "devmesh_events";

/// What is said there when what happened has got its number.
pub const NUMBERED: &str = "numbered";

/// The channel of agents that are to look at what they hold.
pub const AGENTS_CHANNEL: &str = "devmesh_agents";

/// What is said on the channel of jobs when no job has become due: who publishes need not look.
pub const NONE_DUE: &str = "none due";

pub const LOCK_PROVIDER: &str = concat!(
    "SELECT ",
    provider_columns!(),
    "
       FROM providers
      WHERE tenant_id = $1 AND id = $2
        FOR UPDATE"
);

pub const LOCK_JOB: &str = concat!(
    "SELECT ",
    job_columns!(),
    "
       FROM jobs
      WHERE tenant_id = $1 AND id = $2
        FOR UPDATE"
);

/// The tasks that nobody has, by their sort: how many, and the first of them. There is no least of uuids before Postgres 18.
pub const WAITING_TASKS: &str = "
    SELECT kind, COUNT(*), MIN(id::text)::uuid
      FROM tasks
     WHERE state = 'pending'
     GROUP BY kind
     ORDER BY kind";

/// Ends a choice of jobs: locks them, in an order that every transaction keeps.
pub const IN_ORDER: &str = " ORDER BY id FOR UPDATE";

/// Running jobs whose lease ran out before $1, at most $2 of them; those that another sweeper holds are left to it.
pub const LAPSED_JOBS: &str = concat!(
    "SELECT ",
    job_columns!(),
    "
       FROM jobs
      WHERE state = 'running' AND lease_until <= $1
      ORDER BY lease_until
      LIMIT $2
        FOR UPDATE SKIP LOCKED"
);

/// Pending jobs due at $1 whose message is gone since before $2, at most $3 of them.
pub const LOST_JOBS: &str = concat!(
    "SELECT ",
    job_columns!(),
    "
       FROM jobs
      WHERE state = 'pending' AND run_at <= $1
        AND COALESCE(published_at, updated_at) < $2
        AND NOT EXISTS (SELECT FROM outbox WHERE outbox.job_id = jobs.id)
      ORDER BY run_at
      LIMIT $3
        FOR UPDATE OF jobs SKIP LOCKED"
);

/// How many secrets each key-encryption key has sealed. An answer has none until it is given.
/// A payload is not read as `jsonb`, which has no place for every text that JSON may hold.
pub const COUNT_SEALS: &str = "
    SELECT kek_id, COUNT(*)
      FROM (SELECT kek_id
              FROM credentials
             WHERE tenant_id = $1
            UNION ALL
            SELECT substring(payload FROM '\"kek_id\":\"([^\"]*)\"')
              FROM jobs
             WHERE tenant_id = $1 AND kind = 'provider_import'
            UNION ALL
            SELECT CASE WHEN status IS NOT NULL THEN convert_from(body, 'UTF8')::jsonb ->> 'kek_id' END
              FROM answers
             WHERE tenant_id = $1) AS sealed
     WHERE kek_id IS NOT NULL
     GROUP BY kek_id";

/// At most $4 imports behind $3 whose credential the key $2 has sealed.
pub const IMPORTS_UNDER: &str = "
    SELECT id, payload
      FROM jobs
     WHERE tenant_id = $1 AND kind = 'provider_import'
       AND substring(payload FROM '\"kek_id\":\"([^\"]*)\"') = $2
       AND id > $3
     ORDER BY id
     LIMIT $4";

/// At most $4 answers behind $3 that the key $2 has sealed.
pub const ANSWERS_UNDER: &str = "
    SELECT idempotency_key, body
      FROM answers
     WHERE tenant_id = $1
       AND CASE WHEN status IS NOT NULL THEN convert_from(body, 'UTF8')::jsonb ->> 'kek_id' END = $2
       AND idempotency_key > $3
     ORDER BY idempotency_key
     LIMIT $4";

/// Takes at most $3 rows that are due at $1 and keeps them from other relays until $2.
pub const HOLD_OUTBOX: &str = concat!(
    "WITH due AS MATERIALIZED (
         SELECT id AS due_id
           FROM outbox
          WHERE held_until <= $1
          ORDER BY urgency DESC, id
          LIMIT $3
            FOR UPDATE SKIP LOCKED
     )
     UPDATE outbox
        SET held_until = $2
      WHERE id IN (SELECT due_id FROM due)
     RETURNING ",
    outbox_columns!()
);

/// Goes from the role that crosses tenants to the one that works for `tenant`, within a transaction.
pub async fn enter(connection: &mut PgConnection, tenant: TenantId) -> Result<(), sqlx::Error> {
    const ENTER: &str = "
        SELECT set_config('role', 'devmesh_app', true),
               set_config('devmesh.tenant', $1, true)";
    sqlx::query(ENTER)
        .bind(tenant.to_string())
        .execute(connection)
        .await?;
    Ok(())
}

macro_rules! put_on {
    () => {
        "
        SELECT set_config('statement_timeout', $1, true),
               set_config('role', $2, true),
               set_config('devmesh.tenant', $3, true)"
    };
}

/// What [`put_on`] says.
pub const PUT_ON: &str = put_on!();

/// The same where rows are found by their keys: nothing is left to the planner but an index for each of them.
pub const PUT_ON_KEYED: &str = concat!(
    put_on!(),
    ",
               set_config('enable_bitmapscan', 'off', true),
               set_config('enable_hashjoin', 'off', true),
               set_config('enable_material', 'off', true),
               set_config('enable_mergejoin', 'off', true),
               set_config('enable_seqscan', 'off', true)"
);

/// Puts on a role until the transaction ends, and names the tenant that row-level security lets through.
pub async fn put_on(
    connection: &mut PgConnection,
    put_on: &'static str,
    role: &str,
    tenant: &str,
    statement_timeout: Duration,
) -> Result<(), sqlx::Error> {
    let timeout = statement_timeout.as_millis().to_string();
    sqlx::query(put_on)
        .bind(timeout)
        .bind(role)
        .bind(tenant)
        .execute(connection)
        .await?;
    Ok(())
}

/// Wakes the watchers of every replica, when the transaction commits.
pub async fn announce(connection: &mut PgConnection, told: &Announcement) -> Result<(), sqlx::Error> {
    let mut words: Vec<(&str, String)> = Vec::new();
    if told.changes {
        words.push((CHANGES_CHANNEL, String::new()));
    }
    if told.tasks {
        words.push((TASKS_CHANNEL, String::new()));
    }
    if told.jobs_posted || told.jobs_moved {
        let what = if told.jobs_posted { "" } else { NONE_DUE };
        words.push((JOBS_CHANNEL, what.to_owned()));
    }
    if told.events_fresh {
        words.push((EVENTS_CHANNEL, String::new()));
    }
    if told.events_numbered {
        words.push((EVENTS_CHANNEL, NUMBERED.to_owned()));
    }
    if !told.agents.is_empty() {
        words.push((AGENTS_CHANNEL, announcement::written(&told.agents)));
    }
    if words.is_empty() {
        return Ok(());
    }
    let (channels, payloads): (Vec<_>, Vec<_>) = words.into_iter().unzip();
    sqlx::query(
        "SELECT pg_notify(channel, payload) FROM unnest($1::text[], $2::text[]) AS told (channel, payload)",
    )
    .bind(channels)
    .bind(payloads)
    .execute(connection)
    .await?;
    Ok(())
}
