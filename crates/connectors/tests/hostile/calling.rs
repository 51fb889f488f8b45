//! The first tool of a description, called.

use connectors::openapi::{ImportRequest, Limits, import};
use connectors::{CallFailure, Rehearsed, rehearse};
use domain::provider::{AuthScheme, CallLimits, Health, ProviderKind, Selection};
use domain::{Provider, ProviderId, TenantId, Tool, ToolId};
use serde_json::Value;

pub fn call(description: &Value, arguments: Value) -> Result<Rehearsed, CallFailure> {
    let request = ImportRequest {
        provider_name: "acme",
        base_url: None,
        description_url: None,
        selection: &Selection::default(),
        limits: Limits::default(),
    };
    let imported = import(&description.to_string(), &request).unwrap();
    let provider = provider(imported.base_url);
    let draft = imported.tools.into_iter().next().unwrap();
    let tool = Tool {
        id: ToolId::generate(),
        tenant_id: provider.tenant_id,
        provider_id: provider.id,
        name: draft.name,
        title: None,
        description: String::new(),
        tags: Vec::new(),
        input_schema: draft.input_schema,
        output_schema: None,
        annotations: draft.annotations,
        binding: draft.binding,
    };
    rehearse(&provider, &tool, arguments)
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
