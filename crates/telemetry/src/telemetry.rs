//! One service's telemetry.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tracing::Dispatch;
use tracing_subscriber::layer::SubscriberExt;

use crate::catalogue::{DroppedMetrics, TelemetryMetrics};
use crate::config::{DebugRequests, LogFormat, LogOutput, TelemetryConfig};
use crate::error::TelemetryError;
use crate::grpc::GrpcMetrics;
use crate::health::{Health, HealthMetrics};
use crate::http::HttpMetrics;
use crate::logs::{JsonStyle, LogLayer, LogLevels, LogWriter, PrettyStyle, Style};
use crate::metrics::{Counter, Family, Format, Page, Registry};
use crate::otlp::{self, Exports, Snapshot};
use crate::ring::TraceRing;
use crate::scrape::{ProcessMetrics, RuntimeMetrics, Runtimes};
use crate::service::ServiceInfo;
use crate::trace::{Journal, Left, LeftSpans, Sampler, Sinks, SpanLayer};

/// Most that `shutdown` waits, for spans and for lines each.
const SHUTDOWN_BOUND: Duration = Duration::from_secs(3);

/// One service's telemetry. Cheap to clone.
#[derive(Clone)]
pub struct Telemetry(Arc<Inner>);

struct Inner {
    info: ServiceInfo,
    config: TelemetryConfig,
    registry: Registry,
    own: TelemetryMetrics,
    http: HttpMetrics,
    grpc: GrpcMetrics,
    health: Health,
    runtimes: OnceLock<Runtimes>,
    process: OnceLock<Option<ProcessPage>>,
    levels: LogLevels,
    writer: LogWriter,
    exports: Exports,
    ring: Option<TraceRing>,
    dispatch: Dispatch,
}

/// What a process adds to a service's telemetry.
#[derive(Default)]
pub struct Extras {
    /// Where the lines go, instead of where `monitoring.logging.output` says: a file, or a test's buffer.
    pub output: Option<Box<dyn Write + Send>>,
    /// Keeps the last traces; one for all services of the process.
    pub ring: Option<TraceRing>,
    /// A directory of this service's own, for spans that a kill must not take (`tracing.journal_bytes`).
    pub spans: Option<PathBuf>,
}

/// On whose page the series of the whole process are, and under which name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessSeries {
    /// On this page under the service's name: a process with one service. The default.
    Own,
    /// On this page under another name: `devmesh` in the all-in-one, on one of its pages.
    As(&'static str),
    /// On another service's page of the same process.
    Elsewhere,
}

/// The series of the whole process; a registry of its own, as they may carry another `service`.
struct ProcessPage {
    service: &'static str,
    registry: Registry,
    process: ProcessMetrics,
    #[cfg(feature = "jemalloc")]
    allocator: crate::scrape::AllocatorMetrics,
}

impl Telemetry {
    /// Builds the registry, the subscriber with its writing thread and, where tracing is enabled, the exporter.
    /// No tokio runtime needs to exist yet.
    ///
    /// # Errors
    /// For settings that do not fit; see [`TelemetryError`].
    pub fn start(info: ServiceInfo, config: &TelemetryConfig) -> Result<Telemetry, TelemetryError> {
        Self::start_with(info, config, Extras::default())
    }

