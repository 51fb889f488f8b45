//! What is wrong with an argument, in words for a model: which field, and what was expected. The value itself is
//! never repeated, because it may be a secret; names of fields are.

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use serde_json::Value;

use super::MAX_FAULTS;

/// Longest text of one expectation, and of the path to a field.
const MAX_TEXT: usize = 400;
/// Longest name that is compared with those that are known, and most of those: further from a slip of the pen, and more
/// than a model picks from. The comparison takes the product of both lengths, for each name.
const MAX_NAME: usize = 64;
const MAX_COMPARED: usize = 200;

/// One or more sentences for one fault.
pub(super) fn describe(error: &ValidationError<'_>, schema: &Value) -> Vec<String> {
    let path = error.instance_path().as_str();
    match error.kind() {
        Kind::Required { property } => {
            vec![format!(
                "`{}`: required, but missing",
                field(path, property.as_str())
            )]
        }
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            let known = known_properties(error, schema);
            unexpected
                .iter()
                // One more than is told, so that the caller hears that there are more.
                .take(MAX_FAULTS + 1)
                .map(|name| unknown(path, name, &known))
                .collect()
        }
        Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
            vec![alternatives(path, context, schema)]
        }
        kind => vec![format!("`{}`: {}", field(path, None), expectation(kind, error))],
    }
}

fn expectation(kind: &Kind, error: &ValidationError<'_>) -> String {
    let text = match kind {
        Kind::Type {
            kind: TypeKind::Single(name),
        } => {
            format!("expected {name}, found {}", type_of(error.instance()))
        }
        Kind::Type {
            kind: TypeKind::Multiple(names),
        } => {
            let names: Vec<_> = names.iter().map(|name| name.to_string()).collect();
            format!(
                "expected {}, found {}",
                names.join(" or "),
                type_of(error.instance())
            )
        }
        Kind::Enum { options } => format!("expected one of {}", options_of(options)),
        Kind::Constant { expected_value } => format!("expected {expected_value}"),
        Kind::Pattern { pattern } => format!("expected text that matches `{pattern}`"),
        Kind::Format { format } => format!("expected the format {format}"),
        Kind::BacktrackLimitExceeded { .. } | Kind::RegexEngineFailure { .. } => {
            "the pattern of the schema takes too long on this text".to_owned()
        }
        Kind::OneOfMultipleValid { .. } => "fits more than one of the alternatives, must fit one".to_owned(),
        Kind::Not { .. } => "has a shape that the schema rules out".to_owned(),
        Kind::FalseSchema => "not allowed here".to_owned(),
        Kind::PropertyNames { .. } => "has a field whose name is not allowed".to_owned(),
        Kind::Contains | Kind::Custom { .. } | Kind::Referencing(_) => {
            format!("does not fit the keyword `{}`", kind.keyword())
        }
        _ => error.masked_with("the value").to_string(),
    };
    shorten(&text)
}

/// Of several alternatives, the one that the value is nearest to says what is missing.
fn alternatives(path: &str, context: &[Vec<ValidationError<'static>>], schema: &Value) -> String {
    let nearest = context
        .iter()
        .filter(|faults| !faults.is_empty())
        .min_by_key(|faults| faults.len());
    let inner: Vec<String> = nearest
        .into_iter()
        .flatten()
        .take(3)
        // Alternatives of alternatives: one level is enough to act on, and bounds the recursion.
        .map(|fault| match fault.kind() {
            Kind::AnyOf { .. } | Kind::OneOfNotValid { .. } => {
                format!(
                    "`{}`: fits none of the alternatives",
                    field(fault.instance_path().as_str(), None)
                )
            }
            _ => describe(fault, schema).join("; "),
        })
        .collect();
    let text = format!(
        "`{}`: fits none of the {} alternatives; the nearest one wants: {}",
        field(path, None),
        context.len(),
        inner.join("; ")
    );
    shorten(&text)
}

fn unknown(path: &str, name: &str, known: &[String]) -> String {
    let field = field(path, Some(name));
    let near = known
        .iter()
        .take(MAX_COMPARED)
        .filter(|_| name.len() <= MAX_NAME)
        .map(|candidate| (strsim::damerau_levenshtein(candidate, name), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len().max(3) / 3)
        .min_by_key(|(distance, _)| *distance);
    match near {
        Some((_, candidate)) => format!("`{field}`: no such field; did you mean `{candidate}`?"),
        None if known.is_empty() => format!("`{field}`: no such field; none is taken here"),
        None => shorten(&format!(
            "`{field}`: no such field; known are {}",
            known.join(", ")
        )),
    }
}

/// The properties that are declared beside the keyword which refused the name.
fn known_properties(error: &ValidationError<'_>, schema: &Value) -> Vec<String> {
    let pointer = error.schema_path().as_str();
    let parent = pointer.rsplit_once('/').map_or("", |(parent, _)| parent);
    let properties = schema.pointer(parent).and_then(|node| node.get("properties"));
    properties
        .and_then(Value::as_object)
        .map(|map| map.keys().cloned().collect())
        .unwrap_or_default()
}

/// `/labels/2/name` as `labels.2.name`; the whole as `arguments`.
fn field(pointer: &str, last: Option<&str>) -> String {
    let unescape = |part: &str| part.replace("~1", "/").replace("~0", "~");
    let parts: Vec<String> = pointer
        .split('/')
        .skip(1)
        .map(unescape)
        .chain(last.map(ToOwned::to_owned))
        .map(|part| part.chars().take(64).collect())
        .collect();
    if parts.is_empty() {
        "arguments".to_owned()
    } else {
        shorten(&parts.join("."))
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn options_of(options: &Value) -> String {
    let all: Vec<String> = options
        .as_array()
        .into_iter()
        .flatten()
        .map(Value::to_string)
        .collect();
    match all.get(..20) {
        Some(first) if all.len() > 20 => format!("{} and {} more", first.join(", "), all.len() - 20),
        _ => all.join(", "),
    }
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(MAX_TEXT) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
