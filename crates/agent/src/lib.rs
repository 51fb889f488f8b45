#![doc = include_str!("../README.md")]

mod agent;
mod backoff;
mod builder;
mod connect;
mod driver;
mod error;
mod heart;
mod job;
mod mesh;
mod options;
mod post;
mod session;
mod standing;
mod task;
mod trace;
mod worker;

pub use agent::{Agent, Ended, Stop};
pub use builder::Builder;
pub use error::{Error, Failure, Refused};
pub use mesh::Mesh;
pub use options::{AgentType, Options};
pub use post::{Message, Reader};
pub use standing::Standing;
pub use task::{Handler, Outcome, Task};
pub use trace::{Carry, Context, Tracing};
