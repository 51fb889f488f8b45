//! rest-api behind TLS, as people and the other services reach it.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use connectors::CredentialSource;
use control::Control;
use domain::job::ToolCallPayload;
use domain::ports::storage::Import;
use domain::{Clock, Effect, JobId, Principal, Priority, Provider, StoreError, SystemClock, Tool};
use proto::v1::catalogue_service_client::CatalogueServiceClient;
use proto::v1::{WatchRequest, watch_event};
use reqwest::{Certificate, Client};
use runtime::config::Secret;
use runtime::lifecycle::Lifecycle;
use runtime::listen::{ListenConfig, TlsConfig};
use runtime::tls::install_crypto_provider;
use secrecy::ExposeSecret;
use serde_json::json;
use telemetry::{Telemetry, TelemetryConfig};
use tempfile::TempDir;
use test_support::Authority;
use uplink::{ControlPlaneConfig, Credentials, Jobs, Link, Target, UplinkError};

const SERVICE_KEY: &str = "0123456789abcdef0123456789abcdef";
const SECRET: &[u8] = b"ghp_hunter2";
const SOON: Duration = Duration::from_secs(5);

/// A certificate for this host that signs itself, and its key.
struct Identity(TempDir);

impl Identity {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let names = ["localhost", "127.0.0.1"].map(str::to_owned);
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        std::fs::write(dir.path().join("cert.pem"), made.cert.pem()).unwrap();
        std::fs::write(dir.path().join("key.pem"), made.signing_key.serialize_pem()).unwrap();
        Self(dir)
    }

    fn certificate(&self) -> PathBuf {
        self.0.path().join("cert.pem")
    }

    fn listen(&self) -> ListenConfig {
        let tls = TlsConfig::files(self.certificate(), self.0.path().join("key.pem"));
        ListenConfig {
            tls: Some(tls),
            ..ListenConfig::default()
        }
    }
}

/// rest-api with both of its doors on TLS, a provider with a credential, and one tool.
struct RestApi {
    identity: Identity,
    http: String,
    grpc: String,
    control: Control,
    admin: String,
    caller: Principal,
    provider: Provider,
    tool: Tool,
    life: Lifecycle,
    _data: TempDir,
}

impl Drop for RestApi {
    fn drop(&mut self) {
        self.life.abandon();
    }
}

impl RestApi {
    async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    async fn start_with(change: impl FnOnce(&mut rest_api::config::GrpcConfig)) -> Self {
        install_crypto_provider();
        let (identity, data) = (Identity::new(), tempfile::tempdir().unwrap());
        let life = Lifecycle::new("rest-api");
        let deps = rest_api::Deps {
            telemetry: telemetry("rest-api"),
            life: life.clone(),
            clock: Arc::new(SystemClock),
            queue: Some(queue::memory()),
            cache: None,
            link: None,
        };
        let mut config = config(&identity, &data);
        change(&mut config.grpc);
        let service = rest_api::build(config, deps).await.unwrap();
        let (http, grpc) = (service.addr(), service.grpc_addr().unwrap());
        let control = service.control();
        service.start();
        let admin = std::fs::read_to_string(data.path().join("bootstrap.key")).unwrap();
        let caller = control.authenticate(admin.trim()).await.unwrap().unwrap();
        let (provider, tool) = provider(&control, &caller).await;
        Self {
            identity,
            http: format!("https://{http}/api/v1/whoami"),
            grpc: format!("https://{grpc}"),
            control,
            admin: admin.trim().to_owned(),
            caller,
            provider,
            tool,
            life,
            _data: data,
        }
    }

    fn control_plane(&self, authority: PathBuf) -> ControlPlaneConfig {
        ControlPlaneConfig {
            url: self.grpc.clone(),
            service_key: Secret::new(SERVICE_KEY),
            ca_file: Some(authority),
            ..ControlPlaneConfig::default()
        }
    }

    fn link(&self, config: &ControlPlaneConfig) -> Result<Link, UplinkError> {
        uplink::connect(config, Target::Remote, &telemetry("worker"), &self.life)
    }

    fn uplink(&self, authority: PathBuf) -> Result<Link, UplinkError> {
        self.link(&self.control_plane(authority))
    }

    fn trusted(&self) -> Link {
        self.uplink(self.identity.certificate()).unwrap()
    }
}

fn telemetry(service: &'static str) -> Telemetry {
    let info = runtime::process::service_info(service, "test");
    Telemetry::start_with_output(info, &TelemetryConfig::default(), std::io::sink()).unwrap()
}

