//! Builds mcp-server from its settings, and runs it.

mod parts;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use cache::Limiter;
use connectors::{Connectors, EgressError};
use domain::Clock;
use domain::ports::Cache;
use domain::ports::cache::CacheError;
use runtime::admin::{Admin, OwnAddress};
use runtime::lifecycle::Lifecycle;
use runtime::listen::{ListenError, Listener};
use runtime::process::StartError;
use runtime::tls::TlsFileError;
use sha2::{Digest, Sha256};
use telemetry::Telemetry;
use thiserror::Error;
use tokio_util::sync::CancellationToken;
use uplink::{Credentials, KeyUses, Link, Spool, Target, UplinkError};

use crate::agents::{self, Agents, Subscriptions};
use crate::catalogue::{Catalogue, CatalogueKeys, Gone, Newcomers, Watch, tell_key_uses};
use crate::config::{CacheConfig, Config};
use crate::control_plane::RestApi;
use crate::engine::mesh::{Mesh, Shelves, follow_catalogue, keep_indexes};
use crate::engine::{Engine, EngineError, EngineMetrics, EngineParts, Listeners};
use crate::limits::Limits;
use crate::session::Sessions;
use crate::transport::{Transport, TransportParts, Upkeep};
use crate::ws::{WebSocketParts, WebSockets};

/// What mcp-server is given from outside.
pub struct Deps {
    /// Its telemetry.
    pub telemetry: Telemetry,
    /// Its life.
    pub life: Lifecycle,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// The cache that it shares with others of the same process; from `cache.url` when absent.
    pub cache: Option<Arc<dyn Cache>>,
    /// Where rest-api is.
    pub target: Target,
}

