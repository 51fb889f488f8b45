//! What one service lives in: a runtime whose threads log as that service, its telemetry and its life.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use runtime::lifecycle::{Lifecycle, signals};
use runtime::process::{ServiceConfig, StartError};
use runtime::threads;
use telemetry::ring::TraceRing;
use telemetry::{ProcessSeries, Telemetry};
use tokio::runtime::{Builder, Runtime};

use super::config::Config;
use super::logs::Logs;
use crate::failure::Failure;

/// The three services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The control plane.
    RestApi,
    /// Background jobs.
    Worker,
    /// The agents' edge.
    McpServer,
}

impl Role {
    /// The service's name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::RestApi => "rest-api",
            Self::Worker => "worker",
            Self::McpServer => "mcp-server",
        }
    }
}

/// A service that runs.
pub(super) struct Host {
    pub(super) role: Role,
    pub(super) life: Lifecycle,
    pub(super) telemetry: Telemetry,
    pub(super) drain: Duration,
    pub(super) address: SocketAddr,
    pub(super) tls: bool,
    runtime: Runtime,
}

/// A service's place, before the service is in it.
pub(super) struct Place {
    pub(super) role: Role,
    pub(super) life: Lifecycle,
    pub(super) telemetry: Telemetry,
    runtime: Runtime,
}

/// What the three log and record into.
pub(super) struct Shared<'a> {
    pub(super) logs: &'a Logs,
    pub(super) ring: Option<TraceRing>,
}

impl Place {
    /// Starts telemetry and the runtime of `role`. The series of the whole process are on rest-api's page.
    pub(super) fn prepare(role: Role, config: &Config, shared: &Shared<'_>) -> Result<Self, Failure> {
        let failed = |error: &dyn std::error::Error| Failure::of(role.name(), error);
        let info = runtime::process::service_info(role.name(), &config.environment);
        let spans = match role {
            Role::RestApi => config.rest_api.spans_dir(),
            Role::Worker => config.worker.spans_dir(),
            Role::McpServer => config.mcp_server.spans_dir(),
        };
        let telemetry = shared
            .logs
            .start(info, &config.telemetry(), shared.ring.clone(), spans)
            .map_err(|error| failed(&error))?;
        telemetry.process_series(match role {
            Role::RestApi => ProcessSeries::As("devmesh"),
            Role::Worker | Role::McpServer => ProcessSeries::Elsewhere,
        });
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let runtime = threads::service_runtime(role.name(), cores, telemetry.dispatch())
            .map_err(|error| failed(&error))?;
        telemetry.watch_runtime(runtime.handle().clone());
        Ok(Self {
            role,
            life: Lifecycle::new(role.name()),
            telemetry,
            runtime,
        })
    }

    /// Builds and starts the service on its own runtime; `start` answers where it listens. It may wait, for a database
    /// that is away, so a stop signal ends it: nothing is in flight yet.
    pub(super) fn fill<E: Into<StartError>>(
        self,
        (drain, tls): (Duration, bool),
        start: impl Future<Output = Result<SocketAddr, E>>,
    ) -> Result<Host, Failure> {
        let Self {
            role,
            life,
            telemetry,
            runtime,
        } = self;
        let start = async {
            tokio::select! {
                started = start => started.map_err(Into::into),
                () = signals() => Err(StartError::Failed("it was told to stop before it was up".into())),
            }
        };
        let address = match threads::block_on(&runtime, &telemetry.dispatch(), start) {
            Ok(address) => address,
            Err(error) => {
                telemetry.flush_logs();
                return Err(match error {
                    StartError::Settings(error) => Failure::Usage(format!("{}: {error}", role.name())),
                    StartError::Failed(error) => Failure::of(role.name(), error),
                });
            }
        };
        Ok(Host {
            role,
            life,
            telemetry,
            drain,
            address,
            tls,
            runtime,
        })
    }
}

impl Host {
    /// Runs something on the service's own runtime, where its connections live and its log lines are its own.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Failure> {
        #[expect(clippy::disallowed_methods, reason = "waited for right here")]
        let done = self.runtime.spawn(work);
        done.await.map_err(|error| Failure::of(self.role.name(), error))
    }

    /// Ends its runtime. What is left of it by now is dropped where it stands.
    pub(super) fn end(self) {
        self.runtime.shutdown_timeout(Duration::from_secs(1));
    }
}

/// The service in this role.
pub(super) fn of(hosts: &[Host], role: Role) -> Result<&Host, Failure> {
    let host = hosts.iter().find(|host| host.role == role);
    host.ok_or_else(|| Failure::Failed(format!("{} is not there", role.name())))
}

/// The runtime that looks after the services: signals and the order of the end. It runs nothing of theirs.
pub(super) fn coordinator() -> Result<Runtime, Failure> {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::of("runtime", error))
}

/// Waits until every service is ready.
///
/// # Errors
/// After `patience`, with the checks that are not healthy.
pub(super) async fn ready(hosts: &[Host], patience: Duration) -> Result<(), Failure> {
    let end = Instant::now() + patience;
    loop {
        let mut missing = Vec::new();
        for host in hosts {
            let health = host.telemetry.health().clone();
            let readiness = host.run(async move { health.readiness().await }).await?;
            let unhealthy = readiness
                .checks
                .into_iter()
                .filter(|(_, check)| check.status == telemetry::health::CheckStatus::Unhealthy);
            missing.extend(unhealthy.map(|(name, check)| {
                format!(
                    "{}: {name}: {}",
                    host.role.name(),
                    check.error.unwrap_or_default()
                )
            }));
        }
        if missing.is_empty() {
            return Ok(());
        }
        if Instant::now() > end {
            return Err(Failure::Failed(format!(
                "not ready after {patience:?}:\n  {}",
                missing.join("\n  ")
            )));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
