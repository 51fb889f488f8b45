//! Tool execution: how a call of a tool reaches its upstream, and how what comes back becomes an answer.
//!
//! [`Connectors`] is what a process has one of. It checks the arguments against the tool's schema, waits for a place at
//! the provider, and hands the call to the provider's [`Connector`] within its time. The one kind so far speaks to HTTP
//! APIs; MCP servers and native providers come behind the same trait.
//!
//! What holds here: every request passes the [`guard`] on every hop; nothing is retried; credentials are in no answer,
//! span, error or log line; nothing is spawned. [`openapi`] turns descriptions into the tools that are run here.

pub mod events;
pub mod guard;
pub mod openapi;

mod arguments;
mod breaker;
mod client_channel;
mod connector;
mod connectors;
mod context;
mod credentials;
mod description;
mod egress;
mod egress_client;
mod failure;
mod http_api;
mod idempotency;
mod metrics;
mod pool;
mod rehearsal;
mod slots;
#[cfg(test)]
mod testing;

pub use client_channel::{Ask, AskError, ClientChannel, ProgressSink, Question};
pub use connector::{Connector, OfferError, Offers};
pub use connectors::Connectors;
pub use context::{CallContext, OnSend, Sent};
pub use credentials::{CredentialSource, Secret};
pub use egress::EgressConfig;
pub use egress_client::EgressError;
pub use failure::CallFailure;
pub use metrics::{BreakerMetrics, CredentialMetrics, ToolMetrics};
pub use rehearsal::{Rehearsed, rehearse};
