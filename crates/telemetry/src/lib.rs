//! Metrics, logs, traces and health of one service, as a value.
//!
//! Nothing here is global: several services may live in one process, each with its own [`Telemetry`]. A binary reads:
//!
//! 1. `Telemetry::start(info, &config)` builds the registry, the log writer and the trace exporter. No runtime is needed yet.
//! 2. `telemetry.dispatch()` is the service's subscriber: the binary makes it the global default where the process is one
//!    service; otherwise each runtime sets it on its threads (`on_thread_start`).
//! 3. `telemetry.watch_runtime(handle)` adds the runtime's figures to the page.
//! 4. Each crate declares its metrics in a [`metrics!`] block and takes handles with `XMetrics::new(&telemetry)`.
//! 5. Routers are wrapped by [`http::layer`], tonic clients and servers by [`grpc::client`] and [`grpc::server`];
//!    [`propagation`] carries the trace over everything else (queues, `_meta`, job rows).
//! 6. `telemetry.health()` takes latches and checks; `telemetry.router(admin)` serves `/metrics`, `/health…`, `/version` and `/admin/log-level`.
//! 7. `telemetry.shutdown().await` sends what waits, within a bound.
//!
//! Full buffers drop and count (`telemetry_dropped_total`); telemetry never blocks or fails the work.

pub mod config;
pub mod events;
pub mod grpc;
pub mod health;
pub mod http;
pub mod logs;
pub mod metrics;
pub mod propagation;
pub mod ring;

mod admin;
mod catalogue;
mod clock;
mod digits;
mod endpoints;
mod error;
mod fleet;
mod ids;
mod known;
mod otlp;
mod scrape;
mod secrets;
mod service;
mod telemetry;
mod trace;

pub use admin::AdminAccess;
pub use catalogue::{markdown, own_declarations};
pub use config::{
    DebugRequests, Exporter, HeadSampler, MetricsConfig, MonitoringConfig, OtlpConfig, OtlpHeaders,
    OtlpProtocol, SamplingMode, TelemetryConfig, TracingConfig,
};
pub use endpoints::problem;
pub use error::TelemetryError;
pub use fleet::Fleet;
pub use health::Health;
pub use http::RequestId;
pub use scrape::{ProcessMetrics, RuntimeMetrics};
pub use service::ServiceInfo;
pub use telemetry::{Extras, ProcessSeries, Telemetry};
