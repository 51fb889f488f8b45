//! Levels by module, as `LOG_LEVEL` spells them.

use std::collections::BTreeMap;

use tracing::level_filters::LevelFilter;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::Targets;

use crate::error::TelemetryError;

/// Libraries that talk a lot: logged from warn on unless they are named.
const QUIET: &[&str] = &[
    "h2",
    "hyper",
    "hyper_util",
    "lapin",
    "mio",
    "opentelemetry",
    "opentelemetry_otlp",
    "opentelemetry_sdk",
    "reqwest",
    "rustls",
    "sqlx",
    "tokio_util",
    "tonic",
    "tower",
    "want",
];

/// The library of MCP. Its spans are none of ours: it keeps two for as long as a session lasts, outside of any request's
/// trace, and their room is never given back. It warns of each answer that is an error, which the request's closing line
/// has said already, so it is logged from error on.
const MCP: &str = "rmcp";

/// A default and what differs from it.
#[derive(Clone, Debug)]
pub(super) struct Levels {
    default: LevelFilter,
    modules: BTreeMap<String, LevelFilter>,
    targets: Targets,
}

impl Levels {
    /// `info` or `info,rest_api=debug`.
    pub(super) fn parse(text: &str) -> Result<Self, TelemetryError> {
        let mut default = LevelFilter::INFO;
        let mut modules = BTreeMap::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            match part.split_once('=') {
                Some((module, part)) => {
                    modules.insert(module.trim().to_owned(), level(part, text)?);
                }
                None => default = level(part, text)?,
            }
        }
        Ok(Levels::new(default, modules))
    }

    fn new(default: LevelFilter, modules: BTreeMap<String, LevelFilter>) -> Self {
        let quiet = QUIET
            .iter()
            .map(|module| ((*module).to_owned(), default.min(LevelFilter::WARN)));
        let named = modules.iter().map(|(module, level)| (module.clone(), *level));
        let targets = Targets::new()
            .with_default(default)
            .with_targets(quiet)
            .with_target(MCP, default.min(LevelFilter::ERROR))
            .with_targets(named);
        Levels {
            default,
            modules,
            targets,
        }
    }

    pub(super) fn with_module(&self, module: &str, text: &str) -> Result<Self, TelemetryError> {
        let mut modules = self.modules.clone();
        modules.insert(module.to_owned(), level(text, text)?);
        Ok(Levels::new(self.default, modules))
    }

    /// Whether nothing is logged but what modules say.
    pub(super) fn is_off(&self) -> bool {
        self.default == LevelFilter::OFF
    }

    /// The modules that are named.
    pub(super) fn modules(&self) -> impl Iterator<Item = &str> {
        self.modules.keys().map(String::as_str)
    }

    /// The form that `parse` takes.
    pub(super) fn text(&self) -> String {
        let modules = self
            .modules
            .iter()
            .map(|(module, level)| format!(",{module}={level}"));
        std::iter::once(self.default.to_string()).chain(modules).collect()
    }

    /// Spans of info and above always exist, whatever is logged: they carry the trace. [`MCP`] is the exception.
    pub(super) fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // It is asked for every span and event. A search for `::` would cost more than the rest.
        let rest = metadata.target().strip_prefix(MCP);
        let is_ours = rest.is_none_or(|rest| !rest.is_empty() && !rest.starts_with("::"));
        (metadata.is_span() && *metadata.level() <= Level::INFO && is_ours)
            || self.targets.would_enable(metadata.target(), metadata.level())
    }

    /// The least severe level that is logged anywhere, or that spans need.
    pub(super) fn most_verbose(&self) -> LevelFilter {
        let most = self
            .modules
            .values()
            .copied()
            .fold(self.default, LevelFilter::max);
        most.max(LevelFilter::INFO)
    }

    #[cfg(test)]
    pub(super) fn would_log(&self, target: &str, level: Level) -> bool {
        self.targets.would_enable(target, &level)
    }
}

fn level(part: &str, whole: &str) -> Result<LevelFilter, TelemetryError> {
    let unknown = || TelemetryError::Level {
        given: whole.to_owned(),
        reason: format!("{part:?} is not a level"),
    };
    match part.trim().to_ascii_lowercase().as_str() {
        "off" => Ok(LevelFilter::OFF),
        "error" => Ok(LevelFilter::ERROR),
        "warn" | "warning" => Ok(LevelFilter::WARN),
        "info" => Ok(LevelFilter::INFO),
        "debug" => Ok(LevelFilter::DEBUG),
        "trace" => Ok(LevelFilter::TRACE),
        _ => Err(unknown()),
    }
}
