//! The real binary, by its front door: `devmesh up`, the command line, and the stdio bridge.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "also what the tests share says no with a panic"
)]

mod agents;
mod alerts;
mod backup;
mod bridge;
mod command_line;
mod doctor;
mod events;
mod happenings;
mod keys;
mod mesh;
mod migrate;
mod operators;
mod routing;
mod secrets;
mod tls;
mod tools;
mod traces;
mod up;
mod users;
