//! A rest-api of the test's own, and a caller.

use std::net::SocketAddr;
use std::sync::Arc;

use domain::SystemClock;
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use rest_api::{Config, Deps};
use runtime::config::Secret;
use runtime::lifecycle::Lifecycle;
use runtime::listen::ListenConfig;
use serde_json::{Value, json};
use telemetry::{Telemetry, TelemetryConfig};
use tempfile::TempDir;

/// What services show.
pub const SERVICE_KEY: &str = "0123456789abcdef0123456789abcdef";

/// A running rest-api.
pub struct App {
    pub address: SocketAddr,
    pub grpc: SocketAddr,
    /// The bootstrap admin's key; empty where another replica made it.
    pub admin: String,
    pub control: control::Control,
    pub telemetry: Telemetry,
    life: Lifecycle,
    data: TempDir,
}

/// An answer, read.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// Asserts the status, and answers the body.
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        if self.text.is_empty() {
            Value::Null
        } else {
            self.json()
        }
    }

    /// The body without what differs from request to request.
    pub fn without_ids(&self) -> Value {
        let mut body = self.json();
        for key in ["request_id", "trace_id"] {
            body.as_object_mut().unwrap().remove(key);
        }
        body
    }
}

impl App {
    pub async fn on_sqlite() -> Self {
        Self::with(|_| {}).await
    }

    /// On SQLite, with settings that the test changes.
    pub async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let data = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", data.path().join("devmesh.db").display());
        Self::start(data, url, change).await
    }

    pub async fn on_postgres() -> Self {
        Self::on_postgres_with(|_| {}).await
    }

    /// On Postgres, with settings that the test changes.
    pub async fn on_postgres_with(change: impl FnOnce(&mut Config)) -> Self {
        let url = test_support::fresh_database().await.unwrap();
        Self::start(tempfile::tempdir().unwrap(), url, change).await
    }

    /// One more replica on the database at `url`.
    pub async fn replica(url: String) -> Self {
        Self::start(tempfile::tempdir().unwrap(), url, |_| {}).await
    }

    async fn start(data: TempDir, url: String, change: impl FnOnce(&mut Config)) -> Self {
        runtime::tls::install_crypto_provider();
        let telemetry = Telemetry::start_with_output(
            runtime::process::service_info("rest-api", "test"),
            &TelemetryConfig::default(),
            std::io::sink(),
        )
        .unwrap();
        // The first test of a process sets it; it is there for trace ids, whoever set it.
        let _ = tracing::dispatcher::set_global_default(telemetry.dispatch());
        let mut config = Config {
            data_dir: data.path().to_owned(),
            ..Config::default()
        };
        config.listen = ListenConfig::at("127.0.0.1:0");
        config.grpc.listen = ListenConfig::at("127.0.0.1:0");
        config.grpc.service_key = Secret::new(SERVICE_KEY);
        config.database.url = Secret::new(url);
        config.credentials.keys = vec![rest_api::config::KeyEncryptionKey {
            id: "test".into(),
            key: Secret::new("ab".repeat(32)),
        }];
        change(&mut config);
        let life = Lifecycle::new("rest-api");
        let clock = Arc::new(SystemClock);
        let deps = Deps {
            telemetry: telemetry.clone(),
            life: life.clone(),
            clock,
            queue: Some(queue::memory()),
            cache: None,
            link: None,
        };
        let service = rest_api::build(config, deps).await.unwrap();
        let (address, grpc, control) = (service.addr(), service.grpc_addr().unwrap(), service.control());
        service.start();
        let admin = std::fs::read_to_string(data.path().join("bootstrap.key"))
            .unwrap_or_default()
            .trim()
            .to_owned();
        Self {
            address,
            grpc,
            admin,
            control,
            telemetry,
            life,
            data,
        }
    }

    /// Its data directory.
    pub fn data(&self) -> &std::path::Path {
        self.data.path()
    }

    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        Client::new().request(method, format!("http://{}{path}", self.address))
    }

    pub async fn send(request: RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        Answer {
            status,
            headers,
            text: response.text().await.unwrap(),
        }
    }

    pub async fn get(&self, key: &str, path: &str) -> Answer {
        Self::send(self.request("GET", path).bearer_auth(key)).await
    }

    pub async fn put(&self, key: &str, path: &str, body: Value) -> Answer {
        Self::send(self.request("PUT", path).bearer_auth(key).json(&body)).await
    }

    pub async fn post(&self, key: &str, path: &str, body: Value) -> Answer {
        Self::send(self.request("POST", path).bearer_auth(key).json(&body)).await
    }

    /// A new tenant's admin key.
    pub async fn tenant(&self, name: &str) -> String {
        let created = self
            .post(&self.admin, "/api/v1/tenants", json!({ "name": name }))
            .await
            .expect(201);
        created["secret"].as_str().unwrap().to_owned()
    }

    /// A key's text and id.
    pub async fn key(&self, by: &str, body: Value) -> (String, String) {
        let created = self.post(by, "/api/v1/keys", body).await.expect(201);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&created["secret"]), text(&created["key"]["id"]))
    }

    /// Stores a provider with one tool, as a worker's import would.
    pub async fn provider(&self, key: &str, name: &str) {
        let principal = self.control.authenticate(key).await.unwrap().unwrap();
        let import = crate::providers::import(principal.tenant_id, name);
        self.control
            .storage
            .providers
            .import(principal.tenant_id, &import, None)
            .await
            .unwrap();
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.life.abandon();
    }
}
