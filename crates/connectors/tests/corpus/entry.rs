//! What the fuzz targets run, and what has to hold whatever they are given. `crates/fuzz` takes this file as it is.

use connectors::openapi::{ImportRequest, Imported, Limits, ToolDraft, import};
use connectors::rehearse;
use domain::provider::{AuthScheme, CallLimits, Health, ProviderKind, Selection};
use domain::tool::Binding;
use domain::{Provider, ProviderId, TenantId, Tool, ToolId};
use serde_json::Value;
use url::Url;

/// Headers that a description must not be able to set.
const OURS: [&str; 5] = [
    "host",
    "content-length",
    "transfer-encoding",
    "authorization",
    "connection",
];
/// Tools of one description that are called: more of them make no other paths.
const CALLED: usize = 4;

/// Imports any text: there are sound tools, or faults that say something.
pub fn import_text(text: &str) -> Option<Imported> {
    let request = ImportRequest {
        provider_name: "acme",
        base_url: Some("https://acme.test/base".to_owned()),
        description_url: None,
        selection: &Selection::default(),
        limits: Limits::default(),
    };
    match import(text, &request) {
        Ok(imported) => {
            imported.tools.iter().for_each(check);
            assert!(imported.skipped.iter().all(|skipped| !skipped.reason.is_empty()));
            Some(imported)
        }
        Err(faults) => {
            assert!(!faults.is_empty() && faults.iter().all(|fault| !fault.message.is_empty()));
            None
        }
    }
}

fn check(tool: &ToolDraft) {
    let name = &tool.name;
    let clean = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    assert!(name.len() <= 64 && name.bytes().all(clean), "{name}");
    assert_eq!(tool.input_schema["type"], "object", "{name}");
    assert!(tool.description.chars().count() <= 1_024, "{name}");
}

/// Calls the tools of a description: what follows the line `---` in the text are the arguments. A request goes where
/// the description was said to be, below its path, and sets no header of the connection's.
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
        let Ok(request) = rehearse(&provider, &tool, arguments.clone()) else {
            continue;
        };
        let Binding::Http(binding) = &tool.binding;
        let base = binding.base_url.as_deref().unwrap_or(&provider.base_url);
        let base = Url::parse(base).expect("an imported base URL");
        assert_eq!(request.url.origin(), base.origin(), "{}", request.url);
        let below = base.path().trim_end_matches('/');
        assert!(request.url.path().starts_with(below), "{}", request.url);
        for name in OURS {
            assert!(!request.headers.contains_key(name), "{name}");
        }
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
