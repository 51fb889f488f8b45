//! Nouns to store.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::agent::{Agent, AgentHealth, AgentState, AgentType, Manifest, StateReason};
use domain::alert::Alert;
use domain::credential::SealedCredential;
use domain::message::{Delivery, DeliveryState, Message, Sender};
use domain::ports::storage::Import;
use domain::provider::{AuthScheme, CallLimits, Health, ProviderKind, Selection, Skipped};
use domain::task::{Decision, Delegation, Needs, Patience, Strategy, Task, TaskState};
use domain::tool::{Annotations, Binding, HttpBinding};
use domain::{
    AgentId, AlertId, ApiKey, AuditRecord, DecisionId, Effect, Grant, Isolation, Job, JobId, JobKind,
    JobState, KeyId, KeyKind, Limit, LimitId, MessageId, Organization, OrganizationId, Priority, Provider,
    ProviderId, RateLimit, RecordId, TaskId, Tenant, TenantId, Tool, ToolId, Verb,
};
use serde_json::json;

/// So many seconds after a fixed instant; whole microseconds, as Postgres keeps them.
pub fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + seconds, 123_456_000).unwrap()
}

pub fn organization_and_tenant(name: &str) -> (Organization, Tenant) {
    let organization = Organization {
        id: OrganizationId::generate(),
        name: format!("{name} inc"),
        created_at: at(0),
    };
    let tenant = Tenant {
        id: TenantId::generate(),
        organization_id: organization.id,
        name: name.into(),
        isolation: Isolation::Relaxed,
        created_at: at(0),
    };
    (organization, tenant)
}

/// A limit of ten calls a second.
pub fn limit(tenant: TenantId, subject: &str) -> RateLimit {
    RateLimit {
        id: LimitId::generate(),
        tenant_id: tenant,
        subject: subject.parse().unwrap(),
        limit: Limit {
            rate: "10/s".parse().unwrap(),
            burst: 20,
        },
        updated_at: at(0),
    }
}

pub fn key(tenant_id: TenantId, name: &str) -> ApiKey {
    let id = KeyId::generate();
    ApiKey {
        id,
        tenant_id,
        name: name.into(),
        kind: KeyKind::Agent,
        scopes: KeyKind::Agent.default_scopes(),
        pins: Vec::new(),
        prefix: id.0.simple().to_string(),
        hash: vec![7; 32],
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
        created_at: at(0),
    }
}

pub fn provider(tenant_id: TenantId, name: &str) -> Provider {
    Provider {
        id: ProviderId::generate(),
        tenant_id,
        name: name.into(),
        kind: ProviderKind::Openapi,
        base_url: "https://api.example.com/v1".into(),
        auth: AuthScheme::Header {
            name: "X-Api-Key".into(),
        },
        selection: Selection {
            allow: vec!["GET *".into()],
            deny: vec![],
        },
        allowed_hosts: vec!["10.0.0.0/8".into()],
        limits: CallLimits::default(),
        health: Health::Unknown,
        version: 1,
        created_at: at(0),
        refreshed_at: at(0),
    }
}

pub fn tool(provider: &Provider, name: &str) -> Tool {
    Tool {
        id: ToolId::generate(),
        tenant_id: provider.tenant_id,
        provider_id: provider.id,
        name: name.into(),
        title: Some(format!("The {name}")),
        description: "Does what it says.".into(),
        tags: vec!["pets".into()],
        // Not in alphabetical order, and not by length either: agents read properties as the description has them.
        input_schema:
            json!({"type": "object", "properties": {"zebra": {"type": "string"}, "a": {}, "mm": {}}}).into(),
        output_schema: None,
        annotations: Annotations {
            read_only: true,
            destructive: false,
            idempotent: true,
            open_world: true,
        },
        binding: Binding::Http(HttpBinding {
            method: "GET".into(),
            path: "/pets/{a}".into(),
            base_url: None,
            parameters: vec![],
            body: None,
            wraps_result: false,
        }),
    }
}

