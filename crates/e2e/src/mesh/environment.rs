//! The environment of a process under test: only what it is given.
//!
//! The variables that `test-servers run` hands to the tests begin with `DEVMESH_` too and are no settings, so nothing is
//! inherited.

use test_support::ProcessBuilder;

use crate::{Service, Setup};

/// Value of the label `environment`.
pub(crate) const ENVIRONMENT: &str = "e2e";

/// What every process gets: a name for the installation, where spans go, and what is logged.
pub(super) fn common(process: ProcessBuilder, setup: &Setup, otlp: &str) -> ProcessBuilder {
    let process = process
        .env_clear()
        .env("DEVMESH_ENVIRONMENT", ENVIRONMENT)
        .env("ENABLE_TRACING", "true")
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", otlp);
    let process = setup
        .variables
        .iter()
        .fold(process, |process, (name, value)| process.env(name, value));
    match &setup.log_level {
        Some(level) => process.env("LOG_LEVEL", level),
        None => process,
    }
}

/// The settings of one service that the test asked for, under `prefix`.
pub(super) fn settings(
    mut process: ProcessBuilder,
    setup: &Setup,
    service: Service,
    prefix: &str,
) -> ProcessBuilder {
    for (of, key, value) in &setup.settings {
        if *of == service {
            process = process.env(&variable(prefix, key), value);
        }
    }
    process
}

/// `DEVMESH_SECTION__KEY` of `section.key`.
pub(super) fn variable(prefix: &str, key: &str) -> String {
    format!("{prefix}{}", key.replace('.', "__").to_uppercase())
}
