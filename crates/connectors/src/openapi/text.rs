//! From text to a JSON value, within bounds.

use std::fmt::Display;

use domain::provider::Fault;
use serde_json::Value;
use serde_saphyr::options::{AliasLimits, DuplicateKeyPolicy};

use super::Limits;
use super::pointer::Pointer;

/// Most nodes that YAML aliases may stand for, so that a few lines cannot become gigabytes.
const MAX_ALIAS_NODES: usize = 200_000;

/// Deepest nesting of YAML, whose parser needs some 20 KiB of stack a level; descriptions nest 20 to 30 deep.
const MAX_YAML_DEPTH: usize = 64;

/// Parses JSON or YAML; what begins with a brace is JSON.
///
/// # Errors
/// A fault with line and column where the text does not parse, or one that names the bound that is exceeded.
pub(super) fn parse(text: &str, limits: &Limits) -> Result<Value, Fault> {
    if text.len() > limits.max_bytes {
        let message = format!(
            "expected at most {} bytes (the worker's import.max_bytes), found {}",
            limits.max_bytes,
            text.len()
        );
        return Err(Fault {
            pointer: String::new(),
            message,
        });
    }
    let text = text.trim_start_matches('\u{feff}');
    let value = if text.trim_start().starts_with(['{', '[']) {
        serde_json::from_str(text).or_else(|error| {
            // Flow-style YAML begins with a brace too; the JSON error is the one that helps.
            yaml(text, limits).map_err(|_| at(error.line(), error.column(), &error.to_string()))
        })?
    } else {
        yaml(text, limits)?
    };
    check_depth(&value, &Pointer::Text(""), limits.max_depth).map_err(|pointer| Fault {
        pointer,
        message: format!(
            "expected at most {} levels of nesting (the worker's import.max_depth), found more",
            limits.max_depth
        ),
    })?;
    Ok(value)
}

fn yaml(text: &str, limits: &Limits) -> Result<Value, Fault> {
    let nodes = limits.max_bytes;
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_reader_input_bytes: Some(limits.max_bytes),
            max_events: nodes,
            max_nodes: nodes,
            max_depth: MAX_YAML_DEPTH,
            max_documents: 1,
            max_total_scalar_bytes: limits.max_bytes.saturating_mul(2),
            max_recorded_anchor_events: MAX_ALIAS_NODES,
        },
        alias_limits: alias_limits(),
        duplicate_keys: DuplicateKeyPolicy::Error,
        // YAML 1.2: `on` and `no` are texts.
        strict_booleans: true,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let (line, column) = error.location().map_or((1, 1), |l| (l.line(), l.column()));
        at(line, column, &error.to_string())
    })
}

fn alias_limits() -> AliasLimits {
    let mut limits = AliasLimits::default();
    limits.max_total_replayed_events = MAX_ALIAS_NODES;
    limits
}

/// A fault of the text; where it is goes into the pointer, not into the words again.
fn at(line: impl Display, column: impl Display, error: &str) -> Fault {
    let found = error
        .lines()
        .next()
        .and_then(|text| text.split(" at line ").next())
        .unwrap_or_default();
    Fault {
        pointer: format!("line {line}, column {column}"),
        message: format!("expected JSON or YAML, found: {found}"),
    }
}

/// Fails with where the nesting goes too deep.
fn check_depth(value: &Value, at: &Pointer<'_>, left: usize) -> Result<(), String> {
    if left == 0 {
        return Err(at.to_string());
    }
    match value {
        Value::Array(items) => items
            .iter()
            .enumerate()
            .try_for_each(|(i, item)| check_depth(item, &at.index(i), left - 1)),
        Value::Object(members) => members
            .iter()
            .try_for_each(|(key, member)| check_depth(member, &at.key(key), left - 1)),
        _ => Ok(()),
    }
}
