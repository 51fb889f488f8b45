//! Log lines as OTLP records: a bounded queue, and a task that sends them in batches.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::sync::oneshot;
use tracing::Level;

use super::{Client, Threads};
use crate::config::TelemetryConfig;
use crate::error::TelemetryError;
use crate::logs::{Line, Shown, of_its_crate};
use crate::metrics::{Counter, Family};
use crate::service::ServiceInfo;

/// Most records of one export, and how long a record waits for others.
const BATCH: usize = 512;
const GATHER: Duration = Duration::from_secs(1);

/// The queue before the sending task.
#[derive(Debug)]
pub(crate) struct LogExport {
    queue: Sender<Item>,
    closed: AtomicBool,
    queue_full: Counter,
    too_late: Counter,
}

#[derive(Debug)]
enum Item {
    Record(Box<LogRecord>),
    /// Send what came before, say so, and end.
    End(oneshot::Sender<()>),
}

impl LogExport {
    pub(crate) fn start(
        config: &TelemetryConfig,
        info: &ServiceInfo,
        threads: &Threads,
        dropped: &Family<Counter, 2>,
    ) -> Result<Self, TelemetryError> {
        let (queue, waiting) = mpsc::channel(config.monitoring.otlp.logs_queue);
        let task = Sending {
            client: Client::new::<ExportLogsServiceRequest>(config, threads)?,
            resource: resource(info),
            failed: dropped.with(["logs", "export_failed"]),
        };
        threads.keep(task.run(waiting));
        let [queue_full, too_late] =
            ["export_queue_full", "shut_down"].map(|reason| dropped.with(["logs", reason]));
        Ok(LogExport {
            queue,
            closed: AtomicBool::new(false),
            queue_full,
            too_late,
        })
    }

    /// Queues a line, or drops and counts it; never waits.
    pub(crate) fn submit(&self, line: &Line<'_>) {
        if self.closed.load(Relaxed) {
            self.too_late.increment(1);
        } else if let Ok(place) = self.queue.try_reserve() {
            place.send(Item::Record(Box::new(record(line))));
        } else {
            self.queue_full.increment(1);
        }
    }

    /// Sends what waits, blocking for at most `bound`; answers whether it was sent in time. Not from within a runtime.
    pub(crate) fn shutdown(&self, threads: &Threads, bound: Duration) -> bool {
        if self.closed.swap(true, Relaxed) {
            return true;
        }
        let (done, ended) = oneshot::channel();
        let queue = self.queue.clone();
        let end = async move {
            // An error means that the task has ended.
            let _ = queue.send(Item::End(done)).await;
            ended.await.is_ok()
        };
        let in_time = async { tokio::time::timeout(bound, end).await.unwrap_or(false) };
        threads.handle().block_on(in_time)
    }
}

struct Sending {
    client: Client,
    resource: Resource,
    failed: Counter,
}

impl Sending {
    async fn run(self, mut waiting: Receiver<Item>) {
        let batch = BATCH.min(waiting.max_capacity());
        let mut items = Vec::with_capacity(batch);
        while waiting.recv_many(&mut items, batch).await > 0 {
            let until = tokio::time::Instant::now() + GATHER;
            while items.len() < batch && !items.iter().any(|item| matches!(item, Item::End(_))) {
                let room = batch - items.len();
                match tokio::time::timeout_at(until, waiting.recv_many(&mut items, room)).await {
                    Ok(more) if more > 0 => {}
                    _ => break,
                }
            }
            let (mut records, mut end) = (Vec::with_capacity(items.len()), None);
            for item in items.drain(..) {
                match item {
                    Item::Record(record) => records.push(*record),
                    Item::End(done) => end = Some(done),
                }
            }
            self.send(records).await;
            if let Some(done) = end {
                // Who waits may have given up.
                let _ = done.send(());
                return;
            }
        }
    }

    async fn send(&self, records: Vec<LogRecord>) {
        if records.is_empty() {
            return;
        }
        let count = records.len() as u64;
        let scope = ScopeLogs {
            scope: Some(InstrumentationScope {
                name: "telemetry".to_owned(),
                ..InstrumentationScope::default()
            }),
            log_records: records,
            ..ScopeLogs::default()
        };
        let content = ExportLogsServiceRequest {
            resource_logs: vec![ResourceLogs {
                resource: Some(self.resource.clone()),
                scope_logs: vec![scope],
                ..ResourceLogs::default()
            }],
        };
        let lost = self.client.send(content).await.unwrap_or(count);
        self.failed.increment(lost);
    }
}

pub(super) fn resource(info: &ServiceInfo) -> Resource {
    let with_schema = ResourceAttributesWithSchema::from(&super::resource(info));
    Resource {
        attributes: with_schema.attributes.0,
        ..Resource::default()
    }
}

fn record(line: &Line<'_>) -> LogRecord {
    let since = line
        .time
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    let nanos = u64::try_from(since.as_nanos()).unwrap_or(u64::MAX);
    let own = line
        .fields
        .own()
        .map(|(prefix, name, value)| pair(&format!("{prefix}{name}"), shown(value)));
    let lifted = &line.fields.lifted;
    let lifted = [
        ("correlation_id", &lifted.correlation_id),
        ("tenant_id", &lifted.tenant_id),
        ("user_id", &lifted.user_id),
    ];
    let lifted = lifted.into_iter().filter_map(|(name, value)| {
        let text = value.as_deref()?.to_owned();
        Some(pair(name, any_value::Value::StringValue(text)))
    });
    let place = [
        line.metadata.file().map(|file| {
            pair(
                "code.file.path",
                any_value::Value::StringValue(of_its_crate(file).to_owned()),
            )
        }),
        line.metadata
            .line()
            .map(|line| pair("code.line.number", any_value::Value::IntValue(line.into()))),
    ];
    let trace = line.trace.as_ref();
    LogRecord {
        time_unix_nano: nanos,
        observed_time_unix_nano: nanos,
        severity_number: severity(line),
        severity_text: line.level().to_owned(),
        body: Some(text(line.fields.message())),
        attributes: own.chain(lifted).chain(place.into_iter().flatten()).collect(),
        flags: trace.map_or(0, |trace| u32::from(trace.sampled)),
        trace_id: trace
            .map(|trace| trace.trace_id.to_bytes().to_vec())
            .unwrap_or_default(),
        span_id: trace
            .map(|trace| trace.span_id.to_bytes().to_vec())
            .unwrap_or_default(),
        event_name: line.fields.event().unwrap_or_default().to_owned(),
        ..LogRecord::default()
    }
}

/// OpenTelemetry's numbers: the first of each range; CRITICAL is FATAL.
fn severity(line: &Line<'_>) -> i32 {
    match *line.metadata.level() {
        Level::ERROR if line.fields.critical => 21,
        Level::ERROR => 17,
        Level::WARN => 13,
        Level::INFO => 9,
        Level::DEBUG => 5,
        Level::TRACE => 1,
    }
}

fn shown(value: Shown<'_>) -> any_value::Value {
    match value {
        Shown::Text(text) => any_value::Value::StringValue(text.to_owned()),
        Shown::Signed(number) => any_value::Value::IntValue(number),
        Shown::Unsigned(number) => any_value::Value::IntValue(i64::try_from(number).unwrap_or(i64::MAX)),
        Shown::Float(number) => any_value::Value::DoubleValue(number),
        Shown::Bool(flag) => any_value::Value::BoolValue(flag),
    }
}

fn text(text: &str) -> AnyValue {
    AnyValue {
        value: Some(any_value::Value::StringValue(text.to_owned())),
    }
}

fn pair(key: &str, value: any_value::Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}
