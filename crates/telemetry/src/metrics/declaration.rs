//! What a metric is, apart from its values.

use super::Registry;

/// The Prometheus type of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only goes up; its name ends in `_total`.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts observations in buckets.
    Histogram,
}

impl Kind {
    /// The word of the exposition format's `# TYPE` line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        }
    }
}

/// One metric, as `metrics!` declares it. The catalogue and `docs/metrics.md` are made of these.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Declaration {
    /// The exact exported name, base units, contract section 2.
    pub name: &'static str,
    /// Counter, gauge or histogram.
    pub kind: Kind,
    /// Label names, without `service` and `environment`, which every series has.
    pub labels: &'static [&'static str],
    /// The HELP text: the field's doc comment.
    pub help: &'static str,
    /// Upper bounds of a histogram's buckets, ascending, without `+Inf`; empty for the others.
    pub buckets: &'static [f64],
    /// What OpenTelemetry's semantic conventions call it, where it is the twin of one of theirs: its name over OTLP.
    pub otel: Option<&'static str>,
}

impl Declaration {
    /// The HELP text on one line.
    pub(crate) fn help_line(&self) -> String {
        self.help.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

/// A handle that `metrics!` can take from a registry: a family, or a single cell where there are no labels.
pub trait Metric: Sized {
    /// Takes the metric's handle, the same one for every caller with the same declaration.
    fn register(registry: &Registry, declaration: &'static Declaration) -> Self;
}
