//! One replica of the edge, on a port of its own.

use std::sync::Arc;
use std::time::Duration;

use cache::Limiter;
use connectors::{Connectors, EgressConfig};
use domain::ports::Cache;
use domain::{Clock, Entity, SystemClock};
use mcp_server::catalogue::{Catalogue, CatalogueConfig};
use mcp_server::engine::mesh::{Mesh, follow_catalogue};
use mcp_server::engine::{Backend, Engine, EngineConfig, EngineMetrics, EngineParts, Listeners};
use mcp_server::limits::{Limits, LimitsConfig};
use mcp_server::methods::MethodTable;
use mcp_server::session::{SessionConfig, Sessions};
use mcp_server::transport::{Transport, TransportConfig, TransportParts};
use mcp_server::ws::{Connections, WebSocketConfig, WebSocketParts, WebSockets};
use runtime::lifecycle::Lifecycle;
use runtime::listen::{ListenConfig, Listener};
use runtime::tls::install_crypto_provider;
use telemetry::{ServiceInfo, Telemetry, TelemetryConfig};

use super::behind::{Jobs, NoCredentials, Records};
use super::client::Client;
use super::things::World;

/// What a test sets differently.
#[derive(Clone)]
pub struct Options {
    pub cache: Arc<dyn Cache>,
    pub catalogue: CatalogueConfig,
    pub engine: EngineConfig,
    pub limits: LimitsConfig,
    pub sessions: SessionConfig,
    pub transport: TransportConfig,
    pub websocket: WebSocketConfig,
    pub methods: fn() -> MethodTable,
}

/// Most tests are about the tools of the catalogue alone.
fn without_task_tools() -> EngineConfig {
    let mut config = EngineConfig::default();
    config.tools.tasks = false;
    config
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cache: cache::memory(),
            catalogue: CatalogueConfig::default(),
            engine: without_task_tools(),
            limits: LimitsConfig::default(),
            sessions: SessionConfig::default(),
            transport: TransportConfig::default(),
            websocket: WebSocketConfig::default(),
            methods: MethodTable::default,
        }
    }
}

/// A running replica. It stops when it is dropped.
pub struct Edge {
    pub url: String,
    pub catalogue: Catalogue,
    pub audit: Arc<Records>,
    pub jobs: Arc<Jobs>,
    pub telemetry: Telemetry,
    pub listeners: Listeners,
    pub connections: Connections,
    life: Lifecycle,
}

impl Drop for Edge {
    fn drop(&mut self) {
        self.life.abandon();
    }
}

impl Edge {
    /// A replica that knows `world`.
    pub async fn start(world: &World) -> Self {
        Self::with(world, Options::default()).await
    }

    pub async fn with(world: &World, options: Options) -> Self {
        Self::knowing(world.entities(), options).await
    }

    /// A replica that knows these.
    pub async fn knowing(entities: Vec<Entity>, options: Options) -> Self {
        let catalogue = Catalogue::with_config(options.catalogue.clone());
        for entity in entities {
            catalogue.put(entity);
        }
        let telemetry = telemetry();
        let egress = EgressConfig::default();
        let connectors = Arc::new(Connectors::new(egress, Arc::new(NoCredentials), &telemetry).unwrap());
        let jobs = Arc::new(Jobs::default());
        let control_plane = Arc::clone(&jobs);
        let limiter = Limiter::new(Arc::clone(&options.cache), options.limits.options(), &telemetry);
        let mesh = Mesh::new(
            catalogue.clone(),
            connectors,
            control_plane,
            Limits::new(catalogue.clone(), Arc::new(limiter), &options.limits),
            options.engine.clone(),
        );
        Self::serving(mesh, catalogue, jobs, telemetry, options).await
    }

    /// A replica with any backend.
    pub async fn of(world: &World, backend: impl Backend) -> Self {
        Self::of_with(world, backend, Options::default()).await
    }