pub fn import(provider: &Provider, tools: &[&str]) -> Import {
    Import {
        provider: provider.clone(),
        tools: tools.iter().map(|name| tool(provider, name)).collect(),
        skipped: vec![Skipped {
            operation: "GET /odd".into(),
            reason: "no schema".into(),
        }],
        description: "openapi: 3.1.0".into(),
        description_url: Some("https://example.com/openapi.yaml".into()),
    }
}

pub fn credential(secret: u8) -> SealedCredential {
    SealedCredential {
        kek_id: "k1".into(),
        sealed_key: vec![1, 2],
        sealed_secret: vec![secret; 3],
    }
}

pub fn job(tenant_id: TenantId, effect: Effect) -> Job {
    Job {
        id: JobId::generate(),
        tenant_id,
        kind: JobKind::ToolCall,
        payload: json!({"tool": "t", "arguments": {"zebra": 1, "a": "\u{0}"}}),
        effect,
        priority: Priority::Normal,
        state: JobState::Pending,
        attempt: 0,
        max_attempts: 3,
        run_at: at(0),
        lease_owner: None,
        lease_until: None,
        effect_begun: false,
        result: None,
        error: None,
        trace: BTreeMap::from([("traceparent".into(), "00-1-2-01".into())]),
        idempotency_key: None,
        requested_by: Some(KeyId::generate()),
        created_at: at(0),
        updated_at: at(0),
    }
}

pub fn alert(tenant_id: TenantId, fingerprint: &str) -> Alert {
    Alert {
        id: AlertId::generate(),
        tenant_id,
        fingerprint: fingerprint.into(),
        alertname: "HighLatency".into(),
        priority: "P1".into(),
        severity: "critical".into(),
        team: "sre".into(),
        summary: "slow".into(),
        runbook_url: "https://example.org".into(),
        started_at: at(0),
        ended_at: None,
        review: None,
    }
}

/// An agent that is ready, heard at the beginning, and takes one task.
pub fn agent(tenant_id: TenantId, name: &str) -> Agent {
    Agent {
        id: AgentId::generate(),
        tenant_id,
        name: name.into(),
        owner: "key".into(),
        manifest: None,
        agent_type: AgentType::Cicd,
        capabilities: vec!["build@1.2".parse().unwrap()],
        model: "m".into(),
        region: String::new(),
        labels: BTreeMap::new(),
        capacity: 1,
        workload: 0.0,
        health: AgentHealth::Healthy,
        state: AgentState::Ready,
        reason: StateReason::Heard,
        epoch: 1,
        heartbeat_seconds: 30,
        heard_at: at(0),
        lost_at: None,
        registered_at: at(0),
        changed_at: at(0),
        version: 1,
    }
}

pub fn manifest(tenant_id: TenantId, name: &str) -> Manifest {
    Manifest {
        tenant_id,
        name: name.into(),
        agent_type: AgentType::Cicd,
        capabilities: vec!["build".into()],
        models: Vec::new(),
        max_capacity: 1,
        max_instances: 1,
        updated_at: at(0),
    }
}

/// A task that nobody has yet.
pub fn task(tenant_id: TenantId, kind: &str) -> Task {
    Task {
        id: TaskId::generate(),
        tenant_id,
        kind: kind.into(),
        title: "t".into(),
        input: json!({ "zebra": 1, "a": "\u{0}" }),
        needs: Needs::default(),
        priority: Priority::High,
        strategy: Strategy::Auto,
        delegation: Delegation::Automatic,
        named: None,
        expected_tokens: 0,
        budget_usd: None,
        spent_usd: 0.0,
        billed: domain::task::Bill::default(),
        state: TaskState::Pending,
        assignee: None,
        fence: 0,
        attempt: 0,
        refused_by: Vec::new(),
        avoid: Vec::new(),
        patience: Patience {
            accept_seconds: 30,
            silence_seconds: 300,
            max_attempts: 3,
        },
        deadline: at(86_400),
        deadline_named: false,
        due_at: Some(at(0)),
        waiting_for: None,
        progress: None,
        result: None,
        error: None,
        parent_id: None,
        depth: 0,
        created_by: None,
        creator: "me".into(),
        idempotency_key: None,
        fingerprint: String::new(),
        trace: BTreeMap::new(),
        created_at: at(0),
        assigned_at: None,
        accepted_at: None,
        finished_at: None,
        updated_at: at(0),
        events: 0,
        late_answers: 0,
        version: 1,
    }
}

