//! End to end: the real binaries, entered by the front door, on both sets of back ends.
//!
//! Each file is one promise. `on_both!` runs a test once as `devmesh up` and once as a cluster. Outages have
//! servers of their own.

/// Runs each test on both sets of back ends.
macro_rules! on_both {
    ($($test:ident),+ $(,)?) => {
        mod up {
            $(#[tokio::test] async fn $test() -> anyhow::Result<()> { super::$test(e2e::Setup::up()).await })+
        }
        mod cluster {
            $(#[tokio::test] async fn $test() -> anyhow::Result<()> { super::$test(e2e::Setup::cluster()).await })+
        }
    };
}

mod agents;
mod audit;
mod breakers;
mod calls;
mod canaries;
mod chaos;
mod conventions;
mod crashes;
mod debug_requests;
mod exemplars;
mod fleet;
mod imports;
mod kills;
mod levels;
mod limits;
mod lists;
mod logs;
mod messages;
mod metrics;
mod mutual_tls;
mod outages;
mod poison;
mod readbacks;
mod replicas;
mod revocation;
mod rotation;
mod sampling;
mod server_tls;
mod sessions;
mod shutdown;
mod staleness;
mod telemetry_faults;
mod tour;
mod traces;
mod upgrades;
