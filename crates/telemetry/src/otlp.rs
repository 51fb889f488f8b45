//! OTLP: all three signals to a collector, over gRPC or HTTP, from threads of their own.
//!
//! What waits is bounded; what finds no room, or is not delivered, is dropped and counted in `telemetry_dropped_total`.
//! Nothing is sent a second time: a collector that is away costs what was sent meanwhile, never the work.

mod client;
mod exports;
mod headers;
mod left;
mod logs;
mod metrics;
mod names;
mod report;
mod threads;

use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;

use crate::service::ServiceInfo;

pub(crate) use client::Client;
pub(crate) use exports::Exports;
pub(crate) use logs::LogExport;
pub(crate) use metrics::{FamilyPoints, MetricExport, Snapshot};
pub(crate) use threads::Threads;

/// `OTEL_RESOURCE_ATTRIBUTES` and what the service says of itself.
pub(crate) fn resource(info: &ServiceInfo) -> Resource {
    Resource::builder()
        .with_attributes([
            KeyValue::new("service.name", info.name),
            KeyValue::new("service.version", info.version),
            KeyValue::new("service.instance.id", info.instance.clone()),
            KeyValue::new("deployment.environment.name", info.environment.clone()),
        ])
        .build()
}