pub fn decision(task: &Task, agent: &Agent) -> Decision {
    Decision {
        id: DecisionId::generate(),
        tenant_id: task.tenant_id,
        task_id: task.id,
        at: at(1),
        strategy: Strategy::LeastLoaded,
        chosen: Some(agent.id),
        explanation: json!({ "eligible": [] }),
    }
}

pub fn record(tenant_id: TenantId, tool: &str) -> AuditRecord {
    AuditRecord {
        id: RecordId::generate(),
        at: at(0),
        tenant_id,
        key_id: Some(KeyId::generate()),
        service: "mcp-server".into(),
        action: "tools/call".into(),
        tool: Some(tool.into()),
        provider: Some("pets".into()),
        outcome: "ok".into(),
        status: 200,
        duration_ms: 12,
        request_bytes: 34,
        response_bytes: 56,
        arguments_sha256: Some("ab".repeat(32)),
        trace_id: Some("cd".repeat(16)),
        request_id: None,
        job_id: None,
    }
}

/// The field that a conflict names.
pub fn conflict<T: std::fmt::Debug>(result: Result<T, domain::StoreError>) -> &'static str {
    match result {
        Err(domain::StoreError::Conflict { field, .. }) => field,
        other => panic!("a conflict was expected, not {other:?}"),
    }
}

/// Asserts that the result is this error of the port.
macro_rules! refused {
    ($result:expr, $error:ident) => {{
        let result = $result;
        assert!(
            matches!(result, Err(domain::StoreError::$error)),
            "{:?}",
            result.map(|_| ())
        );
    }};
}
pub(crate) use refused;

/// A user of this name, and the key that their tokens stand for.
pub fn user(tenant_id: TenantId, name: &str) -> (domain::User, ApiKey) {
    let key = key(tenant_id, name);
    let user = domain::User {
        id: domain::UserId::generate(),
        tenant_id,
        name: name.into(),
        role: domain::Role::Member,
        password: domain::user::HashedPassword("$argon2id$1".into()),
        key_id: key.id,
        disabled_at: None,
        password_at: at(0),
        created_at: at(0),
    };
    (user, key)
}

/// An assignment for a user, and the job that tells of it.
pub fn assignment(tenant_id: TenantId, title: &str) -> (domain::assignment::Assignment, Job) {
    let assignment = domain::assignment::Assignment {
        id: domain::AssignmentId::generate(),
        tenant_id,
        title: title.into(),
        description: String::new(),
        priority: domain::Priority::High,
        assignee: "ann".into(),
        recipient: domain::assignment::Recipient::User(domain::UserId::generate()),
        task_id: None,
        creator: "ci".into(),
        created_by: Some(KeyId::generate()),
        created_at: at(0),
        notified_at: None,
        done_at: None,
    };
    (assignment, job(tenant_id, Effect::Idempotent))
}

/// A message to these agents, and what is to become of it.
pub fn message(tenant_id: TenantId, to: &[&Agent]) -> (Message, Vec<Delivery>) {
    let message = Message {
        id: MessageId::generate(),
        tenant_id,
        from: Sender {
            tenant_id,
            agent_id: None,
            name: "key".into(),
            kind: "key".into(),
        },
        subject: "s".into(),
        body: json!({ "text": "hello" }),
        reply_to: None,
        sent_at: at(0),
        expires_at: at(100),
        tenants: vec![tenant_id],
        idempotency_key: None,
        fingerprint: String::new(),
    };
    let waiting = |agent: &&Agent| Delivery {
        tenant_id,
        message_id: message.id,
        agent_id: agent.id,
        agent: agent.name.clone(),
        state: DeliveryState::Waiting,
        moved_at: at(0),
        expires_at: at(100),
    };
    let waiting = to.iter().map(waiting).collect();
    (message, waiting)
}

/// That the tenant lets its own agents send messages to itself: what it says does not matter to storage.
pub fn grant(tenant_id: TenantId) -> Grant {
    Grant {
        tenant_id,
        to: tenant_id,
        verb: Verb::Message,
        granted_at: at(0),
    }
}
