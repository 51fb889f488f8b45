//! The reference of a configuration, as committed in `docs/configuration.md`.

use std::fmt::Write;

use schemars::JsonSchema;
use toml::Value;

use super::shape::{Field, Shape, join};

/// A Markdown section `## title` with one table row for each setting: key, type, default, meaning.
///
/// The meaning is the field's doc comment. A key in a map is written `<name>`.
pub fn reference<T: JsonSchema>(title: &str) -> String {
    let mut page = format!("## {title}\n\n| key | type | default | meaning |\n|---|---|---|---|\n");
    rows(&Shape::of::<T>(), "", None, &mut page);
    page
}

fn rows(shape: &Shape, prefix: &str, outer: Option<&Value>, page: &mut String) {
    for field in shape.fields() {
        let key = join(prefix, &field.name);
        let given = outer.and_then(|table| table.get(&field.name));
        let default = given.or(field.default.as_ref());
        match &field.shape {
            Shape::Table(_) => rows(&field.shape, &key, default, page),
            Shape::Map(inner) if matches!(**inner, Shape::Table(_)) => {
                rows(inner, &format!("{key}.<name>"), None, page);
            }
            _ => row(&key, field, default, page),
        }
    }
}

fn row(key: &str, field: &Field, default: Option<&Value>, page: &mut String) {
    let default = match default {
        Some(Value::String(text)) if text.is_empty() => "–".to_owned(),
        Some(value) => format!("`{}`", value.to_string().replace('|', "\\|")),
        None if field.required => "required".to_owned(),
        None => "–".to_owned(),
    };
    let doc = field
        .doc
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace('|', "\\|");
    let label = field.shape.label();
    // Writing to a String cannot fail.
    let _ = writeln!(page, "| `{key}` | {label} | {default} | {doc} |");
}
