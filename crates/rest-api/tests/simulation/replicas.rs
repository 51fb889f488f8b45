//! What runs at the replicas of rest-api: verbs that were begun and have not ended.

use std::future::Future;
use std::pin::Pin;

use control::ControlError;
use domain::{Agent, Task, TaskId};

use crate::acts::Said;

/// What somebody hears in the end.
pub enum Heard {
    /// An agent of this number is registered.
    Registered(usize, Result<Agent, ControlError>),
    /// Its heartbeat was taken in, or not.
    Beaten(usize, Result<Agent, ControlError>),
    /// What it holds.
    Offered(usize, Result<Vec<Task>, ControlError>),
    /// What became of its word.
    Answered(usize, Said, Result<Task, ControlError>),
    /// A task that was asked for under this key.
    Created(String, Result<Task, ControlError>),
    /// Nothing that anybody waits for.
    Done(Result<(), ControlError>),
}

/// A verb under way.
pub struct Running {
    /// Where.
    pub replica: u64,
    /// What, for the steps.
    pub what: String,
    /// The rest of it.
    pub work: Pin<Box<dyn Future<Output = Heard>>>,
}

/// An assignment that an agent believes to have.
#[derive(Debug, Clone, PartialEq)]
pub struct Belief {
    pub task: TaskId,
    pub fence: u64,
    pub accepted: bool,
}
