//! Values that unit tests of several modules need.

use domain::tool::{Annotations, Binding, HttpBinding};
use domain::{ProviderId, TenantId, Tool, ToolId};
use serde_json::Value;

/// A tool with this input schema.
pub(crate) fn tool(input_schema: Value) -> Tool {
    Tool {
        id: ToolId::generate(),
        tenant_id: TenantId::generate(),
        provider_id: ProviderId::generate(),
        name: "test_tool".to_owned(),
        title: None,
        description: String::new(),
        tags: Vec::new(),
        input_schema: input_schema.into(),
        output_schema: None,
        annotations: Annotations {
            read_only: false,
            destructive: false,
            idempotent: false,
            open_world: true,
        },
        binding: Binding::Http(HttpBinding {
            method: "GET".to_owned(),
            path: "/".to_owned(),
            base_url: None,
            parameters: Vec::new(),
            body: None,
            wraps_result: false,
        }),
    }
}
