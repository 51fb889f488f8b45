//! The metrics of `/metrics` over OTLP: cumulative, at every interval and once more at the end.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1 as otlp;
use opentelemetry_proto::tonic::resource::v1::Resource;
use tokio::sync::watch;

use super::{Client, Threads, logs, names};
use crate::clock;
use crate::config::TelemetryConfig;
use crate::error::TelemetryError;
use crate::metrics::{Counter, Declaration, Exemplar, Family, Kind, Point};
use crate::service::ServiceInfo;

/// The series of one registry at one time.
pub(crate) struct Snapshot {
    /// The label `service` of all of them.
    pub(crate) service: &'static str,
    pub(crate) families: Vec<FamilyPoints>,
}

/// The series of one metric.
pub(crate) struct FamilyPoints {
    pub(crate) declaration: &'static Declaration,
    pub(crate) points: Vec<(Arc<[Box<str>]>, Point)>,
}

/// Sends the metrics from time to time.
pub(crate) struct MetricExport {
    stop: watch::Sender<bool>,
    ended: watch::Receiver<bool>,
}

impl MetricExport {
    /// `read` takes the figures; none any more when the service is gone.
    pub(crate) fn start(
        config: &TelemetryConfig,
        info: &ServiceInfo,
        threads: &Threads,
        dropped: &Family<Counter, 2>,
        read: impl Fn() -> Option<Vec<Snapshot>> + Send + Sync + 'static,
    ) -> Result<Self, TelemetryError> {
        let (stop, asked) = watch::channel(false);
        let (done, ended) = watch::channel(false);
        let sending = Sending {
            client: Client::new::<ExportMetricsServiceRequest>(config, threads)?,
            info: info.clone(),
            began: clock::now(),
            failed: dropped.with(["metrics", "export_failed"]),
        };
        let interval = Duration::from_millis(config.monitoring.otlp.metrics_interval_ms);
        threads.keep(async move {
            sending.run(interval, asked, read).await;
            done.send_replace(true);
        });
        Ok(MetricExport { stop, ended })
    }

    /// Sends the last figures, blocking for at most `bound`; answers whether that was done. Not from within a runtime.
    pub(crate) fn shutdown(&self, threads: &Threads, bound: Duration) -> bool {
        self.stop.send_replace(true);
        let mut ended = self.ended.clone();
        let in_time = async move {
            let end = ended.wait_for(|ended| *ended);
            matches!(tokio::time::timeout(bound, end).await, Ok(Ok(_)))
        };
        threads.handle().block_on(in_time)
    }
}

struct Sending {
    client: Client,
    info: ServiceInfo,
    began: SystemTime,
    failed: Counter,
}

impl Sending {
    async fn run(
        &self,
        interval: Duration,
        mut asked: watch::Receiver<bool>,
        read: impl Fn() -> Option<Vec<Snapshot>>,
    ) {
        loop {
            // An error of the channel is the end too.
            let last = tokio::time::timeout(interval, asked.wait_for(|stop| *stop))
                .await
                .is_ok();
            let Some(snapshots) = read() else { return };
            self.send(snapshots).await;
            if last {
                return;
            }
        }
    }

    /// What is not delivered is counted, though the next export says it again: the figures are cumulative.
    async fn send(&self, snapshots: Vec<Snapshot>) {
        let families = snapshots.iter().flat_map(|snapshot| &snapshot.families);
        let count: usize = families.map(|family| family.points.len()).sum();
        let content = ExportMetricsServiceRequest {
            resource_metrics: snapshots
                .into_iter()
                .map(|snapshot| self.of_service(snapshot))
                .collect(),
        };
        let lost = self.client.send(content).await.unwrap_or(count as u64);
        self.failed.increment(lost);
    }

