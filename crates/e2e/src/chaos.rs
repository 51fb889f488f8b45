//! The effect ledger under fire: calls that go on while processes are killed, and the account afterwards.
//!
//! - [`plan`] makes the list of kills out of a seed: the same seed, the same kills after the same calls.
//! - [`load`] makes the calls, and notes what was answered.
//! - [`effects`] is the upstream's own log of effects.
//! - [`ledger`] compares the two, and says what does not agree.
//! - [`run`] does it all.

mod effects;
mod ledger;
mod load;
mod plan;
mod run;

pub use ledger::{Entry, Ledger, Outcome};
pub use plan::{Kill, Plan};
pub use run::run;
