//! The edge by its front door: real HTTP, raw messages, one or two replicas.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a panic is how a test says no, in its helpers too"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "a test waits for what it spawns, and its client needs no guard"
)]

mod access;
mod calls;
mod direct;
mod faults;
mod finder;
mod keys;
mod limits;
mod lists;
mod questions;
mod resumption;
mod sessions;
mod support;
mod tasks;
mod wire;
mod wishes;
mod ws;
