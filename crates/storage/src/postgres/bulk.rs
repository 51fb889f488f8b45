//! Many rows in one statement. The values come as arrays, so that the statement is the same for every number of them and is
//! prepared once.
//!
//! Jobs are found by their ids, one after the other (that is what `LATERAL` is for), and locked in the order of these, so
//! that two statements never wait for each other; only then is looked at what they are. Left to itself the planner goes
//! through a whole backlog for each claim, wherever its statistics are older than the backlog. See also `Mode::Keyed`.

use chrono::{DateTime, Utc};
use domain::{JobId, TenantId};
use serde_json::Value;
use sqlx::PgConnection;

use crate::rows::audit::{AuditRow, audit_columns};
use crate::rows::job::{JobRow, job_columns};

/// A claim also takes the message out of the outbox: it has arrived, whether or not the broker's confirmation has.
const CLAIM: &str = concat!(
    "WITH held AS MATERIALIZED (
         SELECT held.*, number
           FROM unnest($2::uuid[], $3::bigint[]) AS asked (asked_id, number)
          CROSS JOIN LATERAL (
                SELECT id AS held_id, state AS held_state, attempt AS held_attempt, run_at AS held_run_at
                  FROM jobs
                 WHERE id = asked_id AND tenant_id = $1
                   FOR UPDATE
          ) AS held
     ), due AS MATERIALIZED (
         SELECT DISTINCT held_id AS due_id
           FROM held
          WHERE held_state = 'pending' AND held_attempt + 1 = number AND held_run_at <= $5
     ), unposted AS (
         DELETE FROM outbox
          USING due
          WHERE job_id = due_id
     )
     UPDATE jobs
        SET state = 'running', attempt = attempt + 1, lease_owner = $4, lease_until = $6,
            effect_begun = FALSE, ended_by = NULL, updated_at = $5
       FROM due
      WHERE id = due_id AND tenant_id = $1
     RETURNING ",
    job_columns!()
);

/// What a read-back check found is heeded elsewhere.
const FINISH: &str = "
    WITH held AS MATERIALIZED (
         SELECT held.*, number, its_result
           FROM unnest($2::uuid[], $3::bigint[], $4::text[]) AS done (done_id, number, its_result)
          CROSS JOIN LATERAL (
                SELECT id AS held_id, state AS held_state, attempt AS held_attempt, lease_owner AS held_by,
                       kind AS held_kind
                  FROM jobs
                 WHERE id = done_id AND tenant_id = $1
                   FOR UPDATE
          ) AS held
     ), ended AS MATERIALIZED (
         SELECT held_id AS ended_id, its_result
           FROM held
          WHERE held_state = 'running' AND held_attempt = number AND held_by = $5 AND held_kind <> 'read_back'
     )
     UPDATE jobs
        SET state = 'done', lease_owner = NULL, lease_until = NULL, result = its_result, error = NULL,
            ended_by = $5, updated_at = $6, published_at = NULL
       FROM ended
      WHERE id = ended_id AND tenant_id = $1
     RETURNING id";

/// A job that was claimed meanwhile has no row in the outbox any more, and keeps what its claim wrote.
const NOTE_PUBLISHED: &str = "
    WITH held AS MATERIALIZED (
         SELECT held.*
           FROM (SELECT job_id
                   FROM outbox
                  WHERE id = ANY($1)
                  ORDER BY job_id) AS posted
          CROSS JOIN LATERAL (
                SELECT id AS held_id, state AS held_state
                  FROM jobs
                 WHERE id = job_id
                   FOR UPDATE
          ) AS held
     )
     UPDATE jobs
        SET published_at = $2
       FROM held
      WHERE id = held_id AND held_state = 'pending'";

const FORGET: &str = "
    DELETE FROM outbox
     WHERE id = ANY($1)";

