//! The mesh as its users meet it: the real binaries as child processes, spoken to over HTTP and MCP. Never shipped.
//!
//! - [`Setup`] starts a [`Mesh`], either as `devmesh up` (SQLite, in-process queue and cache) or as a cluster: rest-api,
//!   worker and two replicas of mcp-server on PostgreSQL, RabbitMQ and Redis.
//! - [`Api`] speaks to rest-api, [`Mcp`] to mcp-server, in both eras of the protocol.
//! - [`Shop`] is the API behind the mesh, [`Page`] a scraped `/metrics`, [`Trace`] the spans of one trace, [`Wholeness`] the verdict on
//!   all of them.

mod api;
mod binary;
mod canary;
pub mod chaos;
pub mod fleet;
mod mcp;
mod mesh;
mod page;
pub mod rolling;
mod setup;
mod shop;
mod trace;
pub mod upgrade;
mod wholeness;

pub use api::Api;
pub use binary::binary;
pub use canary::Canaries;
pub use mcp::{Era, Mcp, Reply, Stream};
pub use mesh::{Mesh, Running, ServicePage, sealing_key, unique};
pub use page::{Family, Page, Sample};
pub use setup::{Service, Setup, Shape};
pub use shop::Shop;
pub use trace::Trace;
pub use wholeness::Wholeness;

use std::time::Duration;

/// The longest wait for something that takes milliseconds on an idle machine: only a failure takes this long.
pub const PATIENCE: Duration = Duration::from_secs(30);
