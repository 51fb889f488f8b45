//! What `spool.sync` costs: records a second and the time of one, alone and with 64 at once, in the directory named on the
//! command line (its disk is what is measured).
//!
//! `cargo run --release -p uplink --example spool_cost -- DIRECTORY`
#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement prints, and spawns what it waits for"
)]

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use proto::v1::AuditRecord;
use telemetry::{Telemetry, TelemetryConfig};
use uplink::{Durability, Spool, SpoolConfig};

const TIME: Duration = Duration::from_secs(3);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let dir: PathBuf = std::env::args().nth(1).ok_or("which directory?")?.into();
    let info = runtime::process::service_info("worker", "benchmark");
    let telemetry = Telemetry::start_with_output(info, &TelemetryConfig::default(), std::io::sink())?;
    println!(
        "{:<8} {:>8} {:>12} {:>10} {:>10}",
        "sync", "at once", "records/s", "p50 us", "p99 us"
    );
    for (name, sync) in [("none", Durability::None), ("always", Durability::Always)] {
        for at_once in [1, 64] {
            let dir = dir.join(format!("spool-{name}-{at_once}"));
            let config = SpoolConfig {
                dir: dir.clone(),
                sync,
                ..SpoolConfig::default()
            };
            let times = measure(Spool::open(config, &telemetry)?, at_once).await?;
            std::fs::remove_dir_all(dir)?;
            let at = |share: usize| {
                times
                    .get(times.len() * share / 100)
                    .map_or(0, Duration::as_micros)
            };
            let rate = times.len() as f64 / TIME.as_secs_f64();
            println!(
                "{name:<8} {at_once:>8} {rate:>12.0} {:>10} {:>10}",
                at(50),
                at(99)
            );
        }
    }
    Ok(())
}

/// The time of every record, sorted.
async fn measure(spool: Arc<Spool>, at_once: usize) -> Result<Vec<Duration>, Box<dyn Error>> {
    let end = Instant::now() + TIME;
    let write = |spool: Arc<Spool>| async move {
        let record = AuditRecord {
            id: "0".repeat(36),
            arguments_sha256: "0".repeat(64),
            ..AuditRecord::default()
        };
        let mut times = Vec::new();
        while Instant::now() < end {
            let began = Instant::now();
            spool.record(&record).await;
            times.push(began.elapsed());
        }
        times
    };
    let writers: Vec<_> = (0..at_once)
        .map(|_| tokio::spawn(write(Arc::clone(&spool))))
        .collect();
    let mut times = Vec::new();
    for writer in writers {
        times.extend(writer.await?);
    }
    times.sort_unstable();
    Ok(times)
}
