//! Builds rest-api from its settings, and runs it.

mod backends;
mod first_start;
mod grpc_on;
mod keys;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use cache::{Limiter, LimiterOptions, ServerGauges};
use control::{Control, SystemEntropy, SystemIds};
use domain::Clock;
use domain::ports::{Cache, Queue};
use runtime::admin::{Admin, OwnAddress};
use runtime::lifecycle::Lifecycle;
use runtime::link::LinkIncoming;
use runtime::listen::{ListenError, Listener};
use runtime::process::StartError;
use runtime::tls::TlsFileError;
use storage::ConnectError;
use telemetry::Telemetry;
use thiserror::Error;
use tonic::service::Routes;

use crate::config::Config;
use crate::fleet::Fleet;
use crate::grpc::{CalledTools, Grpc, services};
use crate::http::Http;
use crate::http::attempts::Attempts;
use crate::http::routes::events::Streams;
use crate::mesh::Mesh;
use crate::metrics::{AlertMetrics, AuthMetrics, JobMetrics, KeyMetrics};
use crate::parts;
use crate::parts::rewrap::Rewrap;
use backends::{open_cache, open_database, open_queue, register_checks};
use grpc_on::GrpcOn;

pub(crate) use keys::{SealingKeys, sqlite_file};
pub use keys::{fresh as fresh_sealing_key, sealing_key_file};

/// What rest-api is given from outside.
pub struct Deps {
    /// Its telemetry.
    pub telemetry: Telemetry,
    /// Its life.
    pub life: Lifecycle,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// The queue that it shares with the worker of the same process; from `queue.url` when absent.
    pub queue: Option<Arc<dyn Queue>>,
    /// The cache that it shares with mcp-server of the same process; from `cache.url` when absent.
    pub cache: Option<Arc<dyn Cache>>,
    /// The link to the services of the same process; gRPC listens on `grpc.listen` when absent.
    pub link: Option<LinkIncoming>,
}

