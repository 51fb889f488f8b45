//! Where this process spends its time, what holds its memory, and what its tasks wait for: as pprof and as pictures.
//!
//! [`cpu`] samples the stacks of all threads, [`heap`] asks jemalloc which stacks hold memory, [`tasks`] asks each
//! registered task where it waits. All three make a [`Profile`], which is written as pprof protobuf or drawn as a flame
//! graph. They are of the whole process, and one at a time: [`Turn`]. Knows nothing of the product.
#![cfg_attr(
    test,
    allow(
        clippy::disallowed_methods,
        reason = "tests spawn the tasks that they look at"
    )
)]

pub mod cpu;
pub mod heap;
pub mod tasks;

mod error;
mod flame;
mod pprof_format;
mod profile;
mod symbols;
mod turn;

pub use error::ProfileError;
pub use profile::{Frame, Label, Profile, Sample, ValueType};
pub use turn::Turn;
