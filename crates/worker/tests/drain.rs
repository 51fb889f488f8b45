//! The worker's end, against a control plane of the test's own: jobs in flight are ended, and their records are sent.
#![expect(clippy::unwrap_used, reason = "tests fail loudly")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::ports::QueueMessage;
use domain::{Clock, Job, JobState, Provider, SystemClock, Tool};
use proto::v1::audit_service_server::{AuditService, AuditServiceServer};
use proto::v1::catalogue_service_server::{CatalogueService, CatalogueServiceServer};
use proto::v1::job_service_server::{JobService, JobServiceServer};
use proto::v1::{self, *};
use runtime::config::Secret;
use runtime::lifecycle::Lifecycle;
use runtime::link::{InMemoryLink, LinkConnector};
use runtime::listen::ListenConfig;
use runtime::tls::install_crypto_provider;
use serde_json::json;
use telemetry::{Telemetry, TelemetryConfig};
use test_support::{Gate, Reply, Upstream};
use tokio_stream::Empty;
use tonic::{Request, Response, Status, Streaming};
use uplink::Target;
use worker::{Config, Deps};

const SOON: Duration = Duration::from_secs(10);

type Answer<T> = Result<Response<T>, Status>;

/// A control plane with one job; it keeps what it is told.
#[derive(Clone)]
struct ControlPlane {
    job: Job,
    tool: Tool,
    provider: Provider,
    heard: Arc<Mutex<Heard>>,
}

#[derive(Default)]
struct Heard {
    ended: usize,
    records: Vec<AuditRecord>,
}

impl ControlPlane {
    /// A job that calls `GET /slow` of `upstream`.
    fn with_a_job_at(upstream: &Upstream) -> Self {
        let (tenant, provider, now) = (
            domain::TenantId::generate(),
            domain::ProviderId::generate(),
            SystemClock.now(),
        );
        let tool = json!({
            "id": domain::ToolId::generate(), "tenant_id": tenant, "provider_id": provider, "name": "slow_get",
            "title": null, "description": "Reads it", "tags": [], "input_schema": { "type": "object" },
            "output_schema": null,
            "annotations": { "read_only": true, "destructive": false, "idempotent": true, "open_world": true },
            "binding": { "type": "http", "method": "GET", "path": "/slow", "parameters": [] },
        });
        let provider = json!({
            "id": provider, "tenant_id": tenant, "name": "slow", "kind": "openapi", "base_url": upstream.url(),
            "auth": { "type": "none" }, "selection": { "allow": [], "deny": [] }, "allowed_hosts": ["127.0.0.1"],
            "limits": {}, "health": "unknown", "version": 1, "created_at": now, "refreshed_at": now,
        });
        let job = json!({
            "id": domain::JobId::generate(), "tenant_id": tenant, "kind": "tool_call",
            "payload": { "tool": "slow_get", "arguments": {} }, "effect": "read", "priority": "normal",
            "state": "running", "attempt": 1, "max_attempts": 5, "run_at": now, "lease_owner": null,
            "lease_until": null, "effect_begun": false, "result": null, "error": null, "trace": {},
            "idempotency_key": null, "requested_by": null, "created_at": now, "updated_at": now,
        });
        Self {
            job: serde_json::from_value(job).unwrap(),
            tool: serde_json::from_value(tool).unwrap(),
            provider: serde_json::from_value(provider).unwrap(),
            heard: Arc::default(),
        }
    }

    /// Serves until the test ends, on a runtime thread of its own life.
    fn serve(&self, life: &Lifecycle) -> LinkConnector {
        let (connector, incoming) = InMemoryLink::new().split();
        let serving = tonic::transport::Server::builder()
            .add_service(JobServiceServer::new(self.clone()))
            .add_service(CatalogueServiceServer::new(self.clone()))
            .add_service(AuditServiceServer::new(self.clone()))
            .serve_with_incoming(incoming);
        life.spawn_task(async move {
            serving.await.unwrap();
        });
        connector
    }

    fn message(&self) -> QueueMessage {
        QueueMessage {
            job_id: self.job.id,
            tenant_id: self.job.tenant_id,
            kind: self.job.kind,
            attempt: self.job.attempt,
            priority: self.job.priority,
            trace: BTreeMap::new(),
        }
    }

    fn wire(&self, state: JobState) -> Option<v1::Job> {
        let job = Job {
            state,
            ..self.job.clone()
        };
        Some(v1::Job {
            id: job.id.to_string(),
            tenant_id: job.tenant_id.to_string(),
            json: serde_json::to_vec(&job).unwrap().into(),
        })
    }
}

fn unasked<T>() -> Answer<T> {
    Err(Status::unimplemented("the worker does not ask for this here"))
}

#[tonic::async_trait]
impl JobService for ControlPlane {
    async fn claim(&self, _: Request<ClaimRequest>) -> Answer<ClaimResponse> {
        unasked()
    }

    async fn claim_many(&self, request: Request<ClaimManyRequest>) -> Answer<ClaimManyResponse> {
        let claimed = |_: &v1::Attempt| v1::ClaimAnswer {
            answer: self.wire(JobState::Running).map(v1::claim_answer::Answer::Job),
        };
        Ok(Response::new(ClaimManyResponse {
            answers: request.get_ref().attempts.iter().map(claimed).collect(),
            tools: Vec::new(),
        }))
    }

