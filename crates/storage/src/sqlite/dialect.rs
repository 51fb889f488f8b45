//! Statements that Postgres says otherwise. There is one writer at a time, so rows need no locks of their own.

use domain::TenantId;
use sqlx::SqliteConnection;

use crate::announcement::Announcement;
use crate::rows::job::{job_columns, outbox_columns};
use crate::rows::provider::provider_columns;

/// OpenTelemetry's `db.system.name`.
pub const SYSTEM: &str = "sqlite";

/// The process that commits is the process that waits.
pub const SIGNALS_AT_COMMIT: bool = true;

pub const LOCK_PROVIDER: &str = concat!(
    "SELECT ",
    provider_columns!(),
    "
       FROM providers
      WHERE tenant_id = $1 AND id = $2"
);

pub const LOCK_JOB: &str = concat!(
    "SELECT ",
    job_columns!(),
    "
       FROM jobs
      WHERE tenant_id = $1 AND id = $2"
);

/// The tasks that nobody has, by their sort: how many, and the first of them.
pub const WAITING_TASKS: &str = "
    SELECT kind, COUNT(*), MIN(id)
      FROM tasks
     WHERE state = 'pending'
     GROUP BY kind
     ORDER BY kind";

/// Ends a choice of jobs.
pub const IN_ORDER: &str = "";

/// Running jobs whose lease ran out before $1, at most $2 of them.
pub const LAPSED_JOBS: &str = concat!(
    "SELECT ",
    job_columns!(),
    "
       FROM jobs
      WHERE state = 'running' AND lease_until <= $1
      ORDER BY lease_until
      LIMIT $2"
);

/// Pending jobs due at $1 whose message is gone since before $2, at most $3 of them.
pub const LOST_JOBS: &str = concat!(
    "SELECT ",
    job_columns!(),
    "
       FROM jobs
      WHERE state = 'pending' AND run_at <= $1
        AND COALESCE(published_at, updated_at) < $2
        AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.job_id = jobs.id)
      ORDER BY run_at
      LIMIT $3"
);

/// How many secrets each key-encryption key has sealed. An answer has none until it is given.
pub const COUNT_SEALS: &str = "
    SELECT kek_id, COUNT(*)
      FROM (SELECT kek_id
              FROM credentials
             WHERE tenant_id = $1
            UNION ALL
            SELECT json_extract(payload, '$.credential.kek_id')
              FROM jobs
             WHERE tenant_id = $1 AND kind = 'provider_import'
            UNION ALL
            SELECT CASE WHEN status IS NOT NULL THEN json_extract(CAST(body AS TEXT), '$.kek_id') END
              FROM answers
             WHERE tenant_id = $1) AS sealed
     WHERE kek_id IS NOT NULL
     GROUP BY kek_id";

/// At most $4 imports behind $3 whose credential the key $2 has sealed.
pub const IMPORTS_UNDER: &str = "
    SELECT id, payload
      FROM jobs
     WHERE tenant_id = $1 AND kind = 'provider_import'
       AND json_extract(payload, '$.credential.kek_id') = $2
       AND id > $3
     ORDER BY id
     LIMIT $4";

/// At most $4 answers behind $3 that the key $2 has sealed.
pub const ANSWERS_UNDER: &str = "
    SELECT idempotency_key, body
      FROM answers
     WHERE tenant_id = $1
       AND CASE WHEN status IS NOT NULL THEN json_extract(CAST(body AS TEXT), '$.kek_id') END = $2
       AND idempotency_key > $3
     ORDER BY idempotency_key
     LIMIT $4";

/// Takes at most $3 rows that are due at $1 and keeps them from other relays until $2.
pub const HOLD_OUTBOX: &str = concat!(
    "UPDATE outbox
        SET held_until = $2
      WHERE id IN (
         SELECT id
           FROM outbox
          WHERE held_until <= $1
          ORDER BY urgency DESC, id
          LIMIT $3
     )
     RETURNING ",
    outbox_columns!()
);

/// Nothing to do: there is no second lock here.
pub async fn enter(_: &mut SqliteConnection, _: TenantId) -> Result<(), sqlx::Error> {
    Ok(())
}

/// Nothing to do: see [`SIGNALS_AT_COMMIT`].
pub async fn announce(_: &mut SqliteConnection, _: &Announcement) -> Result<(), sqlx::Error> {
    Ok(())
}
