//! Sends finished spans to an OTLP collector, in batches, from threads of its own.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry_otlp::tonic_types::transport::ClientTlsConfig;
use opentelemetry_otlp::{SpanExporter as OtlpExporter, WithExportConfig, WithTonicConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, SpanData, SpanExporter, SpanProcessor,
};
use tokio::runtime::{Handle, Runtime};

use crate::config::TracingConfig;
use crate::error::TelemetryError;
use crate::metrics::{Counter, Family};
use crate::service::ServiceInfo;

/// The queue, the batching thread, and the small runtime that the gRPC client lives in.
#[derive(Debug)]
pub(crate) struct SpanExport {
    processor: BatchSpanProcessor,
    waiting: Arc<AtomicUsize>,
    bound: usize,
    queue_full: Counter,
    /// Spans that ended after the shutdown.
    too_late: Counter,
    closed: AtomicBool,
    runtime: Mutex<Option<Runtime>>,
}

impl SpanExport {
    pub(crate) fn start(
        config: &TracingConfig,
        info: &ServiceInfo,
        dropped: &Family<Counter, 2>,
    ) -> Result<Self, TelemetryError> {
        let runtime = runtime()?;
        let exporter = OnRuntime {
            otlp: Arc::new(otlp(config, info, runtime.handle())?),
            runtime: runtime.handle().clone(),
            waiting: Arc::default(),
            failed: dropped.with(["traces", "export_failed"]),
        };
        let waiting = Arc::clone(&exporter.waiting);
        // Twice our own bound: it is ours that drops, because ours counts.
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(config.queue.saturating_mul(2))
            .with_max_export_batch_size(config.queue.min(512))
            .with_scheduled_delay(Duration::from_secs(1))
            .build();
        let processor = BatchSpanProcessor::builder(exporter)
            .with_batch_config(batches)
            .build();
        let [queue_full, too_late] =
            ["queue_full", "shut_down"].map(|reason| dropped.with(["traces", reason]));
        Ok(SpanExport {
            processor,
            waiting,
            bound: config.queue,
            queue_full,
            too_late,
            closed: AtomicBool::new(false),
            runtime: Mutex::new(Some(runtime)),
        })
    }

    /// Queues a finished span, or drops and counts it; never waits.
    pub(crate) fn submit(&self, span: SpanData) {
        if self.closed.load(Relaxed) {
            self.too_late.increment(1);
            return;
        }
        if self.waiting.fetch_add(1, Relaxed) >= self.bound {
            self.waiting.fetch_sub(1, Relaxed);
            self.queue_full.increment(1);
            return;
        }
        self.processor.on_end(span);
    }

    /// Sends what waits, blocking for at most `bound`, and ends the threads. Later spans are dropped and counted.
    pub(crate) fn shutdown(&self, bound: Duration) -> OTelSdkResult {
        if self.closed.swap(true, Relaxed) {
            return Ok(());
        }
        let result = self.processor.shutdown_with_timeout(bound);
        self.end_runtime();
        result
    }

    fn end_runtime(&self) {
        let runtime = self.runtime.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(runtime) = runtime {
            runtime.shutdown_background();
        }
    }
}

impl Drop for SpanExport {
    /// A runtime must not be dropped on another runtime's thread, so it is let go.
    fn drop(&mut self) {
        self.end_runtime();
    }
}

/// One worker thread, without a subscriber: the exporter must not trace its own traffic.
fn runtime() -> Result<Runtime, TelemetryError> {
    let silence = || {
        std::mem::forget(tracing::subscriber::set_default(
            tracing::subscriber::NoSubscriber::new(),
        ))
    };
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder
        .worker_threads(1)
        .enable_all()
        .thread_name("telemetry-otlp")
        .on_thread_start(silence);
    Ok(builder.build()?)
}

fn otlp(
    config: &TracingConfig,
    info: &ServiceInfo,
    runtime: &Handle,
) -> Result<OtlpExporter, TelemetryError> {
    let _inside = runtime.enter();
    let mut builder = OtlpExporter::builder()
        .with_tonic()
        .with_endpoint(&config.endpoint);
    if config.endpoint.starts_with("https://") {
        builder = builder.with_tls_config(ClientTlsConfig::new().with_enabled_roots());
    }
    let mut exporter = builder.build().map_err(|error| TelemetryError::Exporter {
        endpoint: config.endpoint.clone(),
        reason: error.to_string(),
    })?;
    exporter.set_resource(&resource(info));
    Ok(exporter)
}

/// `OTEL_RESOURCE_ATTRIBUTES` and what the service says of itself.
fn resource(info: &ServiceInfo) -> Resource {
    Resource::builder()
        .with_attributes([
            KeyValue::new("service.name", info.name),
            KeyValue::new("service.version", info.version),
            KeyValue::new("service.instance.id", info.instance.clone()),
            KeyValue::new("deployment.environment.name", info.environment.clone()),
        ])
        .build()
}

/// The OTLP exporter, run where its client can live: the batching thread has no runtime of its own.
#[derive(Debug)]
struct OnRuntime {
    otlp: Arc<OtlpExporter>,
    runtime: Handle,
    waiting: Arc<AtomicUsize>,
    failed: Counter,
}

impl SpanExporter for OnRuntime {
    #[expect(
        clippy::disallowed_methods,
        reason = "awaited right here; the runtime is the exporter's own"
    )]
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let (otlp, count) = (Arc::clone(&self.otlp), batch.len());
        let sent = self.runtime.spawn(async move { otlp.export(batch).await }).await;
        self.waiting.fetch_sub(count, Relaxed);
        let result = sent.unwrap_or_else(|lost| Err(OTelSdkError::InternalFailure(lost.to_string())));
        if result.is_err() {
            self.failed.increment(count as u64);
        }
        result
    }
}