    async fn end_many(&self, request: Request<EndManyRequest>) -> Answer<EndManyResponse> {
        let ended = request.into_inner().ends;
        self.heard.lock().unwrap().ended += ended.len();
        let done = |_| v1::EndAnswer {
            answer: Some(v1::end_answer::Answer::Ended(v1::EndedJob {
                state: "done".to_owned(),
                ..v1::EndedJob::default()
            })),
        };
        Ok(Response::new(EndManyResponse {
            answers: ended.into_iter().map(done).collect(),
        }))
    }

    async fn renew(&self, _: Request<RenewRequest>) -> Answer<RenewResponse> {
        Ok(Response::new(RenewResponse {}))
    }

    async fn end_attempt(&self, _: Request<EndAttemptRequest>) -> Answer<EndAttemptResponse> {
        unasked()
    }

    async fn enqueue(&self, _: Request<EnqueueRequest>) -> Answer<EnqueueResponse> {
        unasked()
    }

    async fn get(&self, _: Request<GetJobRequest>) -> Answer<GetJobResponse> {
        unasked()
    }

    async fn cancel(&self, _: Request<CancelJobRequest>) -> Answer<CancelJobResponse> {
        unasked()
    }

    async fn begin_effect(&self, _: Request<BeginEffectRequest>) -> Answer<BeginEffectResponse> {
        unasked()
    }

    async fn release(&self, _: Request<ReleaseRequest>) -> Answer<ReleaseResponse> {
        unasked()
    }

    async fn apply_import(&self, _: Request<Streaming<ApplyImportRequest>>) -> Answer<ApplyImportResponse> {
        unasked()
    }

    async fn record_health(&self, _: Request<RecordHealthRequest>) -> Answer<RecordHealthResponse> {
        unasked()
    }

    async fn tell_assignee(&self, _: Request<TellAssigneeRequest>) -> Answer<TellAssigneeResponse> {
        unasked()
    }
}

#[tonic::async_trait]
impl CatalogueService for ControlPlane {
    type WatchStream = Empty<Result<WatchEvent, Status>>;

    async fn get_tool(&self, _: Request<GetToolRequest>) -> Answer<GetToolResponse> {
        Ok(Response::new(GetToolResponse {
            tool_json: serde_json::to_vec(&self.tool).unwrap().into(),
            provider_json: serde_json::to_vec(&self.provider).unwrap().into(),
        }))
    }

    async fn watch(&self, _: Request<WatchRequest>) -> Answer<Self::WatchStream> {
        unasked()
    }

    async fn get_provider(&self, _: Request<GetProviderRequest>) -> Answer<GetProviderResponse> {
        unasked()
    }

    async fn get_credential(&self, _: Request<GetCredentialRequest>) -> Answer<GetCredentialResponse> {
        unasked()
    }

    async fn find_key(&self, _: Request<FindKeyRequest>) -> Answer<FindKeyResponse> {
        unasked()
    }

    async fn touch_keys(&self, _: Request<TouchKeysRequest>) -> Answer<TouchKeysResponse> {
        unasked()
    }
}

#[tonic::async_trait]
impl AuditService for ControlPlane {
    async fn append(&self, request: Request<AppendRequest>) -> Answer<AppendResponse> {
        let records = request.into_inner().records;
        let stored = records.len() as u64;
        self.heard.lock().unwrap().records.extend(records);
        Ok(Response::new(AppendResponse { stored }))
    }
}

#[tokio::test]
async fn the_record_of_a_job_that_ends_while_the_worker_drains_is_sent_before_it_ends() {
    install_crypto_provider();
    let (upstream, gate, data) = (
        Upstream::start().await.unwrap(),
        Gate::new(),
        tempfile::tempdir().unwrap(),
    );
    upstream.on(
        "GET",
        "/slow",
        Reply::json(200, &json!({ "done": true })).held_by(&gate),
    );
    let control_plane = ControlPlane::with_a_job_at(&upstream);
    let (behind, life, queue) = (
        Lifecycle::new("control plane"),
        Lifecycle::new("worker"),
        queue::memory(),
    );
    let mut config = Config {
        listen: ListenConfig::default(),
        ..Config::default()
    };
    config.control_plane.service_key = Secret::new("0123456789abcdef0123456789abcdef");
    config.spool.dir = data.path().join("audit");
    let info = runtime::process::service_info("worker", "test");
    let deps = Deps {
        telemetry: Telemetry::start_with_output(info, &TelemetryConfig::default(), std::io::sink()).unwrap(),
        life: life.clone(),
        clock: Arc::new(SystemClock),
        queue: Some(Arc::clone(&queue)),
        target: Target::InProcess(control_plane.serve(&behind)),
    };
    worker::build(config, deps).await.unwrap().start();
    for published in queue.publish(&[control_plane.message()]).await {
        published.unwrap();
    }
    upstream.wait_for_requests(1, SOON).await.unwrap();

    life.stop();
    // A sender that ends with the soft stop has ended by now: the job still runs, and its record is still to come.
    tokio::time::timeout(Duration::from_millis(500), life.run_until_stopped(SOON))
        .await
        .unwrap_err();
    gate.open();
    life.run_until_stopped(SOON).await.unwrap();
    let heard = control_plane.heard.lock().unwrap();
    assert_eq!(heard.ended, 1);
    let of: Vec<_> = heard.records.iter().map(|record| record.job_id.clone()).collect();
    assert_eq!(of, [control_plane.job.id.to_string()]);
    let left: Vec<_> = std::fs::read_dir(data.path().join("audit")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}
