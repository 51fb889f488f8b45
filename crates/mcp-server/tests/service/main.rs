//! mcp-server as a process has it, against a control plane whose every word the test decides.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a panic is how a test says no, in its helpers too"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "the test's own client, to loopback only"
)]

mod control_plane;
mod harness;
mod jobs;
mod watch;
mod whole;

#[path = "../mcp/support/behind.rs"]
#[allow(dead_code, reason = "shared with tests/mcp, which uses more of it")]
mod behind;
#[path = "../mcp/support/client.rs"]
#[allow(dead_code, reason = "shared with tests/mcp, which uses more of it")]
mod client;
#[path = "../mcp/support/things.rs"]
#[allow(dead_code, reason = "shared with tests/mcp, which uses more of it")]
mod things;