/// Why mcp-server cannot be built.
#[derive(Debug, Error)]
pub enum BuildError {
    /// Agents could take every place, and no probe or scrape would get one.
    #[error(
        "websocket.max_connections: expected less than listen.max_connections ({listen}), whose other places are for requests, probes and scrapes; it is {websocket}"
    )]
    NoPlaceLeft {
        /// `listen.max_connections`.
        listen: usize,
        /// `websocket.max_connections`.
        websocket: usize,
    },
    /// The way to rest-api.
    #[error(transparent)]
    Uplink(#[from] UplinkError),
    /// Requests to upstreams.
    #[error("egress: {0}")]
    Egress(#[from] EgressError),
    /// The cache's address is wrong.
    #[error("cache.url: {0}")]
    Cache(#[from] CacheError),
    /// A file of authorities does not fit.
    #[error(transparent)]
    Authorities(#[from] TlsFileError),
    /// The engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The listener cannot be bound.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The audit spool cannot be opened.
    #[error("spool.dir: {0}")]
    Spool(#[from] std::io::Error),
}

impl BuildError {
    /// Whether the settings are at fault, so that trying again will not help.
    fn is_of_the_settings(&self) -> bool {
        match self {
            Self::NoPlaceLeft { .. }
            | Self::Uplink(_)
            | Self::Egress(_)
            | Self::Cache(_)
            | Self::Authorities(_) => true,
            Self::Listen(error) => error.is_of_the_settings(),
            Self::Engine(_) | Self::Spool(_) => false,
        }
    }
}

impl From<BuildError> for StartError {
    fn from(error: BuildError) -> Self {
        if error.is_of_the_settings() {
            Self::Settings(error.into())
        } else {
            Self::Failed(error.into())
        }
    }
}

/// mcp-server, built and bound, not yet serving.
pub struct Service {
    listener: Listener,
    router: Router,
    admin: Option<OwnAddress>,
    upkeep: Upkeep,
    sockets: WebSockets,
    listeners: Listeners,
    catalogue: Catalogue,
    shelves: Shelves,
    watch: Watch,
    connectors: Arc<Connectors>,
    credentials_ahead: usize,
    limiter: Arc<Limiter>,
    key_uses: Arc<KeyUses>,
    spool: Arc<Spool>,
    agents: Arc<Agents>,
    link: Link,
    telemetry: Telemetry,
    life: Lifecycle,
}

/// Opens the spool and binds the listener. rest-api and the cache may be away: without rest-api the service is not
/// ready until it was heard once.
///
/// # Errors
/// See [`BuildError`].
pub async fn build(config: Config, deps: Deps) -> Result<Service, BuildError> {
    let Deps {
        telemetry,
        life,
        clock,
        cache,
        target,
    } = deps;
    config.leaves_places()?;
    let link = uplink::connect(&config.control_plane, target, &telemetry, &life)?;
    let timeout = config.control_plane.timeout.get();
    let credentials = Arc::new(Credentials::new(link.clone(), timeout));
    let connectors = Arc::new(Connectors::new(config.egress.clone(), credentials, &telemetry)?);
    let spool = Spool::open(config.spool.clone(), &telemetry)?;
    let cache = cache.map_or_else(|| connect_cache(&config.cache, &telemetry), Ok)?;
    register_checks(&telemetry, &cache, &spool, &connectors);
    let catalogue = Catalogue::with_config(config.catalogue.clone());
    let listeners = Listeners::default();
    let metrics = EngineMetrics::new(&telemetry);
    let gone = forget(Arc::clone(&connectors), metrics.clone());
    let watch = Watch::new(catalogue.clone(), link.clone(), &telemetry, gone);
    let limiter = Limiter::new(Arc::clone(&cache), config.limits.options(), &telemetry);
    let limiter = Arc::new(limiter);
    let control_plane = Arc::new(RestApi::new(link.clone(), timeout));
    let agents = Arc::new(Agents::new(Arc::clone(&control_plane) as _));
    let mesh = Mesh::new(
        catalogue.clone(),
        Arc::clone(&connectors),
        control_plane,
        Limits::new(catalogue.clone(), Arc::clone(&limiter), &config.limits),
        config.mcp.clone(),
    );
    let shelves = mesh.shelves();
    let engine = Engine::new(EngineParts {
        backend: mesh,
        audit: Arc::clone(&spool) as Arc<_>,
        listeners: listeners.clone(),
        metrics,
        config: config.mcp.clone(),
        clock: Arc::clone(&clock),
        state_key: state_key(&config)?,
        stop: life.hard_stop(),
    })?;
    let (key_uses, keys) = keys(&catalogue, &link, &telemetry);
    let parts = TransportParts {
        engine,
        sessions: Sessions::new(Arc::clone(&cache), config.sessions.clone()),
        keys: Arc::new(keys),
        config: config.http.clone(),
        clock,
        soft_stop: life.soft_stop(),
        hard_stop: life.hard_stop(),
    };
    let (transport, sockets) = doors(parts, cache, (&agents, &link), &config, &telemetry, &life);
    let (router, admin) = routers((&transport, &sockets), &config, &telemetry, &life).await?;
    Ok(Service {
        listener: Listener::bind(&config.listen)
            .await
            .map_err(|error| error.in_section("listen"))?
            .named("http", &telemetry),
        router,
        admin,
        upkeep: transport.upkeep(),
        sockets,
        listeners,
        catalogue,
        shelves,
        watch,
        connectors,
        credentials_ahead: config.catalogue.credentials_ahead,
        limiter,
        key_uses,
        spool,
        agents,
        link,
        telemetry,
        life,
    })
}

/// The keys, and who notes that they are used.
fn keys(catalogue: &Catalogue, link: &Link, telemetry: &Telemetry) -> (Arc<KeyUses>, CatalogueKeys) {
    let uses = Arc::new(KeyUses::default());
    let newcomers = Newcomers::new(catalogue.clone(), link.clone(), telemetry);
    let keys = CatalogueKeys::new(catalogue.clone(), Arc::clone(&uses), newcomers);
    (uses, keys)
}

/// The doors: one for requests, one for connections.
fn doors(
    parts: TransportParts<Mesh>,
    cache: Arc<dyn Cache>,
    (agents, link): (&Arc<Agents>, &Link),
    config: &Config,
    telemetry: &Telemetry,
    life: &Lifecycle,
) -> (Transport, WebSockets) {
    let engine = parts.engine.for_session();
    let transport = Transport::new(parts);
    let subscriptions = Subscriptions::new(link.clone(), life.clone());
    let sockets = WebSockets::new(WebSocketParts {
        engine,
        methods: agents::table(agents, &Arc::new(subscriptions)),
        gate: transport.gate(),
        config: config.websocket.clone(),
        cache,
        life: life.clone(),
        telemetry: telemetry.clone(),
    });
    (transport, sockets)
}

/// What its own port serves, and what an address for operators serves.
async fn routers(
    (transport, sockets): (&Transport, &WebSockets),
    config: &Config,
    telemetry: &Telemetry,
    life: &Lifecycle,
) -> Result<(Router, Option<OwnAddress>), ListenError> {
    let token = config.admin_token.as_ref();
    let admin = Admin::build(&config.admin, token, telemetry, life, None).await?;
    let served = transport.router().merge(sockets.router());
    let public = served.merge(telemetry.public_router());
    Ok(admin.beside(public, telemetry))
}

fn connect_cache(config: &CacheConfig, telemetry: &Telemetry) -> Result<Arc<dyn Cache>, BuildError> {
    let options = config.options()?;
    Ok(cache::connect(config.url.expose(), &options, telemetry)?)
}

fn register_checks(
    telemetry: &Telemetry,
    cache: &Arc<dyn Cache>,
    spool: &Arc<Spool>,
    connectors: &Arc<Connectors>,
) {
    // A provider that does not work is no fault of this process: the others' calls go on.
    let providers = Arc::clone(connectors);
    telemetry.health().register("circuit_breakers", false, move || {
        let breakers = providers.breakers();
        async move { breakers }
    });
    // Without the cache sessions are this replica's own; requests are answered all the same.
    let cache = Arc::clone(cache);
    telemetry.health().register("cache", false, move || {
        let cache = Arc::clone(&cache);
        async move { cache.ping().await.map_err(|error| error.to_string()) }
    });
    let spool = Arc::clone(spool);
    telemetry.health().register("audit_spool", true, move || {
        let health = spool.health();
        async move { health }
    });
}

/// What is kept of tools and providers goes with them.
fn forget(connectors: Arc<Connectors>, metrics: EngineMetrics) -> impl Fn(Gone) + Send + Sync {
    move |gone| {
        for provider in gone.providers {
            connectors.forget(provider);
        }
        for name in &gone.provider_names {
            connectors.retire_provider(name);
        }
        for tool in &gone.tools {
            connectors.retire_tool(tool);
            metrics.retire_tool(tool);
        }
    }
}

/// What seals the states that clients carry: the same on every replica, because all show the same service key. It stays
/// what it was at the start when the service key is rotated, so that replicas go on opening each other's.
fn state_key(config: &Config) -> Result<Vec<u8>, BuildError> {
    let keys = config.control_plane.service_key()?.now();
    let mut hash = Sha256::new();
    hash.update(b"devmesh request state\0");
    if let Some(key) = keys.first() {
        hash.update(key.expose().as_bytes());
    }
    Ok(hash.finalize().to_vec())
}

impl Service {
    /// Where `/mcp`, `/metrics` and `/health` are served.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.listener.bound().addr
    }

    /// Starts every part; they run until the lifecycle's soft stop.
    pub fn start(self) {
        let Self {
            listener,
            router,
            admin,
            upkeep,
            sockets,
            listeners,
            catalogue,
            shelves,
            watch,
            connectors,
            credentials_ahead,
            limiter,
            key_uses,
            spool,
            agents,
            link,
            telemetry,
            life,
        } = self;
        let stop = life.soft_stop();
        let served = CancellationToken::new();
        let http = listener.counted_by(&telemetry).serve(router, life.clone());
        let done = served.clone().drop_guard();
        life.spawn("http", async move {
            let served = http.await;
            drop(done);
            served
        });
        if let Some(admin) = admin {
            admin.start(&life);
        }
        life.spawn(
            "fleet",
            uplink::attend_fleet(link.clone(), telemetry.clone(), stop.clone()),
        );
        let drained = CancellationToken::new();
        life.spawn("audit", spool.send(link.clone(), drained.clone()));
        parts::spawn(&life, "watch", watch.run(stop.clone()));
        let told = agents::run(agents, link.clone(), stop.clone());
        life.spawn("agents", told);
        parts::spawn(&life, "key uses", tell_key_uses(key_uses, link, stop.clone()));
        let ahead = parts::keep_credentials(
            Arc::clone(&connectors),
            catalogue.clone(),
            credentials_ahead,
            stop.clone(),
        );
        parts::spawn(&life, "credentials", ahead);
        parts::spawn(&life, "connectors", parts::sweep(connectors, stop.clone()));
        parts::spawn(&life, "limits", parts::show_limits(limiter, stop.clone()));
        parts::spawn(&life, "search", keep_indexes(shelves, stop.clone()));
        let of_sessions = upkeep.clone();
        let soft = stop.clone();
        parts::spawn(&life, "sessions", async move { of_sessions.run(soft).await });
        parts::spawn(&life, "websockets", sockets.upkeep(stop.clone()));
        let soft = stop.clone();
        parts::spawn(&life, "notices", async move {
            follow_catalogue(&catalogue, &listeners, &upkeep, soft).await;
        });
        let health = telemetry.health().clone();
        life.spawn_task(async move {
            stop.cancelled().await;
            health.stopping();
            // Calls that end while the service drains leave records too.
            served.cancelled().await;
            drained.cancel();
        });
    }
}