fn config(identity: &Identity, data: &TempDir) -> rest_api::Config {
    let mut config = rest_api::Config {
        data_dir: data.path().to_owned(),
        listen: identity.listen(),
        ..rest_api::Config::default()
    };
    config.grpc.listen = identity.listen();
    config.grpc.service_key = Secret::new(SERVICE_KEY);
    let database = data.path().join("devmesh.db");
    config.database.url = Secret::new(format!("sqlite:{}", database.display()));
    config
}

async fn provider(control: &Control, caller: &Principal) -> (Provider, Tool) {
    let (id, tool) = (domain::ProviderId::generate(), domain::ToolId::generate());
    let now = SystemClock.now();
    let provider: Provider = serde_json::from_value(json!({
        "id": id, "tenant_id": caller.tenant_id, "name": "github", "kind": "openapi",
        "base_url": "https://api.example.com", "auth": { "type": "bearer" }, "selection": { "allow": [], "deny": [] },
        "allowed_hosts": [], "limits": {}, "health": "unknown", "version": 1,
        "created_at": now, "refreshed_at": now,
    }))
    .unwrap();
    let tool: Tool = serde_json::from_value(json!({
        "id": tool, "tenant_id": caller.tenant_id, "provider_id": id, "name": "github_get",
        "title": null, "description": "Reads it", "tags": [], "input_schema": { "type": "object" }, "output_schema": null,
        "annotations": { "read_only": true, "destructive": false, "idempotent": true, "open_world": true },
        "binding": { "type": "http", "method": "GET", "path": "/", "parameters": [] },
    }))
    .unwrap();
    let sealed = control.vault.seal(caller.tenant_id, id, SECRET).unwrap();
    let import = Import {
        provider: provider.clone(),
        tools: vec![tool.clone()],
        skipped: Vec::new(),
        description: "{}".to_owned(),
        description_url: None,
    };
    let providers = &control.storage.providers;
    providers
        .import(caller.tenant_id, &import, Some(&sealed))
        .await
        .unwrap();
    (provider, tool)
}

#[tokio::test]
async fn services_watch_enqueue_and_get_credentials_over_tls() {
    let rest_api = RestApi::start().await;
    let link = rest_api.trusted();
    let mut client = CatalogueServiceClient::new(link.clone());
    let mut events = client.watch(WatchRequest::default()).await.unwrap().into_inner();
    let mut seen = Vec::new();
    loop {
        let event = tokio::time::timeout(SOON, events.message()).await.unwrap();
        match event.unwrap().unwrap().event.unwrap() {
            watch_event::Event::Entity(entity) => {
                seen.push(String::from_utf8_lossy(&entity.json).into_owned())
            }
            watch_event::Event::SnapshotEnd(_) => break,
            _ => {}
        }
    }
    assert!(
        seen.iter().any(|entity| entity.contains("github_get")),
        "{seen:?}"
    );

    let RestApi {
        caller,
        tool,
        provider,
        ..
    } = &rest_api;
    let call = ToolCallPayload {
        tool: tool.name.clone(),
        arguments: json!({}),
    };
    let jobs = Jobs::new(link.clone(), SOON);
    let asked = jobs.enqueue_call(
        caller.tenant_id,
        caller.key_id,
        &call,
        Effect::Read,
        Priority::High,
        None,
    );
    let (job, existing) = asked.await.unwrap();
    assert!(!existing);
    let stored = rest_api
        .control
        .storage
        .jobs
        .get(caller.tenant_id, job.id)
        .await
        .unwrap();
    assert_eq!(stored.payload, json!({ "tool": "github_get", "arguments": {} }));

    let credentials = Credentials::new(link, SOON);
    let secret = credentials
        .credential(caller.tenant_id, provider.id, provider.version)
        .await
        .unwrap();
    assert_eq!(secret.unwrap().expose_secret().as_bytes(), SECRET);
}

#[tokio::test]
async fn a_service_that_trusts_another_authority_is_told_that_the_certificate_is_why() {
    let rest_api = RestApi::start().await;
    let stranger = Identity::new();
    let jobs = Jobs::new(rest_api.uplink(stranger.certificate()).unwrap(), SOON);
    let error = jobs
        .get(rest_api.caller.tenant_id, JobId::generate(), Duration::ZERO)
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    let why = error.source().unwrap().to_string();
    assert!(why.contains("invalid peer certificate"), "{why}");
}