    /// A replica with any backend that is set differently.
    pub async fn of_with(world: &World, backend: impl Backend, options: Options) -> Self {
        let catalogue = Catalogue::new();
        for entity in world.entities() {
            catalogue.put(entity);
        }
        Self::serving(backend, catalogue, Arc::default(), telemetry(), options).await
    }

    async fn serving(
        backend: impl Backend,
        catalogue: Catalogue,
        jobs: Arc<Jobs>,
        telemetry: Telemetry,
        options: Options,
    ) -> Self {
        install_crypto_provider();
        let life = Lifecycle::new("mcp-server");
        let (audit, listeners) = (Arc::new(Records::default()), Listeners::default());
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let engine = Engine::new(EngineParts {
            backend,
            audit: Arc::clone(&audit) as Arc<_>,
            listeners: listeners.clone(),
            metrics: EngineMetrics::new(&telemetry),
            config: options.engine,
            clock: Arc::clone(&clock),
            state_key: vec![7; 32],
            stop: life.hard_stop(),
        })
        .unwrap();
        let for_sockets = engine.for_session();
        let transport = Transport::new(TransportParts {
            engine,
            sessions: Sessions::new(Arc::clone(&options.cache), options.sessions),
            keys: Arc::new(catalogue.clone()),
            config: options.transport,
            clock,
            soft_stop: life.soft_stop(),
            hard_stop: life.hard_stop(),
        });
        let sockets = WebSockets::new(WebSocketParts {
            engine: for_sockets,
            methods: (options.methods)(),
            gate: transport.gate(),
            config: options.websocket,
            cache: options.cache,
            life: life.clone(),
            telemetry: telemetry.clone(),
        });
        let router = transport.router().merge(sockets.router());
        let listener = Listener::bind(&ListenConfig::default()).await.unwrap();
        let url = format!("{}/mcp", listener.bound().url());
        life.spawn("http", listener.serve(router, life.clone()));
        let moves = sockets.upkeep(life.soft_stop());
        life.spawn("websockets", async move {
            moves.await;
            Ok::<(), anyhow::Error>(())
        });
        upkeep(&life, &transport, &catalogue, listeners.clone());
        Self {
            url,
            catalogue,
            audit,
            jobs,
            telemetry,
            listeners,
            connections: sockets.connections(),
            life,
        }
    }

    /// A client of this replica.
    pub fn client(&self, key: &str) -> Client {
        Client::new(&self.url, key)
    }

    /// The address of its WebSocket door.
    pub fn ws_url(&self) -> String {
        self.url.replacen("http", "ws", 1).replace("/mcp", "/ws")
    }

    /// Asks it to stop.
    pub fn begin_to_stop(&self) {
        self.life.stop();
    }

    /// Stops as a service does.
    pub async fn stop(&self) {
        self.life.stop();
        self.life.run_until_stopped(Duration::from_secs(5)).await.unwrap();
    }
}

fn upkeep(life: &Lifecycle, transport: &Transport, catalogue: &Catalogue, listeners: Listeners) {
    let (upkeep, stop) = (transport.upkeep(), life.soft_stop());
    life.spawn("upkeep", async move {
        upkeep.run(stop).await;
        Ok::<(), anyhow::Error>(())
    });
    let (upkeep, stop, catalogue) = (transport.upkeep(), life.soft_stop(), catalogue.clone());
    life.spawn("catalogue", async move {
        follow_catalogue(&catalogue, &listeners, &upkeep, stop).await;
        Ok::<(), anyhow::Error>(())
    });
}

fn telemetry() -> Telemetry {
    let info = ServiceInfo {
        name: "mcp-server",
        version: "0",
        revision: "0",
        rustc: "0",
        environment: "test".to_owned(),
        instance: "0".to_owned(),
    };
    Telemetry::start_with_output(info, &TelemetryConfig::default(), std::io::sink()).unwrap()
}
