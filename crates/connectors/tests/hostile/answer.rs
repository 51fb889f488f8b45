//! What an import answers, as text; and what it may cost.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use connectors::openapi::{ImportRequest, Imported, Limits, ToolDraft, import};
use domain::provider::{Fault, Selection};
use domain::tool::Binding;
use sha2::{Digest, Sha256};

use crate::case::Case;

/// Schemas longer than this are told by their hash.
const SHOWN: usize = 600;
/// Faults beyond these are counted.
const TOLD: usize = 6;

/// Most bytes held at once: what parsing, checking and converting a text of that length takes, and a floor for YAML's aliases and
/// compiled patterns.
fn bytes_allowed(text: &str) -> u64 {
    (64 << 20) + 40 * text.len() as u64
}

/// Most allocations in all: the measure of work that does not depend on the machine.
fn allocations_allowed(text: &str) -> u64 {
    250_000 + 10 * text.len() as u64
}

/// The cases of a group whose answer is not the committed one, or which cost too much.
pub fn differing(group: &str, cases: &[Case]) -> Vec<String> {
    let file = file_of(group);
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    let expected = sections(&committed);
    let (mut wrong, mut all) = (Vec::new(), String::new());
    for case in cases {
        let mut answer = String::new();
        let cost = allocation_counter::measure(|| answer = answer_to(&case.text));
        all.push_str(&format!("## {}\n{answer}\n", case.name));
        if expected.get(case.name.as_str()) != Some(&answer.trim_end()) {
            wrong.push(format!("{group}, {}:\n{answer}", case.name));
        }
        if cost.bytes_max > bytes_allowed(&case.text) || cost.count_total > allocations_allowed(&case.text) {
            let (peak, count) = (cost.bytes_max, cost.count_total);
            let length = case.text.len();
            wrong.push(format!(
                "{group}, {}: {peak} bytes and {count} allocations for {length} bytes",
                case.name
            ));
        }
    }
    if std::env::var_os("UPDATE_ANSWERS").is_some() {
        std::fs::write(&file, &all).expect("the file of answers");
    }
    if expected.len() > cases.len() {
        wrong.push(format!("{group}: an answer without a case"));
    }
    wrong
}

/// How many answers a group has.
pub fn count(group: &str) -> usize {
    let committed = std::fs::read_to_string(file_of(group)).unwrap_or_default();
    sections(&committed).len()
}

fn file_of(group: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/hostile/answers/{group}.txt"))
}

fn sections(text: &str) -> HashMap<&str, &str> {
    let sections = text.split("## ").skip(1);
    sections
        .map(|section| section.split_once('\n').unwrap_or((section, "")))
        .map(|(name, answer)| (name, answer.trim_end()))
        .collect()
}

/// What the importer makes of a text, a line for each thing.
fn answer_to(text: &str) -> String {
    let request = ImportRequest {
        provider_name: "acme",
        base_url: None,
        description_url: None,
        selection: &Selection::default(),
        limits: Limits::default(),
    };
    match import(text, &request) {
        Ok(imported) => told(&imported),
        Err(faults) => faulty(&faults),
    }
}

fn told(imported: &Imported) -> String {
    let mut lines = Vec::new();
    if imported.base_url != "https://api.acme.test/v1" {
        lines.push(format!("base {}", imported.base_url));
    }
    if imported.tools.len() > TOLD {
        lines.push(format!("{} tools", imported.tools.len()));
    }
    lines.extend(imported.tools.iter().take(TOLD).map(tool));
    let skipped = imported.skipped.iter().take(TOLD);
    lines.extend(skipped.map(|skipped| {
        let (operation, reason) = (shortened(&skipped.operation), shortened(&skipped.reason));
        format!("skipped {operation} {reason}")
    }));
    if lines.is_empty() {
        lines.push("no tools".to_owned());
    }
    lines.join("\n")
}

fn tool(tool: &ToolDraft) -> String {
    let Binding::Http(binding) = &tool.binding;
    let schema = tool.input_schema.as_str();
    let compiled = jsonschema::options()
        .with_draft(jsonschema::Draft::Draft202012)
        .build(&tool.input_schema.value());
    assert!(compiled.is_ok(), "{schema}");
    let input = match schema.len() {
        ..=SHOWN => schema.escape_debug().to_string().replace("\\\"", "\""),
        length => format!("{length} bytes {}", hash(schema)),
    };
    let path = shortened(&binding.path);
    let elsewhere = binding
        .base_url
        .as_ref()
        .map_or_else(String::new, |url| format!(" at {url}"));
    let description = shortened(&tool.description);
    format!(
        "tool {} {} {path}{elsewhere}\n  says {description}\n  takes {input}",
        tool.name, binding.method
    )
}

fn shortened(text: &str) -> String {
    match text.len() {
        ..=300 => format!("{text:?}"),
        length => format!("{length} bytes {}", hash(text)),
    }
}

fn hash(text: &str) -> String {
    let hash = Sha256::digest(text.as_bytes());
    hash.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

fn faulty(faults: &[Fault]) -> String {
    let told = |fault: &Fault| {
        let (pointer, message) = (shortened(&fault.pointer), &fault.message);
        format!("fault {pointer} {}", shortened(message))
    };
    let mut lines: Vec<String> = faults.iter().take(TOLD).map(told).collect();
    if faults.len() > TOLD {
        let last = faults
            .last()
            .map(|fault| fault.message.as_str())
            .unwrap_or_default();
        lines.push(format!("{} faults, the last: {last}", faults.len()));
    }
    lines.join("\n")
}