/// A record that is there already is dropped.
const APPEND: &str = concat!(
    "INSERT INTO audit_records (",
    audit_columns!(),
    ")
     SELECT *
       FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::uuid[], $5::text[], $6::text[], $7::text[],
                   $8::text[], $9::text[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::text[],
                   $15::text[], $16::text[], $17::uuid[])
         ON CONFLICT (id) DO NOTHING"
);

/// Takes the leases of those of these attempts that are due; answers their jobs.
pub async fn claim(
    connection: &mut PgConnection,
    tenant: TenantId,
    attempts: &[(JobId, u32)],
    owner: &str,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Vec<JobRow>, sqlx::Error> {
    let mut attempts = attempts.to_vec();
    attempts.sort_unstable();
    let (ids, numbers): (Vec<_>, Vec<_>) = attempts
        .iter()
        .map(|(id, number)| (id.0, i64::from(*number)))
        .unzip();
    sqlx::query_as(CLAIM)
        .bind(tenant.0)
        .bind(ids)
        .bind(numbers)
        .bind(owner)
        .bind(now)
        .bind(until)
        .fetch_all(connection)
        .await
}

/// Ends those of these attempts that `owner` holds, each of another job: done, with their results. Answers which.
pub async fn finish(
    connection: &mut PgConnection,
    tenant: TenantId,
    done: &[(JobId, u32, &Value)],
    owner: &str,
    now: DateTime<Utc>,
) -> Result<Vec<JobId>, sqlx::Error> {
    let mut done = done.to_vec();
    done.sort_unstable_by_key(|(id, ..)| *id);
    let (mut ids, mut numbers, mut results) = (Vec::new(), Vec::new(), Vec::new());
    for (id, number, result) in done {
        ids.push(id.0);
        numbers.push(i64::from(number));
        results.push(result.to_string());
    }
    let finished: Vec<uuid::Uuid> = sqlx::query_scalar(FINISH)
        .bind(tenant.0)
        .bind(ids)
        .bind(numbers)
        .bind(results)
        .bind(owner)
        .bind(now)
        .fetch_all(connection)
        .await?;
    Ok(finished.into_iter().map(JobId).collect())
}

/// Notes that the broker has the messages of these rows of the outbox, and removes them. Jobs are locked before their rows,
/// as everywhere else.
pub async fn forget(
    connection: &mut PgConnection,
    rows: &[i64],
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let note = sqlx::query(NOTE_PUBLISHED).bind(rows).bind(now);
    note.execute(&mut *connection).await?;
    sqlx::query(FORGET).bind(rows).execute(connection).await?;
    Ok(())
}

/// Stores audit records; answers how many were new.
pub async fn append(connection: &mut PgConnection, rows: &[AuditRow]) -> Result<u64, sqlx::Error> {
    fn column<'a, T>(rows: &'a [AuditRow], of: impl Fn(&'a AuditRow) -> T) -> Vec<T> {
        rows.iter().map(of).collect()
    }
    let appended = sqlx::query(APPEND)
        .bind(column(rows, |row| row.id))
        .bind(column(rows, |row| row.tenant_id))
        .bind(column(rows, |row| row.ended_at))
        .bind(column(rows, |row| row.key_id))
        .bind(column(rows, |row| row.service.as_str()))
        .bind(column(rows, |row| row.action.as_str()))
        .bind(column(rows, |row| row.tool.as_deref()))
        .bind(column(rows, |row| row.provider.as_deref()))
        .bind(column(rows, |row| row.outcome.as_str()))
        .bind(column(rows, |row| row.status))
        .bind(column(rows, |row| row.duration_ms))
        .bind(column(rows, |row| row.request_bytes))
        .bind(column(rows, |row| row.response_bytes))
        .bind(column(rows, |row| row.arguments_sha256.as_deref()))
        .bind(column(rows, |row| row.trace_id.as_deref()))
        .bind(column(rows, |row| row.request_id.as_deref()))
        .bind(column(rows, |row| row.job_id))
        .execute(connection)
        .await?;
    Ok(appended.rows_affected())
}
