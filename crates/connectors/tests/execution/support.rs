//! A mesh of one provider, and an upstream that it reaches.

use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use connectors::{CallContext, Connectors, CredentialSource, EgressConfig, EgressError, Secret};
use domain::provider::{AuthScheme, CallLimits, ProviderKind, Selection};
use domain::tool::{
    Annotations, Binding, Body, BodyEncoding, BodySource, HttpBinding, Location, Parameter, Style,
};
use domain::{CallOutcome, Content, Provider, ProviderId, TenantId, Tool, ToolId};
use serde_json::{Value, json};
use telemetry::{ServiceInfo, Telemetry, TelemetryConfig};
use test_support::Upstream;

/// Hands out one secret and counts how often.
pub struct Vault {
    pub secret: Option<String>,
    pub asked: AtomicUsize,
    /// Whether it cannot be reached.
    pub silent: AtomicBool,
}

#[async_trait]
impl CredentialSource for Vault {
    async fn credential(&self, _: TenantId, _: ProviderId, _: i64) -> Result<Option<Secret>, String> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if self.silent.load(Ordering::Relaxed) {
            return Err("no answer".to_owned());
        }
        Ok(self.secret.clone().map(Secret::from))
    }
}

/// Everything that a log line went to.
#[derive(Clone, Default)]
pub struct Lines(pub Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

pub struct Mesh {
    pub connectors: Connectors,
    pub telemetry: Telemetry,
    pub vault: Arc<Vault>,
    pub provider: Provider,
    pub lines: Lines,
}

impl Mesh {
    /// A mesh that may reach this upstream.
    pub fn reaching(upstream: &Upstream) -> Self {
        let mut mesh = Self::with(EgressConfig::default(), TelemetryConfig::default(), None);
        mesh.provider.base_url = upstream.url().to_owned();
        mesh.provider.allowed_hosts = vec!["127.0.0.1".to_owned()];
        mesh
    }

    pub fn authorized(upstream: &Upstream, auth: AuthScheme, secret: &str) -> Self {
        let mut mesh = Self::with(
            EgressConfig::default(),
            TelemetryConfig::default(),
            Some(secret.to_owned()),
        );
        mesh.provider.base_url = upstream.url().to_owned();
        mesh.provider.allowed_hosts = vec![upstream.authority().to_owned()];
        mesh.provider.auth = auth;
        mesh
    }

    pub fn with(egress: EgressConfig, config: TelemetryConfig, secret: Option<String>) -> Self {
        let lines = Lines::default();
        let telemetry = telemetry(&config, lines.clone());
        let vault = Arc::new(Vault {
            secret,
            asked: AtomicUsize::new(0),
            silent: AtomicBool::new(false),
        });
        let connectors = Connectors::new(egress, vault.clone(), &telemetry).unwrap();
        Self {
            connectors,
            telemetry,
            vault,
            provider: provider(),
            lines,
        }
    }

    /// Only the connectors, or why there are none.
    pub fn connectors(egress: EgressConfig) -> Result<Connectors, EgressError> {
        let vault = Arc::new(Vault {
            secret: None,
            asked: AtomicUsize::new(0),
            silent: AtomicBool::new(false),
        });
        Connectors::new(
            egress,
            vault,
            &telemetry(&TelemetryConfig::default(), Lines::default()),
        )
    }

    pub async fn call(&self, tool: &Tool, arguments: Value) -> CallOutcome {
        self.connectors
            .call(&self.provider, tool, arguments, &CallContext::default())
            .await
    }
}

fn telemetry(config: &TelemetryConfig, lines: Lines) -> Telemetry {
    let info = ServiceInfo {
        name: "worker",
        version: "0",
        revision: "0",
        rustc: "0",
        environment: "test".to_owned(),
        instance: "0".to_owned(),
    };
    Telemetry::start_with_output(info, config, lines).unwrap()
}

fn provider() -> Provider {
    let epoch = chrono::DateTime::UNIX_EPOCH;
    Provider {
        id: ProviderId::generate(),
        tenant_id: TenantId::generate(),
        name: "acme".to_owned(),
        kind: ProviderKind::Openapi,
        base_url: "http://127.0.0.1:1".to_owned(),
        auth: AuthScheme::None,
        selection: Selection::default(),
        allowed_hosts: Vec::new(),
        limits: CallLimits::default(),
        health: domain::provider::Health::Unknown,
        version: 1,
        created_at: epoch,
        refreshed_at: epoch,
    }
}

/// A tool without parameters.
pub fn tool(method: &str, path: &str) -> Tool {
    Tool {
        id: ToolId::generate(),
        tenant_id: TenantId::generate(),
        provider_id: ProviderId::generate(),
        name: "acme_do".to_owned(),
        title: None,
        description: String::new(),
        tags: Vec::new(),
        input_schema: json!({"type": "object"}).into(),
        output_schema: None,
        annotations: Annotations {
            read_only: method == "GET",
            destructive: false,
            idempotent: false,
            open_world: true,
        },
        binding: Binding::Http(HttpBinding {
            method: method.to_owned(),
            path: path.to_owned(),
            base_url: None,
            parameters: Vec::new(),
            body: None,
            wraps_result: false,
        }),
    }
}

pub trait Build: Sized {
    fn http(&mut self) -> &mut HttpBinding;
    #[must_use]
    fn parameter(self, name: &str, location: Location, style: Style, explode: bool) -> Self;
    #[must_use]
    fn body(self, encoding: BodyEncoding, media_type: &str) -> Self;
}

impl Build for Tool {
    fn http(&mut self) -> &mut HttpBinding {
        let Binding::Http(binding) = &mut self.binding;
        binding
    }

    fn parameter(mut self, name: &str, location: Location, style: Style, explode: bool) -> Self {
        self.http().parameters.push(Parameter {
            argument: name.to_owned(),
            name: name.to_owned(),
            location,
            style,
            explode,
            allow_reserved: false,
            json: false,
        });
        self
    }

    fn body(mut self, encoding: BodyEncoding, media_type: &str) -> Self {
        self.http().body = Some(Body {
            source: BodySource::Argument {
                argument: "body".to_owned(),
            },
            encoding,
            media_type: media_type.to_owned(),
            required: true,
            parts: Vec::new(),
        });
        self
    }
}

/// All the text of an answer.
pub fn text(outcome: &CallOutcome) -> String {
    let texts = outcome.content.iter().filter_map(|content| match content {
        Content::Text { text } => Some(text.as_str()),
        _ => None,
    });
    texts.collect::<Vec<_>>().join("\n")
}
