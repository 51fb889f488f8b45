//! The events of `docs/logs.md` against the source.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") && !path.ends_with("events.rs") {
            found.push(path);
        }
    }
}

/// The source of every crate that writes log lines.
fn shipped() -> String {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned();
    let mut files = Vec::new();
    for name in [
        "cache",
        "connectors",
        "control",
        "devmesh",
        "domain",
        "mcp-server",
        "queue",
        "rest-api",
        "runtime",
        "storage",
        "telemetry",
        "uplink",
        "worker",
    ] {
        sources(&crates.join(name).join("src"), &mut files);
    }
    files
        .iter()
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect()
}

#[test]
fn every_event_in_the_source_is_documented_and_every_documented_one_is_in_the_source() {
    let source = shipped();
    let documented: BTreeSet<&str> = devmesh::generate::events()
        .iter()
        .map(|event| event.name)
        .collect();
    let written = source
        .split(" event = \"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next());
    let missing: BTreeSet<&str> = written.filter(|name| !documented.contains(name)).collect();
    assert!(
        missing.is_empty(),
        "declare them in their crate's events.rs: {missing:?}"
    );
    let dead = documented
        .iter()
        .filter(|name| !source.contains(&format!("\"{name}\"")));
    let dead: Vec<_> = dead.collect();
    assert!(dead.is_empty(), "nobody writes them: {dead:?}");
}
