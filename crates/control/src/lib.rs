//! The verbs of the control plane, one use case a file. rest-api's doors (HTTP and gRPC) call these and nothing else.
//!
//! A verb loads, decides, saves and answers. It takes the caller as a [`Principal`] and checks the scope first;
//! everything it touches belongs to the caller's tenant.

pub mod agents;
pub mod alerts;
pub mod assignments;
pub mod audit;
pub mod authenticate;
pub mod bootstrap;
pub mod borders;
pub(crate) mod crossing;
pub mod entropy;
pub mod error;
pub mod follow;
pub mod jobs;
pub mod keys;
pub mod limits;
pub mod messages;
pub mod providers;
pub mod relay;
pub mod schedule;
pub mod seals;
pub mod tasks;
pub mod tenants;
pub mod tools;
pub mod users;
pub mod vault;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::ports::Storage;
use domain::{Clock, Principal, Scope};

pub use entropy::{Entropy, Ids, SystemEntropy, SystemIds};
pub use error::ControlError;
pub use tasks::Rules;
pub use users::SignIn;
pub use vault::Vault;

/// Everything that the verbs need. Cheap to clone.
#[derive(Clone)]
pub struct Control {
    /// Where everything is stored.
    pub storage: Storage,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Where keys and nonces come from.
    pub entropy: Arc<dyn Entropy>,
    /// Where the identifiers of agents, tasks and messages come from.
    pub ids: Arc<dyn Ids>,
    /// What seals and opens credentials.
    pub vault: Arc<Vault>,
    /// How users sign in.
    pub sign_in: Arc<SignIn>,
    /// The bounds of agents and tasks.
    pub rules: Rules,
}

impl Control {
    fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }
}

/// Whether `caller` may do `scope`.
///
/// # Errors
/// [`ControlError::Forbidden`] names the scope that is missing.
pub fn require(caller: &Principal, scope: Scope) -> Result<(), ControlError> {
    if caller.may(scope) {
        Ok(())
    } else {
        Err(ControlError::Forbidden(scope))
    }
}
