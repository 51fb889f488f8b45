//! What the fuzz targets run, and what has to hold whatever they are given. `crates/fuzz` takes these files as they are.

mod taken_apart;

use std::collections::BTreeSet;

use connectors::openapi::{ImportRequest, Imported, Limits, ToolDraft, import};
use connectors::rehearse;
use domain::provider::{AuthScheme, CallLimits, Fault, Health, ProviderKind, Selection};
use domain::tool::{Binding, BodySource, HttpBinding, RESERVED};
use domain::{CallErrorKind, Provider, ProviderId, TenantId, Tool, ToolId};
use serde_json::Value;

/// Tools of one description that are called: more of them make no other paths.
const CALLED: usize = 4;
/// Most characters of what the caller of a tool is told about wrong arguments.
const MAX_TOLD: usize = 16 << 10;
/// Text values of arguments from this length on are looked for in what the caller is told.
const PRIVATE: usize = 24;

/// Imports any text: there are sound tools, or faults that say something, and the same ones the second time and however
/// the same JSON is laid out.
pub fn import_text(text: &str) -> Option<Imported> {
    let first = answer(text);
    assert_eq!(first, answer(text), "another answer the second time");
    let faults = match first {
        Ok(imported) => {
            sound(&imported);
            if let Ok(json) = serde_json::from_str::<Value>(text) {
                let laid_out = serde_json::to_string_pretty(&json).expect("JSON");
                assert_eq!(answer(&laid_out).as_ref(), Ok(&imported), "{laid_out}");
            }
            return Some(imported);
        }
        Err(faults) => faults,
    };
    assert!(!faults.is_empty());
    for fault in &faults {
        assert!(!fault.message.is_empty());
        assert!(fault.message.len() + fault.pointer.len() <= 1_024 + 8 * text.len());
    }
    None
}

fn answer(text: &str) -> Result<Imported, Vec<Fault>> {
    let request = ImportRequest {
        provider_name: "acme",
        base_url: Some("https://acme.test/base".to_owned()),
        description_url: None,
        selection: &Selection::default(),
        limits: Limits::default(),
    };
    import(text, &request)
}

fn sound(imported: &Imported) {
    imported.tools.iter().for_each(check);
    let names: BTreeSet<&str> = imported.tools.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(names.len(), imported.tools.len(), "two tools of one name");
    for skipped in &imported.skipped {
        assert!(!skipped.reason.is_empty(), "{}", skipped.operation);
    }
}

fn check(tool: &ToolDraft) {
    let (name, limits) = (&tool.name, Limits::default());
    let clean = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    assert!(name.len() <= 64 && name.bytes().all(clean), "{name}");
    assert!(!RESERVED.contains(&name.as_str()), "{name}");
    assert!(tool.description.chars().count() <= 1_024, "{name}");
    let input = tool.input_schema.value();
    assert_eq!(input["type"], "object", "{name}");
    assert!(
        tool.input_schema.as_str().len() <= limits.max_input_schema_bytes,
        "{name}"
    );
    if let Some(output) = &tool.output_schema {
        assert_eq!(output.value()["type"], "object", "{name}");
        assert!(output.as_str().len() <= limits.max_output_schema_bytes, "{name}");
    }
    let Binding::Http(binding) = &tool.binding;
    let known = input["properties"].as_object().expect("properties");
    let mut known: Vec<&str> = known.keys().map(String::as_str).collect();
    let mut bound = arguments_of(binding);
    known.sort_unstable();
    bound.sort_unstable();
    assert_eq!(known, bound, "{name}: each argument has one place");
}

fn arguments_of(binding: &HttpBinding) -> Vec<&str> {
    let mut all: Vec<&str> = binding
        .parameters
        .iter()
        .map(|parameter| parameter.argument.as_str())
        .collect();
    match binding.body.as_ref().map(|body| &body.source) {
        Some(BodySource::Argument { argument }) => all.push(argument),
        Some(BodySource::Properties { properties }) => {
            all.extend(properties.iter().map(|(argument, _)| argument.as_str()));
        }
        None => {}
    }
    all
}

/// Calls the tools of a description: what follows the line `---` in the text are the arguments. What was asked stands in
/// the request, at its place and nowhere else; or the caller is told why not, without the values that were given.
pub fn call(text: &str) {
    let Some((description, arguments)) = text.split_once("\n---\n") else {
        return;
    };
    let Ok(arguments) = serde_json::from_str::<Value>(arguments) else {
        return;
    };
    let Some(imported) = import_text(description) else {
        return;
    };
    let provider = provider(imported.base_url);
    for tool in imported.tools.into_iter().take(CALLED) {
        let tool = stored(tool, &provider);
        let Binding::Http(binding) = &tool.binding;
        match rehearse(&provider, &tool, arguments.clone()) {
            Ok(request) => {
                let again = rehearse(&provider, &tool, arguments.clone()).expect("the same again");
                assert_eq!(format!("{request:?}"), format!("{again:?}"));
                let base = binding.base_url.as_deref().unwrap_or(&provider.base_url);
                let nothing = serde_json::Map::new();
                let given = arguments.as_object().unwrap_or(&nothing);
                taken_apart::holds(binding, base, &request, given);
            }
            Err(failure) => {
                let message = &failure.message;
                assert_eq!(failure.kind, CallErrorKind::InvalidArguments, "{message}");
                assert!(message.chars().count() <= MAX_TOLD, "{message}");
                let mut keys = String::new();
                let values = private(&arguments, &mut keys);
                let known = |value: &&str| description.contains(*value) || keys.contains(*value);
                for value in values.into_iter().filter(|value| !known(value)) {
                    assert!(!message.contains(value), "{value} is repeated: {message}");
                }
            }
        }
    }
}

/// The texts among the values; `keys` gathers the names of fields, which may be repeated.
fn private<'v>(value: &'v Value, keys: &mut String) -> Vec<&'v str> {
    match value {
        Value::String(text) if text.len() >= PRIVATE => vec![text],
        Value::Array(items) => items.iter().flat_map(|item| private(item, keys)).collect(),
        Value::Object(members) => {
            let mut all = Vec::new();
            for (key, member) in members {
                keys.push_str(key);
                keys.push('\n');
                all.extend(private(member, keys));
            }
            all
        }
        _ => Vec::new(),
    }
}

fn provider(base_url: String) -> Provider {
    Provider {
        id: ProviderId::generate(),
        tenant_id: TenantId::generate(),
        name: "acme".to_owned(),
        kind: ProviderKind::Openapi,
        base_url,
        auth: AuthScheme::None,
        selection: Selection::default(),
        allowed_hosts: Vec::new(),
        limits: CallLimits::default(),
        health: Health::Unknown,
        version: 1,
        created_at: chrono::DateTime::UNIX_EPOCH,
        refreshed_at: chrono::DateTime::UNIX_EPOCH,
    }
}

fn stored(draft: ToolDraft, provider: &Provider) -> Tool {
    Tool {
        id: ToolId::generate(),
        tenant_id: provider.tenant_id,
        provider_id: provider.id,
        name: draft.name,
        title: draft.title,
        description: draft.description,
        tags: draft.tags,
        input_schema: draft.input_schema,
        output_schema: draft.output_schema,
        annotations: draft.annotations,
        binding: draft.binding,
    }
}