#[tokio::test]
async fn a_service_without_the_certificate_that_rest_api_asks_for_is_told_which_settings_it_lacks() {
    let authority = Authority::new("clients").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let clients = dir.path().join("clients.crt");
    std::fs::write(&clients, authority.pem()).unwrap();
    let rest_api = RestApi::start_with(|grpc| {
        grpc.listen.tls.as_mut().unwrap().client_ca_file = Some(clients);
    })
    .await;
    let tenant = rest_api.caller.tenant_id;
    let ask = |link| async move {
        let jobs = Jobs::new(link, SOON);
        jobs.get(tenant, JobId::generate(), Duration::ZERO)
            .await
            .unwrap_err()
    };
    let refused = ask(rest_api.trusted()).await;
    assert!(matches!(refused, StoreError::Unavailable(_)), "{refused:?}");
    let why = refused.source().unwrap().to_string();
    let advice =
        "rest-api asks for a certificate: set control_plane.certificate_file and control_plane.key_file";
    assert!(why.contains(advice), "{why}");

    let own = authority.client(dir.path(), "worker").unwrap();
    let config = ControlPlaneConfig {
        certificate_file: Some(own.certificate),
        key_file: Some(own.key),
        ..rest_api.control_plane(rest_api.identity.certificate())
    };
    let answered = ask(rest_api.link(&config).unwrap()).await;
    assert!(matches!(answered, StoreError::NotFound), "{answered:?}");
    // The service key is asked for all the same.
    let another = ControlPlaneConfig {
        service_key: Secret::new("another key, as long as service keys are"),
        ..config
    };
    let refused = ask(rest_api.link(&another).unwrap()).await;
    assert!(matches!(refused, StoreError::Internal(_)), "{refused:?}");
}

#[tokio::test]
async fn half_of_what_tls_needs_is_refused_by_the_setting_that_lacks() {
    let rest_api = RestApi::start().await;
    let file = rest_api.identity.certificate();
    let whole = rest_api.control_plane(file.clone());
    let cases = [
        (
            ControlPlaneConfig {
                certificate_file: Some(file.clone()),
                ..whole.clone()
            },
            "control_plane.key_file: expected the private key of `control_plane.certificate_file`",
        ),
        (
            ControlPlaneConfig {
                key_file: Some(file.clone()),
                ..whole.clone()
            },
            "control_plane.certificate_file: expected the certificate of `control_plane.key_file`",
        ),
        (
            ControlPlaneConfig {
                url: whole.url.replace("https", "http"),
                ..whole
            },
            "control_plane.url: expected https://host:port, since `control_plane` names files for TLS",
        ),
    ];
    for (config, said) in cases {
        let error = rest_api.link(&config).err().expect(said);
        assert_eq!(error.to_string(), said);
    }
}

#[tokio::test]
async fn a_file_that_holds_no_authority_is_refused_by_its_key() {
    let rest_api = RestApi::start().await;
    let dir = tempfile::tempdir().unwrap();
    let (missing, empty) = (dir.path().join("missing.pem"), dir.path().join("empty.pem"));
    std::fs::write(&empty, "no certificate").unwrap();
    for path in [missing, empty] {
        let Err(error) = rest_api.uplink(path.clone()) else {
            panic!("{} was taken", path.display())
        };
        let text = error.to_string();
        assert!(
            text.contains("control_plane.ca_file") && text.contains(&*path.to_string_lossy()),
            "{text}"
        );
    }
}

#[tokio::test]
async fn people_reach_the_http_api_over_tls_with_the_certificate_and_not_without() {
    let rest_api = RestApi::start().await;
    let stranger = Identity::new();
    let ask = |client: Client, url: String| client.get(url).bearer_auth(&rest_api.admin).send();
    let answer = ask(trusting(&rest_api.identity), rest_api.http.clone())
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    assert!(ask(trusting(&stranger), rest_api.http.clone()).await.is_err());
    let plain = rest_api.http.replace("https://", "http://");
    let answered = ask(trusting(&rest_api.identity), plain).await;
    assert!(
        !answered.is_ok_and(|answer| answer.status().is_success()),
        "plain HTTP was served"
    );
}

#[expect(
    clippy::disallowed_methods,
    reason = "the test's own client, to loopback only"
)]
fn trusting(authority: &Identity) -> Client {
    let pem = std::fs::read(authority.certificate()).unwrap();
    let authority = Certificate::from_pem(&pem).unwrap();
    let client = Client::builder().no_proxy().tls_certs_only([authority]);
    client.build().unwrap()
}
