//! Sends finished spans to an OTLP collector, in batches, from threads of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, SpanData, SpanExporter, SpanProcessor,
};
use tokio::runtime::Handle;

use crate::config::TelemetryConfig;
use crate::error::TelemetryError;
use crate::metrics::{Counter, Family};
use crate::otlp::{self, Client, Threads};
use crate::service::ServiceInfo;
use crate::trace::Journal;

/// The queue and the batching thread.
#[derive(Debug)]
pub(crate) struct SpanExport {
    processor: BatchSpanProcessor,
    waiting: Arc<AtomicUsize>,
    bound: usize,
    queue_full: Counter,
    /// Spans that ended after the shutdown.
    too_late: Counter,
    closed: AtomicBool,
}

impl SpanExport {
    pub(crate) fn start(
        config: &TelemetryConfig,
        info: &ServiceInfo,
        threads: &Threads,
        dropped: &Family<Counter, 2>,
        journal: Option<Arc<Journal>>,
    ) -> Result<Self, TelemetryError> {
        let exporter = OnRuntime {
            client: Client::new::<ExportTraceServiceRequest>(config, threads.handle())?,
            journal,
            resource: (&otlp::resource(info)).into(),
            runtime: threads.handle().clone(),
            waiting: Arc::default(),
            failed: dropped.with(["traces", "export_failed"]),
        };
        let waiting = Arc::clone(&exporter.waiting);
        // Twice our own bound: it is ours that drops, because ours counts.
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(config.tracing.queue.saturating_mul(2))
            .with_max_export_batch_size(config.tracing.queue.min(512))
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
            bound: config.tracing.queue,
            queue_full,
            too_late,
            closed: AtomicBool::new(false),
        })
    }

    /// Whether there is room for another finished span; where there is none, it is counted as dropped.
    pub(crate) fn admit(&self) -> Room {
        if self.closed.load(Relaxed) {
            self.too_late.increment(1);
            return Room::Closed;
        }
        if self.waiting.fetch_add(1, Relaxed) >= self.bound {
            self.waiting.fetch_sub(1, Relaxed);
            self.queue_full.increment(1);
            return Room::Full;
        }
        Room::Free
    }

    /// Queues a finished span that was admitted; never waits.
    pub(crate) fn submit(&self, span: SpanData) {
        self.processor.on_end(span);
    }

    /// Sends what waits, blocking for at most `bound`, and ends the batching thread. Later spans are dropped and counted.
    pub(crate) fn shutdown(&self, bound: Duration) -> OTelSdkResult {
        if self.closed.swap(true, Relaxed) {
            return Ok(());
        }
        self.processor.shutdown_with_timeout(bound)
    }
}

/// What there is for another span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    Free,
    Full,
    /// The service ends: nothing is sent any more.
    Closed,
}

/// The client, run where it can live: the batching thread has no runtime of its own.
#[derive(Debug)]
struct OnRuntime {
    client: Client,
    resource: ResourceAttributesWithSchema,
    runtime: Handle,
    waiting: Arc<AtomicUsize>,
    failed: Counter,
    journal: Option<Arc<Journal>>,
}

impl SpanExporter for OnRuntime {
    #[expect(
        clippy::disallowed_methods,
        reason = "awaited right here; the runtime is the exporters' own"
    )]
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let (client, count) = (self.client.clone(), batch.len());
        let ids: Vec<_> = batch.iter().map(|span| span.span_context.span_id()).collect();
        let content = ExportTraceServiceRequest {
            resource_spans: group_spans_by_resource_and_scope(batch, &self.resource),
        };
        let sent = self
            .runtime
            .spawn(async move { client.send(content).await })
            .await;
        self.waiting.fetch_sub(count, Relaxed);
        let result = sent.unwrap_or_else(|lost| Err(lost.to_string()));
        let lost = *result.as_ref().unwrap_or(&(count as u64));
        self.failed.increment(lost);
        if let Some(journal) = &self.journal {
            journal.settle(&ids);
        }
        result.map(drop).map_err(OTelSdkError::InternalFailure)
    }
}