    /// As [`start`](Self::start), with the lines going to `output`: a file, or a test's buffer.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_with_output(
        info: ServiceInfo,
        config: &TelemetryConfig,
        output: impl Write + Send + 'static,
    ) -> Result<Telemetry, TelemetryError> {
        let output: Option<Box<dyn Write + Send>> = Some(Box::new(output));
        let extras = Extras {
            output,
            ..Extras::default()
        };
        Self::start_with(info, config, extras)
    }

    /// As [`start`](Self::start), with what a process adds to it.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_with(
        info: ServiceInfo,
        config: &TelemetryConfig,
        extras: Extras,
    ) -> Result<Telemetry, TelemetryError> {
        config.validate()?;
        let Extras { output, ring, spans } = extras;
        let (output, colour): (Box<dyn Write + Send>, bool) = match (output, config.monitoring.logging.output)
        {
            (Some(output), _) => (output, false),
            (None, LogOutput::Stdout) => (Box::new(std::io::stdout()), std::io::stdout().is_terminal()),
            (None, LogOutput::Stderr) => (Box::new(std::io::stderr()), std::io::stderr().is_terminal()),
        };
        let logging = &config.monitoring.logging;
        let registry = Registry::new(info.name, &info.environment, &config.monitoring.metrics);
        let own = TelemetryMetrics::in_registry(&registry);
        own.build.with([info.version, info.revision, info.rustc]).set(1.0);
        let dropped = DroppedMetrics::in_registry(&registry).dropped;
        let levels = LogLevels::parse(&logging.level)?;
        let levels = match config.tracing.debug_requests {
            DebugRequests::Nobody => levels,
            _ => levels.with_debug_requests()?,
        };
        let writer = LogWriter::start(output, logging.queue, &dropped)?;
        let dir = spans.filter(|_| config.tracing.is_on() || ring.is_some());
        let (journal, journal_failed) = open_journal(config, &info, &dropped, dir.as_deref(), ring.clone());
        let (journal, left) = journal.map(|(journal, left)| (Arc::new(journal), left)).unzip();
        let exports = Exports::start(config, &info, &dropped, journal.clone())?;
        let style = match logging.format {
            LogFormat::Json => Style::Json(JsonStyle::new(&info, &logging.fields)),
            LogFormat::Pretty => Style::Pretty(PrettyStyle {
                colour,
                service: info.name,
            }),
        };
        let sinks = Sinks {
            sampler: Sampler::new(&config.tracing),
            export: exports.spans.clone(),
            ring: ring.clone().map(|ring| (ring, info.name)),
            journal: journal.clone(),
        };
        let spans = SpanLayer {
            debug: config.tracing.debug_requests,
            sinks,
        };
        let lines = LogLayer {
            style,
            writer: writer.clone(),
            export: exports.lines.clone(),
        };
        let dispatch = Dispatch::new(
            tracing_subscriber::registry()
                .with(levels.clone())
                .with(spans)
                .with(lines),
        );
        let telemetry = Telemetry(Arc::new(Inner {
            http: HttpMetrics::in_registry(&registry),
            grpc: GrpcMetrics::in_registry(&registry),
            health: Health::new(HealthMetrics::in_registry(&registry)),
            runtimes: OnceLock::new(),
            process: OnceLock::new(),
            config: config.clone(),
            info,
            registry,
            own,
            levels,
            writer,
            exports,
            ring,
            dispatch,
        }));
        telemetry.0.exports.speak_to(telemetry.dispatch());
        telemetry.0.exports.send_metrics(&telemetry, &dropped)?;
        if let (Some(journal), Some(left)) = (&journal, left) {
            telemetry.tell_left(journal, left);
        }
        if let Some(error) = journal_failed {
            tracing::dispatcher::with_default(&telemetry.0.dispatch, || {
                tracing::warn!(%error, "spans that are not sent yet will not outlive a kill");
            });
        }
        Ok(telemetry)
    }

    /// Tells of the spans of a process that was killed. The ring has those that had ended.
    fn tell_left(&self, journal: &Arc<Journal>, left: Left) {
        if let Some(ring) = self.ring() {
            let spans = left.read();
            let open = spans.iter().flat_map(LeftSpans::cut_off);
            open.for_each(|span| ring.keep_left(self.info().name, span));
        }
        let exports = &self.0.exports;
        exports.send_left(journal, left, self.dispatch());
    }

    /// The service's subscriber.
    #[must_use]
    pub fn dispatch(&self) -> Dispatch {
        self.0.dispatch.clone()
    }

    pub(crate) fn config(&self) -> &TelemetryConfig {
        &self.0.config
    }

    /// Gives the telemetry back for as long as somebody else holds it.
    pub(crate) fn downgrade(&self) -> impl Fn() -> Option<Telemetry> + Send + Sync + 'static {
        let weak = Arc::downgrade(&self.0);
        move || weak.upgrade().map(Telemetry)
    }

    /// Who this is.
    #[must_use]
    pub fn info(&self) -> &ServiceInfo {
        &self.0.info
    }

    /// The service's latches and checks.
    #[must_use]
    pub fn health(&self) -> &Health {
        &self.0.health
    }

    /// What is logged, changeable at run time.
    #[must_use]
    pub fn log_levels(&self) -> &LogLevels {
        &self.0.levels
    }

    /// The service's metric families; `metrics!` blocks take their handles from it.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.0.registry
    }

    pub(crate) fn http_metrics(&self) -> &HttpMetrics {
        &self.0.http
    }

    pub(crate) fn grpc_metrics(&self) -> &GrpcMetrics {
        &self.0.grpc
    }

    /// The last traces of this process, where it keeps them.
    #[must_use]
    pub fn ring(&self) -> Option<&TraceRing> {
        self.0.ring.as_ref()
    }

    /// Adds a runtime of this service to its `tokio_*` series.
    pub fn watch_runtime(&self, runtime: Handle) {
        let runtimes = || Runtimes::new(RuntimeMetrics::in_registry(&self.0.registry));
        self.0.runtimes.get_or_init(runtimes).watch(runtime);
    }

    /// Says where the series of the whole process go; before the first scrape, else it has no effect and answers false.
    pub fn process_series(&self, series: ProcessSeries) -> bool {
        self.0.process.set(self.process_page(series)).is_ok()
    }

    fn process_page(&self, series: ProcessSeries) -> Option<ProcessPage> {
        let name = match series {
            ProcessSeries::Own => self.0.info.name,
            ProcessSeries::As(name) => name,
            ProcessSeries::Elsewhere => return None,
        };
        let registry = Registry::new(name, &self.0.info.environment, &self.0.config.monitoring.metrics);
        Some(ProcessPage {
            service: name,
            process: ProcessMetrics::in_registry(&registry),
            #[cfg(feature = "jemalloc")]
            allocator: crate::scrape::AllocatorMetrics::in_registry(&registry),
            registry,
        })
    }

    /// The Prometheus page, format 0.0.4.
    #[must_use]
    pub fn render(&self) -> String {
        self.render_as(Format::Text)
    }

    /// The metrics page.
    #[must_use]
    pub fn render_as(&self, format: Format) -> String {
        let began = Instant::now();
        let mut page = Page::new(format);
        for (registry, _) in self.sampled() {
            registry.write(&mut page);
        }
        let page = page.end();
        self.0.own.scrape.record(began.elapsed().as_secs_f64());
        page
    }

    /// What every series says now, by the `service` that it carries.
    pub(crate) fn snapshots(&self) -> Vec<Snapshot> {
        let registries = self.sampled();
        registries
            .map(|(registry, service)| registry.snapshot(service))
            .collect()
    }

    /// The registries of the page, with the figures that are only read when somebody looks.
    fn sampled(&self) -> impl Iterator<Item = (&Registry, &'static str)> {
        if let Some(runtimes) = self.0.runtimes.get() {
            runtimes.sample();
        }
        let process = self
            .0
            .process
            .get_or_init(|| self.process_page(ProcessSeries::Own));
        let process = process.as_ref().map(|process| {
            process.sample();
            (&process.registry, process.service)
        });
        std::iter::once((&self.0.registry, self.0.info.name)).chain(process)
    }

    /// Sends the spans and writes the lines that wait, for at most a few seconds. Spans that end later are lost.
    pub async fn shutdown(&self) {
        let inner = Arc::clone(&self.0);
        let flush = move || {
            for (signal, error) in inner.exports.shutdown(SHUTDOWN_BOUND) {
                tracing::dispatcher::with_default(&inner.dispatch, || {
                    tracing::warn!(error = %error, "{signal} were not all sent at shutdown");
                });
            }
            inner.writer.flush(SHUTDOWN_BOUND);
        };
        // The flush itself is bounded; that its thread was lost is nothing to report anywhere any more.
        let _ = tokio::task::spawn_blocking(flush).await;
    }

    /// Writes the lines that wait, blocking for at most a few seconds: for the way out where no runtime is left.
    pub fn flush_logs(&self) {
        self.0.writer.flush(SHUTDOWN_BOUND);
    }
}

/// Without one, a kill costs spans and nothing else: why there is none is logged.
fn open_journal(
    config: &TelemetryConfig,
    info: &ServiceInfo,
    dropped: &Family<Counter, 2>,
    dir: Option<&Path>,
    ring: Option<TraceRing>,
) -> (Option<(Journal, Left)>, Option<std::io::Error>) {
    let bytes = config.tracing.journal_bytes;
    let Some(dir) = dir.filter(|_| bytes > 0) else {
        return (None, None);
    };
    let lost = dropped.with(["journal", "disk"]);
    match Journal::open(dir, bytes, &otlp::resource(info), lost, ring) {
        Ok(open) => (Some(open), None),
        Err(error) => (None, Some(error)),
    }
}

impl ProcessPage {
    fn sample(&self) {
        self.process.sample();
        #[cfg(feature = "jemalloc")]
        self.allocator.sample();
    }
}