    fn of_service(&self, snapshot: Snapshot) -> otlp::ResourceMetrics {
        let info = ServiceInfo {
            name: snapshot.service,
            ..self.info.clone()
        };
        let resource: Resource = logs::resource(&info);
        let times = Times {
            began: nanos(self.began),
            now: nanos(clock::now()),
        };
        let metrics = snapshot.families.into_iter().map(|family| metric(family, times));
        otlp::ResourceMetrics {
            resource: Some(resource),
            scope_metrics: vec![otlp::ScopeMetrics {
                scope: Some(InstrumentationScope {
                    name: "telemetry".to_owned(),
                    ..InstrumentationScope::default()
                }),
                metrics: metrics.collect(),
                ..otlp::ScopeMetrics::default()
            }],
            ..otlp::ResourceMetrics::default()
        }
    }
}

#[derive(Clone, Copy)]
struct Times {
    began: u64,
    now: u64,
}

fn metric(family: FamilyPoints, times: Times) -> otlp::Metric {
    const CUMULATIVE: i32 = otlp::AggregationTemporality::Cumulative as i32;
    let declaration = family.declaration;
    let points = family.points.into_iter();
    let labelled = points.map(|(values, point)| (attributes(declaration, &values), point));
    let data = match declaration.kind {
        Kind::Counter => otlp::metric::Data::Sum(otlp::Sum {
            data_points: labelled
                .filter_map(|(labels, point)| number(labels, point, times))
                .collect(),
            aggregation_temporality: CUMULATIVE,
            is_monotonic: true,
        }),
        Kind::Gauge => otlp::metric::Data::Gauge(otlp::Gauge {
            data_points: labelled
                .filter_map(|(labels, point)| number(labels, point, times))
                .collect(),
        }),
        Kind::Histogram => otlp::metric::Data::Histogram(otlp::Histogram {
            data_points: labelled
                .filter_map(|(labels, point)| histogram(labels, point, times))
                .collect(),
            aggregation_temporality: CUMULATIVE,
        }),
    };
    otlp::Metric {
        name: names::metric(declaration).to_owned(),
        description: declaration.help_line(),
        unit: names::unit(declaration).to_owned(),
        data: Some(data),
        ..otlp::Metric::default()
    }
}

fn number(attributes: Vec<KeyValue>, point: Point, times: Times) -> Option<otlp::NumberDataPoint> {
    let Point::Number(value) = point else { return None };
    Some(otlp::NumberDataPoint {
        attributes,
        start_time_unix_nano: times.began,
        time_unix_nano: times.now,
        value: Some(otlp::number_data_point::Value::AsDouble(value)),
        ..otlp::NumberDataPoint::default()
    })
}

fn histogram(attributes: Vec<KeyValue>, point: Point, times: Times) -> Option<otlp::HistogramDataPoint> {
    let Point::Histogram(buckets) = point else {
        return None;
    };
    Some(otlp::HistogramDataPoint {
        attributes,
        start_time_unix_nano: times.began,
        time_unix_nano: times.now,
        count: buckets.counts.iter().sum(),
        sum: Some(buckets.sum),
        bucket_counts: buckets.counts,
        explicit_bounds: buckets.bounds.to_vec(),
        exemplars: buckets.exemplars.into_iter().map(exemplar).collect(),
        ..otlp::HistogramDataPoint::default()
    })
}

fn exemplar(exemplar: Exemplar) -> otlp::Exemplar {
    otlp::Exemplar {
        time_unix_nano: nanos(exemplar.time),
        trace_id: exemplar.trace_id.to_bytes().to_vec(),
        span_id: exemplar.span_id.to_bytes().to_vec(),
        value: Some(otlp::exemplar::Value::AsDouble(exemplar.value)),
        ..otlp::Exemplar::default()
    }
}

fn attributes(declaration: &Declaration, values: &[Box<str>]) -> Vec<KeyValue> {
    let labels = declaration.labels.iter().zip(values);
    labels
        .map(|(label, value)| attribute(declaration, label, value))
        .collect()
}

fn attribute(declaration: &Declaration, label: &'static str, value: &str) -> KeyValue {
    KeyValue {
        key: names::attribute(declaration, label).to_owned(),
        value: Some(AnyValue {
            value: Some(any_value::Value::StringValue(value.to_owned())),
        }),
        ..KeyValue::default()
    }
}

fn nanos(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
