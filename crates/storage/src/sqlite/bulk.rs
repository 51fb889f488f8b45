//! Many rows at once: attempts of one tenant, and audit records. There is one writer, so nothing needs a lock.

use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use domain::{JobId, TenantId};
use serde_json::Value;
use sqlx::{Encode, QueryBuilder, Sqlite, SqliteConnection, Type};

use crate::column::Document;
use crate::rows::audit::{AuditRow, audit_columns};
use crate::rows::job::{JobRow, job_columns};

const TAKE: &str = "
    UPDATE jobs
       SET state = 'running', attempt = attempt + 1, effect_begun = FALSE, ended_by = NULL, lease_owner = ";

const TAKEN: &str = concat!(") RETURNING ", job_columns!());

const DONE: &str = "WITH done (done_id, number, its_result) AS (";

/// What a read-back check found is heeded elsewhere.
const FINISH: &str = ")
    UPDATE jobs
       SET state = 'done', lease_owner = NULL, lease_until = NULL, result = its_result, error = NULL,
           published_at = NULL, ended_by = ";

const NOTE_PUBLISHED: &str = "
    UPDATE jobs
       SET published_at = ";

/// A job that was claimed meanwhile has no row in the outbox any more, and keeps what its claim wrote.
const THAT_WAIT: &str = "
     WHERE state = 'pending'
       AND id IN (SELECT job_id FROM outbox WHERE id IN (";

const FORGET: &str = "DELETE FROM outbox WHERE id IN (";

/// Inserts of 1, 2, 4 and so on up to 64 audit records.
static APPEND: LazyLock<[Append; 7]> = LazyLock::new(|| std::array::from_fn(|power| Append::of(1 << power)));

/// An insert of so many audit records.
struct Append {
    rows: usize,
    sql: String,
}

impl Append {
    fn of(rows: usize) -> Self {
        let columns = audit_columns!();
        let row = vec!["?"; columns.split(',').count()].join(", ");
        let rows_of_values = vec![format!("({row})"); rows].join(", ");
        let sql = format!(
            "INSERT INTO audit_records ({columns}) VALUES {rows_of_values} ON CONFLICT (id) DO NOTHING"
        );
        Self { rows, sql }
    }
}

/// Takes the leases of those of these attempts that are due; answers their jobs. Their messages have arrived, whether or
/// not the broker's confirmations have.
pub async fn claim(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    attempts: &[(JobId, u32)],
    owner: &str,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Vec<JobRow>, sqlx::Error> {
    let mut claim = QueryBuilder::<Sqlite>::new(TAKE);
    claim
        .push_bind(owner.to_owned())
        .push(", lease_until = ")
        .push_bind(until);
    claim.push(", updated_at = ").push_bind(now);
    claim
        .push(" WHERE state = 'pending' AND tenant_id = ")
        .push_bind(tenant.0);
    claim.push(" AND run_at <= ").push_bind(now);
    claim.push(" AND (id, attempt + 1) IN (");
    claim.push_values(attempts, |mut row, (id, number)| {
        row.push_bind(id.0).push_bind(i64::from(*number));
    });
    claim.push(TAKEN);
    let jobs: Vec<JobRow> = claim
        .build_query_as()
        .persistent(false)
        .fetch_all(&mut *connection)
        .await?;
    if jobs.is_empty() {
        return Ok(jobs);
    }
    let mut unpost = QueryBuilder::<Sqlite>::new("DELETE FROM outbox WHERE job_id IN (");
    push_ids(&mut unpost, jobs.iter().map(JobRow::id));
    let unpost = unpost.push(")").build().persistent(false);
    unpost.execute(connection).await?;
    Ok(jobs)
}

/// Ends those of these attempts that `owner` holds, each of another job: done, with their results. Answers which.
pub async fn finish(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    done: &[(JobId, u32, &Value)],
    owner: &str,
    now: DateTime<Utc>,
) -> Result<Vec<JobId>, sqlx::Error> {
    let mut finish = QueryBuilder::<Sqlite>::new(DONE);
    finish.push_values(done, |mut row, (id, number, result)| {
        row.push_bind(id.0)
            .push_bind(i64::from(*number))
            .push_bind(Document((*result).clone()));
    });
    finish.push(FINISH).push_bind(owner.to_owned());
    finish.push(", updated_at = ").push_bind(now);
    finish.push(
        " FROM done WHERE id = done_id AND attempt = number AND state = 'running' AND kind <> 'read_back'",
    );
    finish.push(" AND tenant_id = ").push_bind(tenant.0);
    finish.push(" AND lease_owner = ").push_bind(owner.to_owned());
    let finished: Vec<uuid::Uuid> = finish
        .push(" RETURNING id")
        .build_query_scalar()
        .persistent(false)
        .fetch_all(connection)
        .await?;
    Ok(finished.into_iter().map(JobId).collect())
}

/// Notes that the broker has the messages of these rows of the outbox, and removes them.
pub async fn forget(
    connection: &mut SqliteConnection,
    rows: &[i64],
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let mut note = QueryBuilder::<Sqlite>::new(NOTE_PUBLISHED);
    note.push_bind(now).push(THAT_WAIT);
    push_ids(&mut note, rows.iter().copied());
    let note = note.push("))").build().persistent(false);
    note.execute(&mut *connection).await?;
    let mut forget = QueryBuilder::<Sqlite>::new(FORGET);
    push_ids(&mut forget, rows.iter().copied());
    let forget = forget.push(")").build().persistent(false);
    forget.execute(connection).await?;
    Ok(())
}

/// A list of ids, as it stands after `IN (`.
fn push_ids<T>(query: &mut QueryBuilder<Sqlite>, ids: impl IntoIterator<Item = T>)
where
    T: for<'q> Encode<'q, Sqlite> + Type<Sqlite> + 'static,
{
    let mut list = query.separated(", ");
    for id in ids {
        list.push_bind(id);
    }
}

/// Stores audit records; answers how many were new. In statements of as many rows as a power of two, so that there are few
/// different ones: each is prepared once, which costs as much as inserting its rows.
pub async fn append(connection: &mut SqliteConnection, rows: &[AuditRow]) -> Result<u64, sqlx::Error> {
    let (mut rest, mut new) = (rows, 0);
    while let Some(power) = rest.len().checked_ilog2() {
        let statement = &APPEND[(power as usize).min(APPEND.len() - 1)];
        let (now, later) = rest.split_at(statement.rows);
        let mut insert = sqlx::query(statement.sql.as_str());
        for row in now {
            insert = insert
                .bind(row.id)
                .bind(row.tenant_id)
                .bind(row.ended_at)
                .bind(row.key_id)
                .bind(row.service.as_str())
                .bind(row.action.as_str())
                .bind(row.tool.as_deref())
                .bind(row.provider.as_deref())
                .bind(row.outcome.as_str())
                .bind(row.status)
                .bind(row.duration_ms)
                .bind(row.request_bytes)
                .bind(row.response_bytes)
                .bind(row.arguments_sha256.as_deref())
                .bind(row.trace_id.as_deref())
                .bind(row.request_id.as_deref())
                .bind(row.job_id);
        }
        new += insert.execute(&mut *connection).await?.rows_affected();
        rest = later;
    }
    Ok(new)
}
