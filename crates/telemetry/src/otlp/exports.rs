//! The exporters of one service.

use std::fmt::Display;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::{Client, LogExport, MetricExport, Threads, left};
use crate::config::{Exporter, TelemetryConfig};
use crate::error::TelemetryError;
use crate::metrics::{Counter, Family};
use crate::service::ServiceInfo;
use crate::telemetry::Telemetry;
use crate::trace::{Batch, Journal, Left, SpanExport};

/// What is sent, and the threads that all of it shares.
pub(crate) struct Exports {
    pub(crate) spans: Option<Arc<SpanExport>>,
    pub(crate) lines: Option<Arc<LogExport>>,
    /// How spans are sent.
    span_client: Option<Client>,
    metrics: OnceLock<MetricExport>,
    threads: Option<Threads>,
}

impl Exports {
    /// Starts those of spans and lines that are switched on.
    pub(crate) fn start(
        config: &TelemetryConfig,
        info: &ServiceInfo,
        dropped: &Family<Counter, 2>,
        journal: Option<Arc<Journal>>,
    ) -> Result<Self, TelemetryError> {
        let otlp = &config.monitoring.otlp;
        let (spans, lines) = (config.tracing.is_on(), otlp.logs_exporter == Exporter::Otlp);
        let metrics = otlp.metrics_exporter == Exporter::Otlp;
        let mut exports = Exports {
            spans: None,
            lines: None,
            span_client: None,
            metrics: OnceLock::new(),
            threads: (spans || lines || metrics).then(Threads::start).transpose()?,
        };
        let Some(threads) = &exports.threads else {
            return Ok(exports);
        };
        if spans {
            let client = Client::new::<Batch>(config, threads)?;
            exports.spans = Some(Arc::new(SpanExport::start(
                config,
                info,
                client.clone(),
                threads,
                dropped,
                journal,
            )));
            exports.span_client = Some(client);
        }
        if lines {
            exports.lines = Some(Arc::new(LogExport::start(config, info, threads, dropped)?));
        }
        Ok(exports)
    }

    /// From now on the exporters tell of their troubles in this log.
    pub(crate) fn speak_to(&self, dispatch: tracing::Dispatch) {
        if let Some(threads) = &self.threads {
            threads.speak_to(dispatch);
        }
    }

    /// Starts that of metrics, if it is switched on: it reads them from `telemetry` for as long as that is there.
    pub(crate) fn send_metrics(
        &self,
        telemetry: &Telemetry,
        dropped: &Family<Counter, 2>,
    ) -> Result<(), TelemetryError> {
        let config = telemetry.config();
        let is_on = config.monitoring.otlp.metrics_exporter == Exporter::Otlp;
        let Some(threads) = self.threads.as_ref().filter(|_| is_on) else {
            return Ok(());
        };
        let weak = telemetry.downgrade();
        let read = move || Some(weak()?.snapshots());
        let export = MetricExport::start(config, telemetry.info(), threads, dropped, read)?;
        // Called once, when the telemetry is built.
        let _ = self.metrics.set(export);
        Ok(())
    }

    /// Sends what earlier processes left, as soon as the collector takes it, and says so to `dispatch`. Without a collector
    /// nobody else wants it.
    pub(crate) fn send_left(&self, journal: &Arc<Journal>, left: Left, dispatch: tracing::Dispatch) {
        if let (Some(threads), Some(client)) = (&self.threads, &self.span_client) {
            threads.keep(left::send(client.clone(), left, dispatch));
            threads.keep(left::stay_alive(Arc::downgrade(journal)));
        } else {
            left.remove();
        }
    }

    /// Sends what waits, blocking for at most `bound` a signal; answers which were not all sent, and why. Not from within a
    /// runtime.
    pub(crate) fn shutdown(&self, bound: Duration) -> Vec<(&'static str, Box<dyn Display>)> {
        let Some(threads) = &self.threads else {
            return Vec::new();
        };
        let mut lost: Vec<(&'static str, Box<dyn Display>)> = Vec::new();
        if let Some(Err(error)) = self.spans.as_ref().map(|spans| spans.shutdown(threads, bound)) {
            lost.push(("traces", Box::new(error)));
        }
        if self
            .metrics
            .get()
            .is_some_and(|metrics| !metrics.shutdown(threads, bound))
        {
            lost.push(("metrics", Box::new("no answer in time")));
        }
        if self
            .lines
            .as_ref()
            .is_some_and(|lines| !lines.shutdown(threads, bound))
        {
            lost.push(("logs", Box::new("no answer in time")));
        }
        threads.end();
        lost
    }
}
