//! How mcp-server and worker reach rest-api: the gRPC channel with the service key, jobs and credentials through it, and
//! the spool that keeps audit records on disk until rest-api has them.

mod channel;
mod config;
mod credentials;
mod fleet;
mod jobs;
mod key_uses;
pub mod spool;

pub use channel::{Link, Target, UplinkError, connect};
pub use config::{ControlPlaneConfig, Durability, SpoolConfig, WhenFull};
pub use credentials::Credentials;
pub use fleet::attend_fleet;
pub use jobs::{Claimed, Gathering, Jobs};
pub use key_uses::KeyUses;
pub use spool::Spool;

use domain::StoreError;

/// What a status of rest-api means to a caller.
#[must_use]
pub fn store_error(status: tonic::Status) -> StoreError {
    match status.code() {
        tonic::Code::NotFound => StoreError::NotFound,
        tonic::Code::Aborted => StoreError::Stale,
        tonic::Code::FailedPrecondition => StoreError::conflict("state", status.message()),
        tonic::Code::InvalidArgument => StoreError::conflict("request", status.message()),
        tonic::Code::Unavailable | tonic::Code::DeadlineExceeded | tonic::Code::Cancelled => {
            StoreError::Unavailable(status.into())
        }
        _ if is_of_connection(&status) => StoreError::Unavailable(status.into()),
        _ => StoreError::internal(status),
    }
}

/// Whether rest-api never said it: a connection that broke, or was refused in the middle of its beginning.
fn is_of_connection(status: &tonic::Status) -> bool {
    std::error::Error::source(status).is_some_and(|source| source.is::<tonic::transport::Error>())
}
