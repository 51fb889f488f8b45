//! What `/metrics` costs by its number of series: `cargo run --release -p telemetry --example page_cost`.
#![expect(clippy::print_stdout, reason = "its figures are what it is for")]

use std::error::Error;
use std::time::{Duration, Instant};

use telemetry::metrics::Format;
use telemetry::{ServiceInfo, Telemetry, TelemetryConfig};

telemetry::metrics! {
    /// Half of the lines are a histogram's, as in the services.
    struct Figures {
        /// Counted.
        counted: counter "page_counted_total" [tool, status],
        /// Seconds.
        took: histogram "page_duration_seconds" [tool, status] buckets LATENCY,
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    println!("| series | bytes | classic text | OpenMetrics |\n|---|---|---|---|");
    for lines in [100, 1_000, 5_000, 10_000, 15_000] {
        row(lines)?;
    }
    Ok(())
}

/// A page of about so many lines, half of them of histograms.
fn row(lines: usize) -> Result<(), Box<dyn Error>> {
    let mut config = TelemetryConfig::default();
    config.monitoring.metrics.histogram_values_per_label = 1_000;
    config.monitoring.metrics.series_per_metric = 100_000;
    config.monitoring.metrics.values_per_label = 100_000;
    config.monitoring.metrics.lines_per_page = 100_000;
    let info = ServiceInfo {
        name: "mcp-server",
        version: "1.0.0",
        revision: "abc",
        rustc: "1.95.0",
        environment: "production".to_owned(),
        instance: "one".to_owned(),
    };
    let telemetry = Telemetry::start_with_output(info, &config, std::io::sink())?;
    let figures = Figures::new(&telemetry);
    let name = |number| format!("provider_tool_number_{number}");
    for number in 0..lines / 2 {
        figures.counted.with([name(number).as_str(), "200"]).increment(1);
    }
    // A histogram of LATENCY has sixteen lines.
    for number in 0..lines / 32 {
        figures.took.with([name(number).as_str(), "200"]).record(0.1);
    }
    let text = telemetry.render();
    let [classic, open] = [Format::Text, Format::OpenMetrics].map(|format| best(&telemetry, format));
    let series = text.lines().filter(|line| !line.starts_with('#')).count();
    println!("| {series} | {} | {classic:?} | {open:?} |", text.len());
    Ok(())
}

/// The quickest of twenty: what others do on the machine only adds.
fn best(telemetry: &Telemetry, format: Format) -> Duration {
    let once = |_| {
        let began = Instant::now();
        let _page = telemetry.render_as(format);
        began.elapsed()
    };
    (0..20).map(once).min().unwrap_or_default()
}
