//! The worker as a process of its own.

use std::process::ExitCode;
use std::sync::Arc;

use uplink::Target;
use worker::{Config, Deps};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    runtime::process::run(
        "worker",
        &[("QUEUE_URL", "queue.url")],
        async |config: Config, telemetry, life| {
            let clock = Arc::new(domain::SystemClock);
            let deps = Deps {
                telemetry,
                life,
                clock,
                queue: None,
                target: Target::Remote,
            };
            worker::build(config, deps).await?.start();
            Ok(())
        },
    )
}
