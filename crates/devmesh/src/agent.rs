//! `devmesh agent run`: any program as an agent.

mod exec;
mod output;

pub use exec::{Limits, Program};
