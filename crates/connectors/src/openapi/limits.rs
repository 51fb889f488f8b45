//! How large a description may be.

use std::ops::RangeInclusive;

use schemars::JsonSchema;
use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize};

/// Bounds of one import. A description beyond them is refused, a schema beyond them is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Most bytes of a description, fetched or given. Default: 32 MiB; GitHub's, the largest in common use, has 13 MB.
    pub max_bytes: usize,
    /// Deepest nesting of a description, 2 to 120. Default: 120, below the JSON parser's own bound of 128; YAML ends at
    /// 64 in any case, since its parser needs some 20 KiB of stack a level.
    #[serde(deserialize_with = "max_depth")]
    pub max_depth: usize,
    /// Most operations of a description, at least 1. Default: 5000, four times GitHub's.
    #[serde(deserialize_with = "max_operations")]
    pub max_operations: usize,
    /// Longest input schema of a tool, in bytes of JSON, 1024 to 4194304. Default: 65536. Deep parts beyond it accept
    /// anything, and the upstream judges them; the names of the arguments always stay.
    #[serde(deserialize_with = "max_schema_bytes")]
    pub max_input_schema_bytes: usize,
    /// Longest output schema of a tool, in bytes of JSON, 1024 to 4194304. Default: 32768; deep parts beyond it accept
    /// anything.
    #[serde(deserialize_with = "max_schema_bytes")]
    pub max_output_schema_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_bytes: 32 << 20,
            max_depth: 120,
            max_operations: 5_000,
            max_input_schema_bytes: 64 << 10,
            max_output_schema_bytes: 32 << 10,
        }
    }
}

fn max_depth<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    within(2..=120, deserializer)
}

fn max_operations<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    within(1..=usize::MAX, deserializer)
}

/// Validators refuse a schema of more than 4 MiB.
fn max_schema_bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    within(1_024..=4 << 20, deserializer)
}

fn within<'de, D: Deserializer<'de>>(
    range: RangeInclusive<usize>,
    deserializer: D,
) -> Result<usize, D::Error> {
    let given = usize::deserialize(deserializer)?;
    if range.contains(&given) {
        return Ok(given);
    }
    let (from, to) = (range.start(), range.end());
    let expected = if *to == usize::MAX {
        format!("at least {from}")
    } else {
        format!("{from} to {to}")
    };
    Err(D::Error::custom(format!("got {given}, expected {expected}")))
}
