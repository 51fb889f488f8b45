//! Everything that this crate itself emits, and the reference page of any set of declarations.

use std::fmt::Write as _;

use crate::metrics::{Declaration, Kind};

crate::metrics! {
    /// What was lost.
    pub(crate) struct DroppedMetrics {
        /// Log lines and spans that were dropped because a buffer was full or its receiver failed, records of spans that the
        /// disk did not take (`journal`), and metrics that nobody declared.
        dropped: counter "telemetry_dropped_total" [signal, reason],
    }
}

crate::metrics! {
    /// What telemetry says about itself.
    pub(crate) struct TelemetryMetrics {
        /// Seconds to put the metrics page together.
        scrape: histogram "telemetry_scrape_duration_seconds" [],
        /// Always 1; its labels say what is running.
        build: gauge "mcp_build_info" [version, revision, rustc],
    }
}

/// Registered by every registry for itself, hence not in a block.
pub(crate) const OVERFLOW: &Declaration = &Declaration {
    name: "telemetry_label_overflow_total",
    kind: Kind::Counter,
    labels: &["metric", "label"],
    help: "Label values that went to `other` because a bound was reached: of that label, of the metric's series (`*`) or of the page (`page`).",
    buckets: &[],
    otel: None,
};

/// Declarations of all that telemetry emits by itself, whatever the product declares besides.
#[must_use]
pub fn own_declarations() -> Vec<&'static Declaration> {
    let blocks: &[&'static [Declaration]] = &[
        crate::http::HttpMetrics::DECLARATIONS,
        crate::grpc::GrpcMetrics::DECLARATIONS,
        crate::health::HealthMetrics::DECLARATIONS,
        crate::scrape::ProcessMetrics::DECLARATIONS,
        crate::scrape::RuntimeMetrics::DECLARATIONS,
        #[cfg(feature = "jemalloc")]
        crate::scrape::AllocatorMetrics::DECLARATIONS,
        DroppedMetrics::DECLARATIONS,
        TelemetryMetrics::DECLARATIONS,
    ];
    blocks
        .iter()
        .flat_map(|block| block.iter())
        .chain([OVERFLOW])
        .collect()
}

/// The reference page, `docs/metrics.md`: one table, sorted by name.
#[must_use]
pub fn markdown(declarations: &[&Declaration]) -> String {
    let mut sorted = declarations.to_vec();
    sorted.sort_by_key(|declaration| declaration.name);
    let mut page = String::from(
        "# Metrics\n\nGenerated from the declarations in the code; do not edit. \
         Every series also carries `service` and `environment`.\n\n\
         | name | kind | labels | meaning | buckets |\n|---|---|---|---|---|\n",
    );
    for declaration in sorted {
        let labels = match declaration.labels {
            [] => "–".to_owned(),
            labels => labels
                .iter()
                .map(|label| format!("`{label}`"))
                .collect::<Vec<_>>()
                .join(", "),
        };
        let buckets = declaration
            .buckets
            .iter()
            .map(f64::to_string)
            .collect::<Vec<_>>()
            .join(" ");
        let mut help = declaration.help_line().replace('|', "\\|");
        if let Some(name) = declaration.otel {
            let _ = write!(help, " Over OTLP: `{name}`.");
        }
        let _ = writeln!(
            page,
            "| `{}` | {} | {labels} | {help} | {buckets} |",
            declaration.name,
            declaration.kind.as_str()
        );
    }
    page
}
