//! Which agent gets a task: a pure function of a numbered [`Snapshot`] of the agents, a [`Task`], a [`Strategy`] and a
//! number of entropy. No I/O and no clock, so that a decision can be tested, explained and made again.
//!
//! - [`decide`] leaves out who cannot take the task, and says why ([`Reason`]); describes the others as [`Candidate`]s;
//!   has the strategy score them; and chooses, a small share of the time anyone ([`Settings::exploration`]). The
//!   [`Decision`] holds the exact probability of each candidate.
//! - [`Experience`] is what is learned of an agent from its ended tasks, with the old counting ever less.
//! - [`replay`] estimates from stored decisions, and what came of them, what another strategy would have meant.
//!
//! How the strategies compare, and on what `auto` rests: `docs/routing.md`.

mod candidate;
mod decide;
mod experience;
mod replay;
mod snapshot;
mod strategy;
mod task;
mod version;

pub use candidate::{Candidate, LeftOut, Reason};
pub use decide::{Decision, Eligible, Exploration, decide, decide_by};
pub use experience::{Experience, Outcome};
pub use replay::{Estimate, Foreseen, Replay, Seen, replay};
pub use snapshot::{Agent, Health, Settings, Snapshot, State};
pub use strategy::{Name, Score, Strategy, UnknownStrategy, shares};
pub use task::{Need, Says, Task};
pub use version::{NotAVersion, Version};
