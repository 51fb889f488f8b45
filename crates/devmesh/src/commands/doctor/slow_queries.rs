//! `devmesh doctor --slow-queries`.

use serde_json::{Value, json};
use storage::inspect::{SlowStatements, slow_statements};

use crate::failure::Failure;
use crate::pages::Pages;
use crate::terminal::{Column, Terminal, text};

/// The guides' query: more than so many milliseconds on average, the slowest twenty.
const MEAN_MS: f64 = 100.0;
const MOST: u8 = 20;

const COLUMNS: &[Column] = &[
    ("statement", |row| text(row, "query")),
    ("calls", |row| text(row, "calls")),
    ("mean ms", |row| milliseconds(row, "mean_ms")),
    ("max ms", |row| milliseconds(row, "max_ms")),
    ("total ms", |row| milliseconds(row, "total_ms")),
];

/// What to do where PostgreSQL keeps no count of its statements.
const NO_EXTENSION: &str = "PostgreSQL keeps no statistics of statements here, so these are the calls that rest-api itself measured. \
    For those of the server: shared_preload_libraries = 'pg_stat_statements' in postgresql.conf, restart it, then \
    as a superuser CREATE EXTENSION pg_stat_statements in the mesh's database";

/// Shows them: the server's own where it counts them, otherwise the calls that rest-api measured.
pub(super) async fn show(url: &str, pages: &Pages, terminal: &Terminal) -> Result<(), Failure> {
    let found = slow_statements(url, MEAN_MS, MOST.into()).await;
    let rows = match found.map_err(|error| Failure::Failed(error.to_string()))? {
        SlowStatements::Found(statements) => statements
            .into_iter()
            .map(|of| {
                json!({ "query": of.query, "calls": of.calls, "mean_ms": of.mean_ms, "max_ms": of.max_ms,
                    "total_ms": of.total_ms })
            })
            .collect(),
        other => {
            if other == SlowStatements::NoExtension {
                terminal.note(NO_EXTENSION);
            }
            measured(pages)?
        }
    };
    terminal.rows(COLUMNS, &rows, "no statement takes more than 100 ms on average")
}

/// The calls of storage by name, since rest-api started.
fn measured(pages: &Pages) -> Result<Vec<Value>, Failure> {
    let Some(page) = pages.of("rest-api") else {
        return Err(Failure::Unreachable(
            "rest-api does not answer, and it alone has measured its calls".to_owned(),
        ));
    };
    let mut rows: Vec<(f64, Value)> = page
        .samples("db_query_duration_seconds_sum")
        .filter_map(|sum| {
            let (operation, table) = (sum.label("operation"), sum.label("table"));
            let calls = page.sum("db_query_duration_seconds_count", |count| {
                count.label("operation") == operation && count.label("table") == table
            })?;
            let mean = 1_000.0 * sum.value / calls;
            let row = json!({ "query": format!("{operation} {table}"), "calls": calls, "mean_ms": mean, "max_ms": null,
                "total_ms": 1_000.0 * sum.value });
            (mean > MEAN_MS).then_some((mean, row))
        })
        .collect();
    rows.sort_by(|one, other| other.0.total_cmp(&one.0));
    Ok(rows.into_iter().take(MOST.into()).map(|(_, row)| row).collect())
}

fn milliseconds(row: &Value, field: &str) -> String {
    row.get(field)
        .and_then(Value::as_f64)
        .map_or_else(|| "-".to_owned(), |value| format!("{value:.1}"))
}
