//! The process of one service: what its `main` calls, and all that it does.
//!
//! Read the settings, start telemetry, make the runtime, start the service's parts, wait for a signal or for a part
//! that dies, drain, flush. Exit codes: 0 stopped as asked, 1 failed, 2 the settings do not fit.

mod probe;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use telemetry::{Extras, ServiceInfo, Telemetry, TelemetryConfig};

use crate::config::{self, ConfigError, Sources};
use crate::lifecycle::{Lifecycle, stop_on_signals};
use crate::{threads, tls};
use probe::Probe;

/// The commit that was built, as far as the build could tell.
pub const REVISION: &str = env!("DEVMESH_REVISION");
/// The compiler that built it.
pub const RUSTC: &str = env!("DEVMESH_RUSTC");

/// Variables of the observability contract (section 5), and the keys that they set.
const TELEMETRY_ALIASES: [(&str, &str); 18] = [
    ("LOG_LEVEL", "monitoring.logging.level"),
    ("LOG_FORMAT", "monitoring.logging.format"),
    ("ENABLE_TRACING", "tracing.enabled"),
    ("TRACING_MODE", "tracing.mode"),
    ("OTEL_TRACES_SAMPLER", "tracing.sampler"),
    // Before ours, which wins.
    ("OTEL_TRACES_SAMPLER_ARG", "tracing.sample_rate"),
    ("TRACING_SAMPLE_RATE", "tracing.sample_rate"),
    ("OTEL_TRACES_EXPORTER", "tracing.exporter"),
    ("OTEL_METRICS_EXPORTER", "monitoring.otlp.metrics_exporter"),
    ("OTEL_LOGS_EXPORTER", "monitoring.otlp.logs_exporter"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "tracing.endpoint"),
    (
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        "monitoring.otlp.traces_endpoint",
    ),
    (
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
        "monitoring.otlp.metrics_endpoint",
    ),
    (
        "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
        "monitoring.otlp.logs_endpoint",
    ),
    ("OTEL_EXPORTER_OTLP_PROTOCOL", "monitoring.otlp.protocol"),
    ("OTEL_EXPORTER_OTLP_HEADERS", "monitoring.otlp.headers"),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "monitoring.otlp.timeout_ms"),
    (
        "OTEL_METRIC_EXPORT_INTERVAL",
        "monitoring.otlp.metrics_interval_ms",
    ),
];

/// Variables with the prefix of settings that are none: they are the command line's (its file of settings, which mesh it
/// talks to and with which key), and a shell in which they are set also starts services.
pub const NOT_SETTINGS: [&str; 7] = [
    "DEVMESH_CONFIG",
    "DEVMESH_DATA",
    "DEVMESH_URL",
    "DEVMESH_MCP_URL",
    "DEVMESH_API_KEY",
    "DEVMESH_API_KEY_FILE",
    "DEVMESH_BINARY",
];

/// The settings that every service has.
pub trait ServiceConfig: DeserializeOwned + JsonSchema {
    /// Name of the installation: the label `environment`.
    fn environment(&self) -> &str;
    /// Logs, metrics and traces.
    fn telemetry(&self) -> TelemetryConfig;
    /// A directory of its own, which outlives the process, for spans that a kill must not take.
    fn spans_dir(&self) -> PathBuf;
    /// How long work in flight may take to end after SIGTERM.
    fn drain(&self) -> Duration;
    /// How long requests are still taken after SIGTERM, before the drain, while readiness says no.
    fn drain_notice(&self) -> Duration {
        Duration::ZERO
    }
}

/// What a service may fail with on its way up or down.
pub type Failure = Box<dyn Error + Send + Sync>;

/// Why a service does not run, by what its process ends with.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The settings do not fit, and starting again will not help. Exit code 2; the text names the key.
    #[error("{0}")]
    Settings(#[source] Failure),
    /// It could not start, or stopped with failure. Exit code 1.
    #[error("{0}")]
    Failed(#[source] Failure),
}

impl StartError {
    fn of_settings(error: impl Into<Failure>) -> Self {
        Self::Settings(error.into())
    }

    fn failed(error: impl Into<Failure>) -> Self {
        Self::Failed(error.into())
    }

    fn exit_code(&self) -> u8 {
        match self {
            Self::Settings(_) => 2,
            Self::Failed(_) => 1,
        }
    }
}

/// A service of Devmesh. Exit codes: 0 stopped as asked, 1 failed, 2 the settings do not fit.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The settings, a TOML file. The environment (`DEVMESH_SECTION__KEY`) and `--set` override it.
    #[arg(long, env = "DEVMESH_CONFIG")]
    config: Option<PathBuf>,
    /// One setting; wins over the file and the environment.
    #[arg(long = "set", value_name = "SECTION.KEY=VALUE")]
    set: Vec<String>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    Probe(Probe),
}

