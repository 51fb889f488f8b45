//! mcp-server as a process of its own.

use std::process::ExitCode;
use std::sync::Arc;

use mcp_server::{Config, Deps};
use uplink::Target;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    runtime::process::run(
        "mcp-server",
        &[("CACHE_URL", "cache.url")],
        async |config: Config, telemetry, life| {
            let clock = Arc::new(domain::SystemClock);
            let deps = Deps {
                telemetry,
                life,
                clock,
                cache: None,
                target: Target::Remote,
            };
            mcp_server::build(config, deps).await?.start();
            Ok(())
        },
    )
}
