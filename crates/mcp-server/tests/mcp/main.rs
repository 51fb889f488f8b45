//! The edge by its front door: real HTTP, raw messages, one or two replicas.

mod calls;
mod keys;
mod lists;
mod questions;
mod sessions;
mod support;
mod tasks;
mod wire;