/// Runs a service until it is told to stop. `start` starts its parts on the lifecycle and returns; `aliases` are
/// environment variables without the prefix and the keys that they set.
pub fn run<C: ServiceConfig>(
    name: &'static str,
    aliases: &[(&str, &str)],
    start: impl AsyncFnOnce(C, Telemetry, Lifecycle) -> Result<(), StartError>,
) -> ExitCode {
    // By its own name, which is not this crate's.
    let matches = Arguments::command().name(name).get_matches();
    let arguments = Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    if let Some(Command::Probe(probe)) = &arguments.command {
        return probe.run();
    }
    let config = load(arguments, aliases).map_err(StartError::of_settings);
    match config.and_then(|config| serve(name, config, start)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(name, &error),
    }
}

fn load<C: ServiceConfig>(arguments: Arguments, aliases: &[(&str, &str)]) -> Result<C, ConfigError> {
    let mut sources = environment(Sources::new());
    if let Some(path) = arguments.config {
        sources = sources.file(path);
    }
    for (variable, key) in aliases {
        sources = sources.env_alias(variable, key);
    }
    config::load(sources.overrides(arguments.set))
}

/// The environment as every service reads it: `DEVMESH_*`, and the telemetry variables that others set too.
#[must_use]
pub fn environment(sources: Sources) -> Sources {
    without_foreign(with_telemetry_aliases(sources.env("DEVMESH")))
}

fn without_foreign(sources: Sources) -> Sources {
    let ignore = |sources: Sources, name: &&str| sources.env_ignored(name);
    NOT_SETTINGS.iter().fold(sources, ignore)
}

fn with_telemetry_aliases(sources: Sources) -> Sources {
    let add = |sources: Sources, (variable, key): &(&str, &str)| sources.env_alias(variable, key);
    TELEMETRY_ALIASES.iter().fold(sources, add)
}

/// Who emits, with what the build knows of itself.
#[must_use]
pub fn service_info(name: &'static str, environment: &str) -> ServiceInfo {
    ServiceInfo {
        name,
        version: env!("CARGO_PKG_VERSION"),
        revision: REVISION,
        rustc: RUSTC,
        environment: environment.to_owned(),
        instance: format!("{name}-{}", std::process::id()),
    }
}

fn serve<C: ServiceConfig>(
    name: &'static str,
    config: C,
    start: impl AsyncFnOnce(C, Telemetry, Lifecycle) -> Result<(), StartError>,
) -> Result<(), StartError> {
    tls::install_crypto_provider();
    let info = service_info(name, config.environment());
    let extras = Extras {
        spans: Some(config.spans_dir()),
        ..Extras::default()
    };
    let telemetry =
        Telemetry::start_with(info, &config.telemetry(), extras).map_err(StartError::of_settings)?;
    let dispatch = telemetry.dispatch();
    // Also for threads that are not the runtime's: a call site first met without a subscriber stays silent for good.
    let _ = tracing::dispatcher::set_global_default(dispatch.clone());
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let runtime = threads::service_runtime(name, cores, dispatch.clone()).map_err(StartError::failed)?;
    telemetry.watch_runtime(runtime.handle().clone());
    let (life, drain, notice) = (Lifecycle::new(name), config.drain(), config.drain_notice());
    let health = telemetry.health().clone();
    let leave = async move {
        health.stopping();
        tokio::time::sleep(notice).await;
    };
    let ended = threads::block_on(&runtime, &dispatch, async {
        let lifecycles = [life.clone()];
        let stopped = tokio::select! {
            error = stop_on_signals(&lifecycles, leave) => error.map(|never| match never {}).map_err(StartError::failed),
            stopped = run_until_stopped(life, drain, start(config, telemetry.clone(), lifecycles[0].clone())) => stopped,
        };
        if let Err(error) = &stopped {
            tracing::error!(%error, "stopped with failure");
        }
        telemetry.shutdown().await;
        stopped
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
    ended
}

async fn run_until_stopped(
    life: Lifecycle,
    drain: Duration,
    start: impl Future<Output = Result<(), StartError>>,
) -> Result<(), StartError> {
    // Told to stop while it still waits for its database, say: there is nothing to drain.
    let Some(started) = life.soft_stop().run_until_cancelled(start).await else {
        return Ok(());
    };
    started?;
    life.run_until_stopped(drain).await.map_err(StartError::failed)
}

#[expect(clippy::print_stderr, reason = "where a person is told why it did not start")]
fn complain(name: &str, error: &StartError) -> ExitCode {
    eprintln!("{name}: {error}");
    ExitCode::from(error.exit_code())
}

#[cfg(test)]
mod tests;
