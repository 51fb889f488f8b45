//! The control plane: owns the database, serves people over HTTP and the other services over gRPC, and relays jobs
//! from the outbox to the broker.

pub mod config;
pub mod direct;
pub mod events;
pub mod fleet;
pub mod grpc;
pub mod http;
pub mod mesh;
pub mod metrics;
pub mod parts;
pub mod service;

pub use config::Config;
pub use service::{BuildError, Deps, Service, build};
