//! One service under telemetry, entered by its front door: real sockets, real OTLP, the page and the lines as a scraper and a
//! log shipper would read them.
#![expect(clippy::unwrap_used, reason = "tests fail loudly, their helpers too")]

mod admin;
mod bounds;
mod collector;
mod debug_requests;
mod facade;
mod fixture;
mod grpc_calls;
mod http_requests;
mod kills;
mod log_lines;
mod openmetrics;
mod otlp;
mod page;
mod rings;
mod traces;
