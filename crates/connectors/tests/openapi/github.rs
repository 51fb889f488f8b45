//! The real description of GitHub's API, from the npm package `@octokit/openapi`, which `./scripts/test` installs.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use connectors::openapi::{Imported, Limits};
use domain::provider::Selection;
use serde_json::Value;

use crate::support::{check_tool, import_with};

const PACKAGE: &str =
    "target/test-tools/node/descriptions/node_modules/@octokit/openapi/generated/api.github.com.json";

#[expect(
    clippy::disallowed_methods,
    reason = "a test is told by the environment where its material is"
)]
fn path() -> PathBuf {
    let workspace = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::env::var_os("DEVMESH_TEST_GITHUB_OPENAPI").map_or_else(|| workspace.join(PACKAGE), PathBuf::from)
}

fn text() -> String {
    let path = path();
    std::fs::read_to_string(&path).unwrap_or_else(|error| {
        panic!(
            "GitHub's description is not at {}: {error}. `./scripts/test` installs it (npm package \
             @octokit/openapi); or name the file in DEVMESH_TEST_GITHUB_OPENAPI.",
            path.display()
        )
    })
}

fn github(text: &str) -> Imported {
    import_with(text, &Selection::default(), Limits::default()).unwrap_or_else(|faults| panic!("{faults:#?}"))
}

#[test]
fn github_description_becomes_a_tool_or_a_reason_for_every_operation() {
    let text = text();
    let started = Instant::now();
    let imported = github(&text);
    let took = started.elapsed();

    let description: Value = serde_json::from_str(&text).unwrap();
    let operations = count_operations(&description);
    assert!(operations > 1_000, "{operations}");
    assert_eq!(imported.tools.len() + imported.skipped.len(), operations);
    assert!(imported.skipped.iter().all(|skipped| !skipped.reason.is_empty()));
    assert_eq!(imported.skipped.len(), 0, "{:#?}", imported.skipped);
    assert_eq!(imported.base_url, "https://api.github.com");
    // Release builds take well under five seconds; this one is not optimized and shares the machine.
    assert!(took < Duration::from_secs(60), "{took:?}");
    report(&imported, took);
}

#[test]
fn github_description_gives_schemas_that_compile_and_stay_within_their_bounds() {
    let imported = github(&text());
    imported.tools.iter().for_each(check_tool);
    let limits = Limits::default();
    for tool in &imported.tools {
        assert!(
            tool.input_schema.as_str().len() <= limits.max_input_schema_bytes,
            "{}",
            tool.name
        );
        let output = tool
            .output_schema
            .as_ref()
            .map_or(0, |schema| schema.to_string().len());
        assert!(
            output <= limits.max_output_schema_bytes,
            "{}: {output}",
            tool.name
        );
    }
}

#[test]
fn github_description_gives_the_same_tools_whatever_the_order_of_its_paths() {
    let text = text();
    let mut reversed: Value = serde_json::from_str(&text).unwrap();
    let paths = reversed["paths"].as_object_mut().unwrap();
    *paths = std::mem::take(paths).into_iter().rev().collect();
    assert!(
        github(&text) == github(&reversed.to_string()),
        "the order of paths changes the tools"
    );
}

fn count_operations(description: &Value) -> usize {
    let methods = [
        "get", "put", "post", "delete", "options", "head", "patch", "trace",
    ];
    let items = description["paths"].as_object().unwrap().values();
    items
        .map(|item| methods.iter().filter(|method| item.get(method).is_some()).count())
        .sum()
}

fn report(imported: &Imported, took: Duration) {
    let mut sizes: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for tool in &imported.tools {
        sizes
            .entry("input")
            .or_default()
            .push(tool.input_schema.as_str().len());
        sizes
            .entry("output")
            .or_default()
            .extend(tool.output_schema.as_ref().map(|s| s.as_str().len()));
    }
    println!("{} tools in {took:?}", imported.tools.len());
    for (side, mut sizes) in sizes {
        sizes.sort_unstable();
        let at = |part: usize| sizes[(sizes.len() - 1) * part / 100];
        let total: usize = sizes.iter().sum();
        println!(
            "{side}: {} schemas, {total} bytes, p50 {} p99 {} max {}",
            sizes.len(),
            at(50),
            at(99),
            at(100)
        );
    }
}
