//! rest-api as a process of its own.

use std::process::ExitCode;
use std::sync::Arc;

use rest_api::{Config, Deps};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let aliases = [
        ("DATABASE_URL", "database.url"),
        ("QUEUE_URL", "queue.url"),
        ("CACHE_URL", "cache.url"),
    ];
    runtime::process::run("rest-api", &aliases, async |config: Config, telemetry, life| {
        let clock = Arc::new(domain::SystemClock);
        let deps = Deps {
            telemetry,
            life,
            clock,
            queue: None,
            cache: None,
            link: None,
        };
        rest_api::build(config, deps).await?.start();
        Ok(())
    })
}
