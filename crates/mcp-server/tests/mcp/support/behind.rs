//! What stands behind the edge: the control plane's jobs, and where audit records go.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use connectors::{CredentialSource, Secret};
use domain::job::JobError;
use domain::{
    CallOutcome, Clock, Effect, Job, JobId, JobKind, JobState, Priority, ProviderId, SystemClock, TenantId,
};
use mcp_server::audit::AuditSink;
use mcp_server::control_plane::ControlPlane;
use proto::v1::{AuditRecord, EnqueueRequest};
use test_support::eventually;
use tonic::Status;

/// Keeps audit records for the test to read.
#[derive(Default)]
pub struct Records {
    kept: Mutex<Vec<AuditRecord>>,
    /// Whether there is no room for more.
    pub full: AtomicBool,
}

impl Records {
    /// Waits for a record of this outcome.
    pub async fn with_outcome(&self, outcome: &str) -> AuditRecord {
        let found = || async { self.all().into_iter().find(|record| record.outcome == outcome) };
        eventually(Duration::from_secs(5), found).await.unwrap()
    }

    pub fn all(&self) -> Vec<AuditRecord> {
        self.kept.lock().unwrap().clone()
    }
}

#[async_trait]
impl AuditSink for Records {
    fn admit(&self) -> Result<(), String> {
        if self.full.load(Ordering::SeqCst) {
            Err("the audit spool is full".to_owned())
        } else {
            Ok(())
        }
    }

    async fn record(&self, record: AuditRecord) {
        self.kept.lock().unwrap().push(record);
    }
}

/// No provider of these tests has a credential.
pub struct NoCredentials;

#[async_trait]
impl CredentialSource for NoCredentials {
    async fn credential(&self, _: TenantId, _: ProviderId, _: i64) -> Result<Option<Secret>, String> {
        Ok(None)
    }
}

/// The control plane's jobs, moved by the test instead of a worker.
#[derive(Default)]
pub struct Jobs(Mutex<HashMap<JobId, Job>>);

impl Jobs {
    /// What was asked for last.
    pub fn only(&self) -> Job {
        let jobs = self.0.lock().unwrap();
        assert_eq!(jobs.len(), 1);
        jobs.values().next().unwrap().clone()
    }

    pub fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// A worker ran the job.
    pub fn finish(&self, id: JobId, outcome: &CallOutcome) {
        let mut jobs = self.0.lock().unwrap();
        let job = jobs.get_mut(&id).unwrap();
        job.state = JobState::Done;
        job.result = Some(serde_json::to_value(outcome).unwrap());
    }

    /// A worker took the job.
    pub fn begin(&self, id: JobId) {
        self.0.lock().unwrap().get_mut(&id).unwrap().state = JobState::Running;
    }

    fn of(&self, tenant: TenantId, id: JobId) -> Result<Job, Status> {
        let jobs = self.0.lock().unwrap();
        jobs.get(&id)
            .filter(|job| job.tenant_id == tenant)
            .cloned()
            .ok_or_else(|| Status::not_found("no such job"))
    }
}

#[async_trait]
impl ControlPlane for Jobs {
    async fn enqueue(&self, request: EnqueueRequest) -> Result<Job, Status> {
        let now = SystemClock.now();
        let parse = |text: &str| text.parse().map_err(|_| Status::invalid_argument("not a UUID"));
        let effect: Effect = serde_json::from_value(request.effect.into()).unwrap();
        let job = Job {
            id: JobId::generate(),
            tenant_id: TenantId(parse(&request.tenant_id)?),
            kind: JobKind::ToolCall,
            payload: serde_json::from_slice(&request.payload_json).unwrap(),
            effect,
            priority: Priority::High,
            state: JobState::Pending,
            attempt: 0,
            max_attempts: 5,
            run_at: now,
            lease_owner: None,
            lease_until: None,
            effect_begun: false,
            result: None,
            error: None,
            trace: BTreeMap::new(),
            idempotency_key: None,
            requested_by: Some(domain::KeyId(parse(&request.requested_by)?)),
            created_at: now,
            updated_at: now,
        };
        self.0.lock().unwrap().insert(job.id, job.clone());
        Ok(job)
    }

    async fn job(&self, tenant: TenantId, id: JobId, _wait: Duration) -> Result<Job, Status> {
        self.of(tenant, id)
    }

    async fn cancel(&self, tenant: TenantId, id: JobId) -> Result<Job, Status> {
        let job = self.of(tenant, id)?;
        if job.state != JobState::Pending {
            return Err(Status::failed_precondition("it has begun"));
        }
        let mut jobs = self.0.lock().unwrap();
        let job = jobs.get_mut(&id).unwrap();
        job.state = JobState::Failed;
        job.error = Some(JobError::new("cancelled", "cancelled by its caller"));
        Ok(job.clone())
    }

    /// Answers what it was asked, but for tasks that are called `none`.
    async fn mesh(
        &self,
        _tenant: TenantId,
        _key: domain::KeyId,
        method: &str,
        params: serde_json::Map<String, serde_json::Value>,
        _wait: Duration,
    ) -> Result<serde_json::Value, Status> {
        match params.get("task_id").and_then(|id| id.as_str()) {
            Some("none") => Err(Status::not_found("not found")),
            _ => Ok(serde_json::json!({ "method": method, "params": params })),
        }
    }
}
