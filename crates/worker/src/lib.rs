//! The worker: takes jobs from the broker, claims them at rest-api, runs them and reports how they ended.
//!
//! A message says only which attempt of which job may run; the claim decides. So a message that comes twice, or too
//! late, does nothing. What a job does is in [`jobs`], one file a kind; how an attempt is fenced is in [`attempt`].

pub mod attempt;
pub mod config;
pub mod consume;
pub mod events;
pub mod jobs;
pub mod metrics;
pub mod service;

mod span;
mod tools;

pub use config::Config;
pub use service::{BuildError, Deps, Service, build};
