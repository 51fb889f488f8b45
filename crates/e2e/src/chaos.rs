//! The effect ledger under fire: calls that go on while processes are killed, servers are away, disks are full and the
//! upstream is broken; and the account afterwards.
//!
//! - [`plan`] makes the list of faults out of a seed: the same seed, the same faults after the same calls.
//! - [`load`] makes the calls, and notes what was answered.
//! - [`stage`] makes the faults, and looks whether readiness tells the truth.
//! - [`effects`] is the upstream with its own log of effects.
//! - [`account`] puts side by side what everybody says, [`ledger`] says what does not agree, [`table`] prints it.
//! - [`run`] does it all.

mod account;
mod effects;
mod ledger;
mod load;
mod plan;
mod run;
mod stage;
mod table;

pub use ledger::{Entry, Ledger, Outcome};
pub use load::Way;
pub use plan::{Broken, Fault, Plan, Planned, Server};
pub use run::{Run, run};
