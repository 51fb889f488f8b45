//! Real catalogues: descriptions that `./scripts/test` installs, imported as the mesh imports them.

use std::collections::HashMap;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use connectors::openapi::{ImportRequest, Limits, import};
use domain::provider::Selection;
use domain::tool::Binding;
use domain::{ProviderId, TenantId, Tool, ToolId};
use serde_json::Value;

/// One operation of a description, and its tool.
pub struct Described {
    pub id: String,
    pub summary: String,
    pub tool: Arc<Tool>,
}

/// GitHub's API (npm package `@octokit/openapi`).
pub fn github() -> Vec<Described> {
    let text = std::fs::read_to_string(installed(
        "descriptions/node_modules/@octokit/openapi/generated/api.github.com.json",
    ));
    described("github", &text.unwrap_or_else(|error| panic!("{HINT}: {error}")))
}

/// Kubernetes' API (npm package `kubernetes-client`).
pub fn kubernetes() -> Vec<Described> {
    let path = installed("kubernetes/node_modules/kubernetes-client/lib/specs/swagger-1.13.json.gz");
    let packed = std::fs::File::open(path).unwrap_or_else(|error| panic!("{HINT}: {error}"));
    let mut text = String::new();
    flate2::read::GzDecoder::new(packed)
        .read_to_string(&mut text)
        .unwrap();
    described("kubernetes", &text)
}

const HINT: &str = "the description is not installed; `./scripts/test` does it (scripts/lib/node)";

fn installed(path: &str) -> PathBuf {
    let workspace = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    workspace.join("target/test-tools/node").join(path)
}

fn described(provider: &str, text: &str) -> Vec<Described> {
    let description: Value = serde_json::from_str(text).unwrap();
    let operations = operations(&description);
    let request = ImportRequest {
        provider_name: provider,
        base_url: Some("https://api.example.com".to_owned()),
        description_url: None,
        selection: &Selection::default(),
        limits: Limits::default(),
    };
    let imported = import(text, &request).unwrap_or_else(|faults| panic!("{faults:#?}"));
    let (tenant, provider) = (TenantId::generate(), ProviderId::generate());
    let tools = imported.tools.into_iter().map(|draft| {
        let Binding::Http(binding) = &draft.binding;
        let (id, summary) = operations[&(binding.method.to_lowercase(), binding.path.clone())].clone();
        let tool = Tool {
            id: ToolId::generate(),
            tenant_id: tenant,
            provider_id: provider,
            name: draft.name,
            title: draft.title,
            description: draft.description,
            tags: draft.tags,
            input_schema: draft.input_schema,
            output_schema: draft.output_schema,
            annotations: draft.annotations,
            binding: draft.binding,
        };
        Described {
            id,
            summary,
            tool: Arc::new(tool),
        }
    });
    let mut tools: Vec<Described> = tools.collect();
    tools.sort_by(|one, other| one.tool.name.cmp(&other.tool.name));
    tools
}

/// Operation id and summary (or description) by method and path.
fn operations(description: &Value) -> HashMap<(String, String), (String, String)> {
    let mut all = HashMap::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if let Some(id) = operation.get("operationId").and_then(Value::as_str) {
                let text = operation.get("summary").or_else(|| operation.get("description"));
                let text = text.and_then(Value::as_str).unwrap_or_default();
                all.insert((method.clone(), path.clone()), (id.to_owned(), text.to_owned()));
            }
        }
    }
    all
}

/// The tools alone.
pub fn tools(all: &[Described]) -> Vec<Arc<Tool>> {
    all.iter().map(|described| Arc::clone(&described.tool)).collect()
}
