//! Replicas of the edge, the people who call them, and what stands behind.

mod behind;
mod client;
mod cut;
mod edge;
mod lost;
mod socket;
mod things;

pub use client::{Answer, Client, Events, request};
pub use cut::Cut;
pub use edge::{Edge, Options};
pub use lost::Lost;
pub use socket::{Heard, Socket};
pub use things::{Tenant, World, revoked, tool};
