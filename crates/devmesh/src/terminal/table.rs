//! Tables of the API's objects.

use std::io::IsTerminal;

use comfy_table::{ContentArrangement, Table, presets};
use serde_json::Value;

/// A column: its title, and its text for a row.
pub type Column = (&'static str, fn(&Value) -> String);

/// The text of a field: `-` for none, JSON for what is no text.
#[must_use]
pub fn text(row: &Value, field: &str) -> String {
    match row.get(field) {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// A list of words, separated by blanks.
#[must_use]
pub fn list(row: &Value, field: &str) -> String {
    let words = row
        .get(field)
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    if words.is_empty() {
        return "-".to_owned();
    }
    words
        .iter()
        .filter_map(Value::as_str)
        .collect::<Vec<_>>()
        .join(" ")
}

/// An instant to the second, UTC.
#[must_use]
pub fn date(row: &Value, field: &str) -> String {
    let Some(text) = row.get(field).and_then(Value::as_str) else {
        return "-".to_owned();
    };
    match chrono::DateTime::parse_from_rfc3339(text) {
        Ok(at) => at.to_utc().format("%Y-%m-%d %H:%M:%S").to_string(),
        Err(_) => text.to_owned(),
    }
}

pub(super) fn render(columns: &[Column], rows: &[Value]) -> String {
    let mut table = bare();
    table.set_header(columns.iter().map(|(title, _)| title.to_uppercase()));
    for row in rows {
        table.add_row(columns.iter().map(|(_, text)| text(row)));
    }
    table.trim_fmt()
}

pub(super) fn record(columns: &[Column], value: &Value) -> String {
    let mut table = bare();
    for (title, text) in columns {
        table.add_row([(*title).to_owned(), text(value)]);
    }
    table.trim_fmt()
}

/// Without lines; as wide as the terminal, or as the content where there is none.
fn bare() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    if std::io::stdout().is_terminal() {
        table.set_content_arrangement(ContentArrangement::Dynamic);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_a_title_line_and_a_line_for_each_row() {
        let columns: &[Column] = &[
            ("name", |row| text(row, "name")),
            ("since", |row| date(row, "at")),
        ];
        let rows = [
            serde_json::json!({"name": "ci", "at": "2026-01-02T03:04:05.678Z"}),
            serde_json::json!({"name": "laptop", "at": null}),
        ];
        let lines: Vec<String> = render(columns, &rows)
            .lines()
            .map(|line| line.trim().to_owned())
            .collect();
        assert_eq!(lines.len(), 3);
        assert_eq!(
            lines[1].split_whitespace().collect::<Vec<_>>(),
            ["ci", "2026-01-02", "03:04:05"]
        );
        assert_eq!(lines[2].split_whitespace().collect::<Vec<_>>(), ["laptop", "-"]);
    }
}
