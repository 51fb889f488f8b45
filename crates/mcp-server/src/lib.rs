//! The agents' edge: MCP over Streamable HTTP and WebSocket, in front of the tools of a tenant, and the methods of the mesh.
//!
//! A request passes [`transport`] (who asks, may the session be used), rmcp (the protocol), [`engine`] (the course of a
//! request) and ends in a backend: the mesh's catalogue and connectors. [`session`] keeps what the older eras of MCP
//! need between requests. [`limits`] says how often. [`catalogue`] follows the control plane. Nothing here reads a database.

pub mod agents;
pub mod audit;
pub mod catalogue;
pub mod control_plane;
pub mod engine;
pub mod events;
pub mod limits;
pub mod methods;
pub mod search;
pub mod session;
pub mod transport;
pub mod ws;

mod config;
mod service;

pub use config::{CacheConfig, Config};
pub use service::{BuildError, Deps, Service, build};
