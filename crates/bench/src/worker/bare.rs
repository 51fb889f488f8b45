//! What the worker is compared with: a loop of lapin, sqlx and reqwest that makes the same commits for each job, and
//! nothing else: no leases that are renewed, no tenants, no checks, no service between it and the database. It comes with
//! an audit record for each job, as the mesh writes one, and without.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use domain::ports::Queue;
use domain::{JobId, TenantId};
use futures::StreamExt;
use lapin::message::Delivery;
use lapin::options::BasicAckOptions;
use queue::{QueueOptions, RabbitQueue};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio::task::JoinSet;

use super::consume::{class, consumer, message, publish};
use super::services::rate;

/// As rest-api's default.
const CONNECTIONS: u32 = 20;

/// The columns that change in the course of a job, and the indexes over them, as the mesh has them.
const TABLES: &str = "
    CREATE TABLE jobs (
        id uuid PRIMARY KEY, payload text NOT NULL, state text NOT NULL, attempt bigint NOT NULL,
        run_at timestamptz NOT NULL, lease_owner text, lease_until timestamptz, result text,
        updated_at timestamptz NOT NULL
    );
    CREATE INDEX jobs_pending ON jobs (run_at) WHERE state = 'pending';
    CREATE INDEX jobs_running ON jobs (lease_until) WHERE state = 'running';
    CREATE INDEX jobs_finished ON jobs (updated_at) WHERE state IN ('done', 'failed');
    CREATE TABLE outbox (job_id uuid PRIMARY KEY REFERENCES jobs ON DELETE CASCADE);
    CREATE TABLE audit_records (
        id uuid PRIMARY KEY, tenant_id uuid NOT NULL, ended_at timestamptz NOT NULL, action text NOT NULL, tool text,
        provider text, outcome text NOT NULL, status bigint NOT NULL, arguments_sha256 text, trace_id text, job_id uuid
    );
    CREATE INDEX audit_records_of_tenant ON audit_records (tenant_id, id);
    CREATE INDEX audit_records_of_trace ON audit_records (tenant_id, trace_id);
    CREATE INDEX audit_records_age ON audit_records (ended_at);";

const ENQUEUE: &str = "
    WITH jobs AS (
        INSERT INTO jobs (id, payload, state, attempt, run_at, updated_at)
        SELECT id, '{\"id\": 7}', 'pending', 0, now(), now() FROM unnest($1::uuid[]) AS id
        RETURNING id
    )
    INSERT INTO outbox SELECT id FROM jobs";

const CLAIM: &str = "
    UPDATE jobs
       SET state = 'running', attempt = attempt + 1, lease_owner = 'bare', updated_at = now(),
           lease_until = now() + interval '30 seconds'
     WHERE id = $1 AND state = 'pending'
    RETURNING payload";

const END: &str = "
    UPDATE jobs
       SET state = 'done', result = $2, lease_owner = NULL, lease_until = NULL, updated_at = now()
     WHERE id = $1 AND state = 'running' AND attempt = 1";

/// The same with the audit record, in one statement and so in one commit.
const END_AUDITED: &str = "
    WITH ended AS (
        UPDATE jobs
           SET state = 'done', result = $2, lease_owner = NULL, lease_until = NULL, updated_at = now()
         WHERE id = $1 AND state = 'running' AND attempt = 1
        RETURNING id
    )
    INSERT INTO audit_records
    SELECT $3, $4, now(), 'job/tool_call', 'shop_get_item', 'shop', 'ok', 200,
           encode(sha256('{\"id\": 7}'), 'hex'), replace($3::text, '-', ''), id
      FROM ended";

/// How much it has to do.
pub(super) struct Bare {
    pub(super) jobs: usize,
    pub(super) prefetch: u16,
    /// Whether each job leaves an audit record.
    pub(super) audit: bool,
}

/// What each job needs.
struct Loop {
    audit: bool,
    tenant: TenantId,
    database: PgPool,
    http: reqwest::Client,
    url: String,
    done: AtomicUsize,
}

impl Bare {
    /// Runs jobs that wait already, in an empty database; how many a second.
    pub(super) async fn run(&self, database: &str, api: &str) -> Result<f64> {
        let Self {
            jobs,
            prefetch,
            audit,
        } = *self;
        let database = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .connect(database)
            .await?;
        sqlx::raw_sql(TABLES).execute(&database).await?;
        let ids: Vec<JobId> = (0..jobs).map(|_| JobId::generate()).collect();
        let uuids: Vec<_> = ids.iter().map(|id| id.0).collect();
        sqlx::query(ENQUEUE).bind(&uuids).execute(&database).await?;
        let url = test_support::fresh_vhost_or_prefix().await?;
        let queue = RabbitQueue::new(&url, &QueueOptions::default())?;
        publish(&queue, &ids.iter().map(|id| message(*id)).collect::<Vec<_>>()).await?;
        queue.close().await;
        #[expect(clippy::disallowed_methods, reason = "it talks to our own process")]
        let http = reqwest::Client::new();
        let work = Arc::new(Loop {
            audit,
            tenant: TenantId::generate(),
            database,
            http,
            url: format!("{api}/items/7"),
            done: AtomicUsize::new(0),
        });
        let consuming = consume(&url, prefetch, jobs, Arc::clone(&work));
        let counted = rate(jobs, || async { Ok(work.done.load(Ordering::Relaxed)) });
        let (rate, ()) = tokio::try_join!(counted, consuming)?;
        work.database.close().await;
        Ok(rate)
    }
}

/// Each message is a task, at most `prefetch` at once.
async fn consume(url: &str, prefetch: u16, jobs: usize, work: Arc<Loop>) -> Result<()> {
    let (connection, mut deliveries) = consumer(url, &class(), prefetch).await?;
    let mut running = JoinSet::new();
    for _ in 0..jobs {
        let delivery = deliveries.next().await.context("the consumer ended")??;
        let work = Arc::clone(&work);
        running.spawn(async move { work.job(delivery).await });
        while let Some(ended) = running.try_join_next() {
            ended??;
        }
    }
    while let Some(ended) = running.join_next().await {
        ended??;
    }
    connection.close(200, "done".into()).await?;
    Ok(())
}

impl Loop {
    async fn job(&self, delivery: Delivery) -> Result<()> {
        let message: serde_json::Value = serde_json::from_slice(&delivery.data)?;
        let id: JobId = message["job_id"].as_str().context("no job")?.parse()?;
        let mut claim = self.database.begin().await?;
        let payload: String = sqlx::query_scalar(CLAIM)
            .bind(id.0)
            .fetch_one(&mut *claim)
            .await?;
        let unposted = sqlx::query("DELETE FROM outbox WHERE job_id = $1").bind(id.0);
        unposted.execute(&mut *claim).await?;
        claim.commit().await?;
        ensure!(payload == "{\"id\": 7}", "a wrong payload");
        let result = self
            .http
            .get(&self.url)
            .send()
            .await?
            .error_for_status()?
            .text()
            .await?;
        let end = if self.audit {
            sqlx::query(END_AUDITED)
                .bind(id.0)
                .bind(result)
                .bind(JobId::generate().0)
                .bind(self.tenant.0)
        } else {
            sqlx::query(END).bind(id.0).bind(result)
        };
        let ended = end.execute(&self.database).await?;
        ensure!(ended.rows_affected() == 1, "a job was lost");
        delivery.ack(BasicAckOptions::default()).await?;
        self.done.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// How often the count of jobs that are done is looked at.
pub(super) const LOOK: Duration = Duration::from_millis(20);