/// Why rest-api cannot be built.
#[derive(Debug, Error)]
pub enum BuildError {
    /// A setting does not fit.
    #[error("{key}: {expected}")]
    Setting {
        /// The key.
        key: String,
        /// What is expected.
        expected: String,
    },
    /// The database cannot be opened.
    #[error(transparent)]
    Database(#[from] ConnectError),
    /// The broker's address is wrong.
    #[error("queue.url: {0}")]
    Queue(#[from] domain::ports::QueueError),
    /// The cache's address is wrong.
    #[error("cache.url: {0}")]
    Cache(#[from] domain::ports::cache::CacheError),
    /// A file of authorities does not fit.
    #[error(transparent)]
    Authorities(#[from] TlsFileError),
    /// A listener cannot be bound.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The first start failed.
    #[error("first start: {0}")]
    FirstStart(#[from] control::ControlError),
    /// Jobs that were under way when the process before this one ended cannot be read.
    #[error("jobs of the last run: {0}")]
    Recovery(#[source] control::ControlError),
    /// A file in `data_dir` cannot be read or written.
    #[error("data_dir: {path}: {source}")]
    DataDir {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}

impl From<crate::config::Misfit> for BuildError {
    fn from((key, expected): crate::config::Misfit) -> Self {
        Self::Setting { key, expected }
    }
}

impl BuildError {
    /// Whether the settings are at fault, so that trying again will not help.
    fn is_of_the_settings(&self) -> bool {
        match self {
            Self::Setting { .. } | Self::Queue(_) | Self::Cache(_) | Self::Authorities(_) => true,
            Self::Listen(error) => error.is_of_the_settings(),
            Self::Database(_) | Self::FirstStart(_) | Self::Recovery(_) | Self::DataDir { .. } => false,
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

/// How users sign in, by the settings.
pub(crate) fn sign_in(config: &Config) -> Result<control::SignIn, BuildError> {
    config.users.sign_in().map_err(|why| BuildError::Setting {
        key: "users.password_memory".to_owned(),
        expected: format!("parameters that argon2id knows: {why}"),
    })
}

/// rest-api, built and bound, not yet serving.
pub struct Service {
    http: (Listener, Router),
    admin: Option<OwnAddress>,
    grpc: Routes,
    grpc_on: GrpcOn,
    control: Control,
    mesh: Mesh,
    queue: Arc<dyn Queue>,
    limiter: Arc<Limiter>,
    cache: Arc<dyn Cache>,
    fleet: Arc<Fleet>,
    rewrap: Rewrap,
    config: Config,
    deps: (Telemetry, Lifecycle),
    started: telemetry::health::Latch,
}

/// Opens the database (with its migrations), makes the bootstrap key at the first start, and binds the listeners.
///
/// # Errors
/// See [`BuildError`]; nothing listens then.
pub async fn build(config: Config, deps: Deps) -> Result<Service, BuildError> {
    let Deps {
        telemetry,
        life,
        clock,
        queue,
        cache,
        link,
    } = deps;
    let started = telemetry.health().latch("started");
    crate::config::check(&config)?;
    let service_key = keys::service_key(&config)?;
    let entropy = Arc::new(SystemEntropy);
    let sealing_keys = SealingKeys::of(&config, entropy.as_ref())?;
    let vault = Arc::new(sealing_keys.vault(entropy.clone())?);
    let storage = open_database(&config, &telemetry, &life).await?;
    let in_process = queue.is_some();
    let queue = open_queue(queue, &config, &telemetry)?;
    register_checks(&telemetry, &storage, &queue);
    let cache = open_cache(cache, &config, &telemetry)?;
    let limiter = Arc::new(Limiter::new(
        Arc::clone(&cache),
        LimiterOptions::default(),
        &telemetry,
    ));
    let rewrap = Rewrap::new(sealing_keys, config.credentials.rewrap_interval, &telemetry);
    let control = Control {
        storage,
        clock,
        entropy,
        ids: Arc::new(SystemIds),
        vault,
        sign_in: Arc::new(sign_in(&config)?),
        rules: crate::config::rules(&config),
    };
    first_start::run(&control, &config).await?;
    if in_process {
        parts::sweeper::recover(&control)
            .await
            .map_err(BuildError::Recovery)?;
    }
    let fleet = Arc::new(Fleet::new(telemetry.clone(), Arc::clone(&cache)));
    let mesh = Mesh::new(control.clone(), &telemetry);
    let private = config.grpc.listen.tls.is_some() || link.is_some();
    let grpc = grpc(&mesh, &fleet, &config, private, &life);
    let grpc_on = GrpcOn::open(link, &config, &telemetry).await?;
    let api = api(&mesh, &queue, (&limiter, &cache), &config, (&telemetry, &life));
    let token = config.admin_token.as_ref();
    let (router, admin) = Admin::build(&config.admin, token, &telemetry, &life, Some(fleet.clone()))
        .await?
        .beside(api.merge(telemetry.public_router()), &telemetry);
    let http = (
        Listener::bind(&config.listen)
            .await
            .map_err(|error| error.in_section("listen"))?
            .named("http", &telemetry),
        router,
    );
    let grpc = services(grpc, &service_key);
    Ok(Service {
        http,
        admin,
        grpc,
        grpc_on,
        control,
        mesh,
        queue,
        limiter,
        cache,
        fleet,
        rewrap,
        config,
        deps: (telemetry, life),
        started,
    })
}

fn grpc(mesh: &Mesh, fleet: &Arc<Fleet>, config: &Config, private: bool, life: &Lifecycle) -> Grpc {
    let called = CalledTools::new(&mesh.control, config.jobs.tools_kept.get());
    Grpc {
        called: Arc::new(called),
        control: mesh.control.clone(),
        mesh: mesh.clone(),
        allow_insecure_credentials: config.grpc.allow_insecure_credentials,
        private,
        fleet: Arc::clone(fleet),
        stop: life.soft_stop(),
    }
}

fn api(
    mesh: &Mesh,
    queue: &Arc<dyn Queue>,
    (limiter, cache): (&Arc<Limiter>, &Arc<dyn Cache>),
    config: &Config,
    (telemetry, life): (&Telemetry, &Lifecycle),
) -> Router {
    let auth = AuthMetrics::new(telemetry);
    let alerts = AlertMetrics::new(telemetry);
    alerts.begin();
    let http = Http {
        control: mesh.control.clone(),
        mesh: mesh.clone(),
        queue: Arc::clone(queue),
        limiter: Arc::clone(limiter),
        attempts: Arc::new(Attempts::new(Arc::clone(cache), config.users.attempts())),
        default_limits: config.limits.defaults(),
        jobs: JobMetrics::new(telemetry),
        auth,
        alerts,
        streams: Streams::new(config.events.clone(), life.clone()),
        traces: telemetry.ring().cloned(),
        config: config.http.clone(),
    };
    crate::http::router(http).0
}

impl Service {
    /// Where the HTTP API listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.http.0.bound().addr
    }

    /// Where gRPC listens; none when it is an in-memory link.
    #[must_use]
    pub fn grpc_addr(&self) -> Option<SocketAddr> {
        match &self.grpc_on {
            GrpcOn::Listener(listener) => Some(listener.bound().addr),
            GrpcOn::Link(_) => None,
        }
    }

    /// The verbs, for the process that has everything in it.
    #[must_use]
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// Starts every part; they run until the lifecycle's soft stop.
    pub fn start(self) {
        let Self {
            http: (listener, router),
            admin,
            grpc,
            grpc_on,
            control,
            mesh,
            queue,
            limiter,
            cache,
            fleet,
            rewrap,
            config,
            deps: (telemetry, life),
            started,
        } = self;
        let (jobs, keys) = (JobMetrics::new(&telemetry), KeyMetrics::new(&telemetry));
        let stop = life.soft_stop();
        grpc_on.start(grpc, &telemetry, &life);
        life.spawn(
            "http",
            listener.counted_by(&telemetry).serve(router, life.clone()),
        );
        admin.into_iter().for_each(|admin| admin.start(&life));
        let settings = config.jobs.clone();
        life.spawn(
            "relay",
            parts::relay::run(
                control.clone(),
                queue,
                settings.clone(),
                jobs.clone(),
                stop.clone(),
            ),
        );
        life.spawn(
            "sweeper",
            parts::sweeper::run(control.clone(), settings.clone(), stop.clone()),
        );
        life.spawn(
            "schedule",
            parts::schedule::run(control.clone(), settings, stop.clone()),
        );
        let every = config.tasks.sweep_interval.get();
        life.spawn("events", parts::events::run(control.clone(), stop.clone()));
        life.spawn("mesh", parts::mesh::run(mesh.clone(), every, stop.clone()));
        life.spawn(
            "mesh_follow_up",
            parts::mesh::follow_up(mesh.clone(), stop.clone()),
        );
        life.spawn("mesh_gauges", parts::mesh::gauges(mesh, stop.clone()));
        let answers = config.http.idempotency_ttl;
        life.spawn(
            "retention",
            parts::retention::run(control.clone(), config.retention.clone(), answers, stop.clone()),
        );
        life.spawn("fleet", fleet.listen(stop.clone()));
        let server = ServerGauges::new(&telemetry);
        life.spawn("rewrap", rewrap.run(control.clone(), stop.clone()));
        life.spawn(
            "gauges",
            parts::gauges::run(
                control.clone(),
                (jobs, keys, telemetry.clone()),
                limiter,
                (cache, server),
                stop.clone(),
            ),
        );
        let health = telemetry.health().clone();
        life.spawn_task(async move {
            stop.cancelled().await;
            health.stopping();
        });
        started.open();
    }
}
