//! A row of `tools`: the ids, the name, and everything else as one document.

use domain::tool::{Annotations, Binding, Schema};
use domain::{ProviderId, StoreError, TenantId, Tool, ToolId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::column::Document;

macro_rules! tool_columns {
    () => {
        "id, tenant_id, provider_id, name, definition"
    };
}
pub(crate) use tool_columns;

/// A row of `tools`.
#[derive(sqlx::FromRow)]
pub struct ToolRow {
    id: Uuid,
    tenant_id: Uuid,
    provider_id: Uuid,
    name: String,
    definition: Document<Definition>,
}

/// What the definition document holds.
#[derive(Debug, Clone, Deserialize)]
pub struct Definition {
    title: Option<String>,
    description: String,
    tags: Vec<String>,
    input_schema: Schema,
    output_schema: Option<Schema>,
    annotations: Annotations,
    binding: Binding,
}

/// The same, borrowed from a tool.
#[derive(Serialize)]
struct BorrowedDefinition<'a> {
    title: &'a Option<String>,
    description: &'a str,
    tags: &'a [String],
    input_schema: &'a Schema,
    output_schema: &'a Option<Schema>,
    annotations: Annotations,
    binding: &'a Binding,
}

impl From<ToolRow> for Tool {
    fn from(row: ToolRow) -> Self {
        let definition = row.definition.0;
        Self {
            id: ToolId(row.id),
            tenant_id: TenantId(row.tenant_id),
            provider_id: ProviderId(row.provider_id),
            name: row.name,
            title: definition.title,
            description: definition.description,
            tags: definition.tags,
            input_schema: definition.input_schema,
            output_schema: definition.output_schema,
            annotations: definition.annotations,
            binding: definition.binding,
        }
    }
}

/// The definition column of a tool, and its fingerprint: two tools with one fingerprint differ at most in id and name.
pub fn definition(tool: &Tool) -> Result<(String, String), StoreError> {
    let document = serde_json::to_string(&BorrowedDefinition {
        title: &tool.title,
        description: &tool.description,
        tags: &tool.tags,
        input_schema: &tool.input_schema,
        output_schema: &tool.output_schema,
        annotations: tool.annotations,
        binding: &tool.binding,
    });
    let document = document.map_err(StoreError::internal)?;
    let fingerprint = hex::encode(Sha256::digest(document.as_bytes()));
    Ok((document, fingerprint))
}
