//! Arguments and answers against a tool's schemas, before anything leaves and before anything is handed over.
//!
//! Defaults of a schema are not put in: the upstream applies its own, and an argument that nobody gave is not sent.
//! Unknown arguments are refused where the schema says `additionalProperties: false`, as imported schemas do.

mod bounds;
mod message;
#[cfg(test)]
mod tests;

use std::hash::BuildHasher;
use std::sync::Arc;

use domain::tool::Schema;
use domain::{CallErrorKind, Tool, ToolId};
use foldhash::quality::RandomState;
use jsonschema::{Draft, PatternOptions, Validator};
use moka::sync::Cache;
use serde_json::{Map, Value};

use crate::failure::CallFailure;

/// Most bytes of schema text whose compiled form is kept; a compiled schema takes about ten times its text.
const CACHE_BYTES: u64 = 16 << 20;
/// Most faults that are told at once.
const MAX_FAULTS: usize = 10;
/// Steps that a backtracking pattern may take before its text counts as not fitting.
const BACKTRACK_LIMIT: usize = 100_000;
/// Bytes that a compiled pattern may take.
const PATTERN_BYTES: usize = 1 << 20;

/// Compiled schemas, bounded.
pub(crate) struct Schemas {
    compiled: Cache<Key, Compiled, RandomState>,
    /// Of schemas. Its seed is random: what hashes alike in one process does not in another.
    hash: RandomState,
}

/// The tool, which of its two schemas, and the hash of that: a refresh that changes the schema compiles it anew.
type Key = (ToolId, bool, u64);

#[derive(Clone)]
struct Compiled {
    bytes: u32,
    validator: Result<Arc<Validator>, Arc<str>>,
}

impl Schemas {
    pub(crate) fn new() -> Self {
        let weigh = |_: &Key, compiled: &Compiled| compiled.bytes.max(1);
        Self {
            compiled: Cache::builder()
                .weigher(weigh)
                .max_capacity(CACHE_BYTES)
                .build_with_hasher(RandomState::default()),
            hash: RandomState::default(),
        }
    }

    /// The arguments as a map, if they fit the tool's input schema; an absent `null` counts as none.
    pub(crate) fn check_arguments(
        &self,
        tool: &Tool,
        arguments: Value,
    ) -> Result<Map<String, Value>, CallFailure> {
        let arguments = match arguments {
            Value::Null => Value::Object(Map::new()),
            other => other,
        };
        let validator = self
            .validator(tool.id, false, &tool.input_schema)
            .map_err(|reason| {
                CallFailure::new(
                    CallErrorKind::Internal,
                    format!("the input schema of `{}` cannot be used: {reason}", tool.name),
                )
            })?;
        if !validator.is_valid(&arguments) {
            return Err(CallFailure::arguments(self.faults(tool, &validator, &arguments)));
        }
        match arguments {
            Value::Object(map) => Ok(map),
            _ => Err(CallFailure::arguments("the arguments must be a JSON object")),
        }
    }

    /// Why `structured` does not fit the tool's output schema, if it has one.
    pub(crate) fn output_fault(&self, tool: &Tool, structured: &Value) -> Option<String> {
        let schema = tool.output_schema.as_ref()?;
        let validator = match self.validator(tool.id, true, schema) {
            Ok(validator) => validator,
            Err(reason) => return Some(format!("the output schema cannot be used: {reason}")),
        };
        if validator.is_valid(structured) {
            return None;
        }
        let first = validator.iter_errors(structured).next();
        first.map(|error| message::describe(&error, &schema.value()).join("; "))
    }

    fn faults(&self, tool: &Tool, validator: &Validator, arguments: &Value) -> String {
        let schema = tool.input_schema.value();
        let mut faults = Vec::new();
        for error in validator.iter_errors(arguments) {
            faults.extend(message::describe(&error, &schema));
            if faults.len() > MAX_FAULTS {
                faults.truncate(MAX_FAULTS);
                faults.push("and more".to_owned());
                break;
            }
        }
        format!(
            "the arguments do not fit the tool `{}`:\n- {}",
            tool.name,
            faults.join("\n- ")
        )
    }

    fn validator(&self, tool: ToolId, output: bool, schema: &Schema) -> Result<Arc<Validator>, Arc<str>> {
        let hash = self.hash.hash_one(schema.as_str());
        self.compiled
            .get_with((tool, output, hash), || compile(&schema.value()))
            .validator
    }
}

fn compile(schema: &Value) -> Compiled {
    let bytes = schema.to_string().len();
    let validator = bounds::check(schema, bytes)
        .and_then(|()| {
            build(schema).or_else(|_| {
                // A pattern in a dialect that we do not speak must not cost the tool: the upstream checks it.
                build(&bounds::without_patterns(schema)).map_err(|error| error.to_string())
            })
        })
        .map(Arc::new)
        .map_err(Arc::from);
    Compiled {
        bytes: u32::try_from(bytes).unwrap_or(u32::MAX),
        validator,
    }
}

fn build(schema: &Value) -> Result<Validator, Box<jsonschema::ValidationError<'static>>> {
    let patterns = PatternOptions::fancy_regex()
        .backtrack_limit(BACKTRACK_LIMIT)
        .size_limit(PATTERN_BYTES)
        .dfa_size_limit(PATTERN_BYTES);
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .with_pattern_options(patterns)
        .offline()
        .build(schema)
        .map_err(Box::new)
}
