//! What [`queue::connect`] adds: the choice by URL, and the metrics; and what a producer's span does to the context.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a panic is how a test says no"
)]

use std::collections::BTreeMap;

use domain::{JobId, JobKind, Priority, TenantId, ports::QueueMessage};
use futures::StreamExt;
use queue::{QueueMetrics, QueueOptions};
use telemetry::{ServiceInfo, Telemetry, TelemetryConfig};
use tracing::instrument::WithSubscriber;

fn telemetry() -> Telemetry {
    let info = ServiceInfo {
        name: "rest-api",
        version: "0",
        revision: "0",
        rustc: "0",
        environment: "test".into(),
        instance: "test".into(),
    };
    Telemetry::start(info, &TelemetryConfig::default()).unwrap()
}

fn message(trace: BTreeMap<String, String>) -> QueueMessage {
    QueueMessage {
        job_id: JobId::generate(),
        tenant_id: TenantId::generate(),
        kind: JobKind::ToolCall,
        attempt: 1,
        priority: Priority::Normal,
        trace,
    }
}

#[tokio::test]
async fn operations_are_measured_by_outcome() {
    let telemetry = telemetry();
    let options = QueueOptions {
        max_length: 1,
        ..QueueOptions::default()
    };
    let queue = queue::connect("memory:", &options, &telemetry).unwrap();
    assert!(queue.publish(&[message(BTreeMap::new())]).await[0].is_ok());
    assert!(queue.publish(&[message(BTreeMap::new())]).await[0].is_err());
    queue.close().await;
    queue.ping().await.unwrap_err();

    let metrics = QueueMetrics::new(&telemetry);
    for labels in [["publish", "ok"], ["publish", "refused"], ["ping", "unavailable"]] {
        assert_eq!(metrics.duration.with(labels).count(), 1, "{labels:?}");
    }
}

#[test]
fn a_url_of_another_scheme_is_refused_with_those_that_are_known() {
    let telemetry = telemetry();
    for url in ["", "kafka://host", "redis://host"] {
        let error = queue::connect(url, &QueueOptions::default(), &telemetry)
            .err()
            .unwrap();
        assert!(error.to_string().contains("amqp://"), "{error}");
    }
}

/// The span that receives continues the span that sent, in the trace of whoever asked for the job.
#[tokio::test]
async fn the_context_that_travels_is_the_producers_span_in_the_jobs_trace() {
    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const ASKED: &str = "b7ad6b7169203331";
    let trace = BTreeMap::from([
        ("traceparent".to_owned(), format!("00-{TRACE}-{ASKED}-01")),
        ("tracestate".to_owned(), "vendor=value".to_owned()),
    ]);
    let queue = queue::memory();
    let publishing = async { queue.publish(&[message(trace)]).await.remove(0) };
    publishing.with_subscriber(telemetry().dispatch()).await.unwrap();

    let delivery = queue
        .subscribe(1)
        .await
        .unwrap()
        .next()
        .await
        .expect("nothing came");
    let received = &delivery.message().unwrap().trace;
    let traceparent = &received["traceparent"];
    assert!(traceparent.starts_with(&format!("00-{TRACE}-")), "{traceparent}");
    assert!(!traceparent.contains(ASKED), "{traceparent}");
    assert_eq!(received["tracestate"], "vendor=value");
}
