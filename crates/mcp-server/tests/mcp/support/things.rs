//! Tenants with keys, a provider and tools.

use chrono::{DateTime, Utc};
use domain::provider::{AuthScheme, CallLimits, Health, ProviderKind, Selection};
use domain::tool::{Annotations, Binding, HttpBinding, Location, Parameter, Style};
use domain::{
    ApiKey, Clock, Entity, KeyId, KeyKind, PresentedKey, Provider, ProviderId, Scopes, SystemClock, TenantId,
    Tool, ToolId,
};
use serde_json::json;
use test_support::Upstream;

/// One tenant: a provider that reaches an upstream, its tools, its keys.
pub struct Tenant {
    pub id: TenantId,
    pub provider: Provider,
    pub tools: Vec<Tool>,
    pub keys: Vec<ApiKey>,
}

/// Everything that the catalogue of every replica holds.
pub struct World {
    pub upstream: Upstream,
    pub tenants: Vec<Tenant>,
}

impl World {
    /// One tenant with two tools: `acme_get` (`GET /items/{id}`) and `acme_add` (`POST /items`).
    pub async fn new() -> Self {
        let upstream = Upstream::start().await.unwrap();
        let tenant = Tenant::new(&upstream);
        Self {
            upstream,
            tenants: vec![tenant],
        }
    }

    pub fn tenant(&mut self) -> &mut Tenant {
        &mut self.tenants[0]
    }

    /// A key of the first tenant with an agent's scopes.
    pub fn key(&mut self) -> String {
        self.tenant().key(KeyKind::Agent.default_scopes(), None)
    }

    pub fn entities(&self) -> Vec<Entity> {
        let of = |tenant: &Tenant| {
            let keys = tenant.keys.iter().cloned().map(Entity::Key);
            let tools = tenant
                .tools
                .iter()
                .cloned()
                .map(|tool| Entity::Tool(Box::new(tool)));
            let provider = std::iter::once(Entity::Provider(tenant.provider.clone()));
            provider.chain(keys).chain(tools).collect::<Vec<_>>()
        };
        self.tenants.iter().flat_map(of).collect()
    }
}

impl Tenant {
    pub fn new(upstream: &Upstream) -> Self {
        let id = TenantId::generate();
        let provider = provider(id, upstream);
        let mut get = tool(&provider, "acme_get", "GET", "/items/{id}");
        get.input_schema = json!({
            "type": "object",
            "properties": { "id": { "type": "integer" } },
            "required": ["id"],
            "additionalProperties": false
        })
        .into();
        let Binding::Http(http) = &mut get.binding;
        http.parameters.push(Parameter {
            argument: "id".to_owned(),
            name: "id".to_owned(),
            location: Location::Path,
            style: Style::Simple,
            explode: false,
            allow_reserved: false,
            json: false,
        });
        let add = tool(&provider, "acme_add", "POST", "/items");
        Self {
            id,
            provider,
            tools: vec![get, add],
            keys: Vec::new(),
        }
    }

    /// A new key; answers its text.
    pub fn key(&mut self, scopes: Scopes, expires_at: Option<DateTime<Utc>>) -> String {
        let mut random = [0; 38];
        for chunk in random.chunks_mut(16) {
            chunk.copy_from_slice(&uuid::Uuid::new_v4().as_bytes()[..chunk.len()]);
        }
        let presented = PresentedKey::mint(&random);
        self.keys.push(ApiKey {
            id: KeyId::generate(),
            tenant_id: self.id,
            name: format!("key-{}", self.keys.len()),
            kind: KeyKind::Agent,
            scopes,
            pins: Vec::new(),
            prefix: presented.prefix().to_owned(),
            hash: presented.hash().to_vec(),
            expires_at,
            revoked_at: None,
            last_used_at: None,
            created_at: SystemClock.now(),
        });
        presented.reveal().to_string()
    }
}

/// The key, revoked just now.
pub fn revoked(key: &ApiKey) -> Entity {
    Entity::Key(ApiKey {
        revoked_at: Some(SystemClock.now()),
        ..key.clone()
    })
}

fn provider(tenant_id: TenantId, upstream: &Upstream) -> Provider {
    let now = SystemClock.now();
    Provider {
        id: ProviderId::generate(),
        tenant_id,
        name: "acme".to_owned(),
        kind: ProviderKind::Openapi,
        base_url: upstream.url().to_owned(),
        auth: AuthScheme::None,
        selection: Selection::default(),
        allowed_hosts: vec!["127.0.0.1".to_owned()],
        limits: CallLimits::default(),
        health: Health::Unknown,
        version: 1,
        created_at: now,
        refreshed_at: now,
    }
}

/// A tool without parameters.
pub fn tool(provider: &Provider, name: &str, method: &str, path: &str) -> Tool {
    Tool {
        id: ToolId::generate(),
        tenant_id: provider.tenant_id,
        provider_id: provider.id,
        name: name.to_owned(),
        title: None,
        description: format!("{method} {path}"),
        tags: Vec::new(),
        input_schema: json!({ "type": "object" }).into(),
        output_schema: None,
        annotations: Annotations {
            read_only: method == "GET",
            destructive: method == "DELETE",
            idempotent: method == "GET",
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
