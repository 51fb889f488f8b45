//! What runs at the replicas of rest-api: verbs that were begun and have not ended.

use std::future::Future;
use std::pin::Pin;

use control::ControlError;
use control::messages::{Dispatch, Inbox, Tracked};
use domain::{Agent, AgentId, MessageId, Task, TaskId};

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
    /// The message of this number was sent, or not.
    Sent(usize, Result<Dispatch, ControlError>),
    /// What waits for an agent of this number and identifier.
    Inbox(usize, AgentId, Result<Inbox, ControlError>),
    /// What an agent has read is acknowledged.
    Read(AgentId, MessageId, Result<Tracked, ControlError>),
    /// Agents of this side that the other one has found.
    Found(usize, Result<Vec<Agent>, ControlError>),
    /// A task of this side that the other one gave to it.
    Followed(usize, Result<(), ControlError>),
    /// Something of another tenant was asked for as if it were one's own.
    Peeked(Result<(), ControlError>),
    /// Nothing that anybody waits for.
    Done(Result<(), ControlError>),
}

/// A verb under way.
pub struct Running {
    /// Where.
    pub replica: u64,
    /// What, for the steps.
    pub what: String,
    /// After so many steps.
    pub begun: usize,
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
