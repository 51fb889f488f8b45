//! Builds the worker from its settings, and runs it.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use connectors::{Connectors, EgressError};
use domain::Clock;
use domain::ports::Queue;
use runtime::admin::{Admin, OwnAddress};
use runtime::lifecycle::Lifecycle;
use runtime::listen::{ListenError, Listener};
use runtime::process::StartError;
use runtime::tls::{TlsFileError, authorities};
use telemetry::Telemetry;
use thiserror::Error;
use tokio_util::sync::CancellationToken;
use uplink::{Credentials, Gathering, Jobs, Link, Spool, Target, UplinkError};

use crate::attempt::Runner;
use crate::config::Config;
use crate::consume;
use crate::jobs::Kinds;
use crate::metrics::JobMetrics;
use crate::tools::{self, Tools};

/// What the worker is given from outside.
pub struct Deps {
    /// Its telemetry.
    pub telemetry: Telemetry,
    /// Its life.
    pub life: Lifecycle,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// The queue that it shares with rest-api of the same process; from `queue.url` when absent.
    pub queue: Option<Arc<dyn Queue>>,
    /// Where rest-api is.
    pub target: Target,
}

/// Why the worker cannot be built.
#[derive(Debug, Error)]
pub enum BuildError {
    /// The way to rest-api.
    #[error(transparent)]
    Uplink(#[from] UplinkError),
    /// Requests to upstreams.
    #[error("egress: {0}")]
    Egress(#[from] EgressError),
    /// The broker's address is wrong.
    #[error("queue.url: {0}")]
    Queue(#[from] domain::ports::QueueError),
    /// A file of authorities does not fit.
    #[error(transparent)]
    Authorities(#[from] TlsFileError),
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
            Self::Uplink(_) | Self::Egress(_) | Self::Queue(_) | Self::Authorities(_) => true,
            Self::Listen(error) => error.is_of_the_settings(),
            Self::Spool(_) => false,
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

/// The worker, built and bound, not yet running.
pub struct Service {
    listener: Listener,
    router: Router,
    admin: Option<OwnAddress>,
    queue: Arc<dyn Queue>,
    runner: Arc<Runner>,
    spool: Arc<Spool>,
    link: Link,
    concurrency: u16,
    idle_tools: std::time::Duration,
    telemetry: Telemetry,
    life: Lifecycle,
}

/// Opens the spool and binds the listener. rest-api and the broker may be away: they are reached when they are needed.
///
/// # Errors
/// See [`BuildError`].
pub async fn build(config: Config, deps: Deps) -> Result<Service, BuildError> {
    let Deps {
        telemetry,
        life,
        clock,
        queue,
        target,
    } = deps;
    let link = uplink::connect(&config.control_plane, target, &telemetry, &life)?;
    let timeout = config.control_plane.timeout.get();
    let jobs = Jobs::new(link.clone(), timeout).gathering(Gathering {
        together: config.jobs.together.into(),
        requests: config.jobs.requests.into(),
    });
    let credentials = Arc::new(Credentials::new(link.clone(), timeout));
    let connectors = Arc::new(Connectors::new(config.egress.clone(), credentials, &telemetry)?);
    let spool = Spool::open(config.spool.clone(), &telemetry)?;
    let queue = match queue {
        Some(queue) => queue,
        None => {
            let options = queue::QueueOptions {
                authorities: authorities("queue.ca_file", config.queue.ca_file.as_deref())?,
                prefix: config.queue.prefix.clone(),
                hold_ahead: config.queue.hold_ahead.get(),
                ..Default::default()
            };
            queue::connect(config.queue.url.expose(), &options, &telemetry)?
        }
    };
    register_checks(&telemetry, &queue, &spool, &connectors);
    let runner = Runner {
        jobs,
        kinds: Kinds {
            connectors,
            tools: Arc::new(Tools::default()),
            import: config.import,
            spool: Arc::clone(&spool),
        },
        metrics: JobMetrics::new(&telemetry),
        clock,
        owner: format!("{}-{}", telemetry.info().instance, domain::RecordId::generate()),
        lease: config.jobs.lease.get(),
        life: life.clone(),
    };
    let (router, admin) = Admin::build(
        &config.admin,
        config.admin_token.as_ref(),
        &telemetry,
        &life,
        None,
    )
    .await?
    .beside(telemetry.public_router(), &telemetry);
    Ok(Service {
        listener: Listener::bind(&config.listen)
            .await
            .map_err(|error| error.in_section("listen"))?
            .named("http", &telemetry),
        router,
        admin,
        queue,
        runner: Arc::new(runner),
        spool,
        link,
        concurrency: config.jobs.concurrency.max(1),
        idle_tools: config.jobs.idle_tools.get(),
        telemetry,
        life,
    })
}

fn register_checks(
    telemetry: &Telemetry,
    queue: &Arc<dyn Queue>,
    spool: &Arc<Spool>,
    connectors: &Arc<Connectors>,
) {
    // A provider that does not work is no fault of this process: the others' calls go on.
    let providers = Arc::clone(connectors);
    telemetry.health().register("circuit_breakers", false, move || {
        let breakers = providers.breakers();
        async move { breakers }
    });
    let queue = Arc::clone(queue);
    telemetry.health().register("queue", true, move || {
        let queue = Arc::clone(&queue);
        async move { queue.ping().await.map_err(|error| error.to_string()) }
    });
    let spool = Arc::clone(spool);
    telemetry.health().register("audit_spool", true, move || {
        let health = spool.health();
        async move { health }
    });
}

impl Service {
    /// Where `/metrics` and `/health` are served.
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
            queue,
            runner,
            spool,
            link,
            concurrency,
            idle_tools,
            telemetry,
            life,
        } = self;
        let stop = life.soft_stop();
        // Dropped with the last job: jobs that end while the worker drains leave records too.
        let drained = CancellationToken::new();
        let at_work = Arc::new(drained.clone().drop_guard());
        life.spawn(
            "http",
            listener.counted_by(&telemetry).serve(router, life.clone()),
        );
        if let Some(admin) = admin {
            admin.start(&life);
        }
        life.spawn(
            "fleet",
            uplink::attend_fleet(link.clone(), telemetry.clone(), stop.clone()),
        );
        let Kinds {
            tools, connectors, ..
        } = runner.kinds.clone();
        life.spawn(
            "tools",
            tools::watch(tools, connectors, runner.jobs.clone(), idle_tools, stop.clone()),
        );
        life.spawn(
            "jobs",
            consume::run(queue, concurrency, runner, at_work, life.clone()),
        );
        life.spawn("audit", spool.send(link, drained));
        let health = telemetry.health().clone();
        life.spawn_task(async move {
            stop.cancelled().await;
            health.stopping();
        });
    }
}
