//! The JSON-RPC errors of our own, and what each code means for metrics.

use connectors::AskError;
use domain::{CallErrorKind, Scope};
use rmcp::ErrorData;
use rmcp::model::{ClientCapabilities, ErrorCode};
use serde_json::json;

/// The key lacks a scope; `data.required_scope` names it. From the range that JSON-RPC leaves to servers.
pub const FORBIDDEN: ErrorCode = ErrorCode(-32_003);
/// No such session, or not the caller's. The code that the official SDKs use.
pub const SESSION_NOT_FOUND: ErrorCode = ErrorCode(-32_001);
/// No valid key was presented.
pub const UNAUTHENTICATED: ErrorCode = ErrorCode(-32_000);

/// The key lacks `scope`.
#[must_use]
pub fn forbidden(scope: Scope) -> ErrorData {
    let message = format!("this needs a key with the scope {}", scope.as_str());
    ErrorData::new(
        FORBIDDEN,
        message,
        Some(json!({ "required_scope": scope.as_str() })),
    )
}

/// No tool of that name for this caller (MCP 2025-11-25, "Tools", Error Handling).
#[must_use]
pub fn unknown_tool(name: &str) -> ErrorData {
    let name: String = name.chars().take(domain::tool::MAX_NAME).collect();
    ErrorData::invalid_params(format!("Unknown tool: {name}"), None)
}

/// No such task, or not the caller's.
#[must_use]
pub fn unknown_task(id: &str) -> ErrorData {
    ErrorData::invalid_params(format!("Unknown task: {id}"), None)
}

/// The client could not be asked.
#[must_use]
pub fn unasked(error: &AskError) -> ErrorData {
    let declared = |name: &str| serde_json::from_value::<ClientCapabilities>(json!({ name: {} })).ok();
    match error {
        AskError::Unsupported(name) => match declared(name) {
            Some(needed) => ErrorData::missing_required_client_capability(needed),
            None => ErrorData::internal_error(error.to_string(), None),
        },
        AskError::Pending | AskError::Failed(_) => ErrorData::internal_error(error.to_string(), None),
    }
}

/// How metrics, logs and audit records classify an error.
#[must_use]
pub fn kind(error: &ErrorData) -> CallErrorKind {
    match error.code {
        FORBIDDEN => CallErrorKind::Forbidden,
        UNAUTHENTICATED => CallErrorKind::Unauthenticated,
        ErrorCode::INTERNAL_ERROR => CallErrorKind::Internal,
        _ => CallErrorKind::InvalidArguments,
    }
}

/// The status that metrics and logs show for an error.
#[must_use]
pub fn status(error: &ErrorData) -> u16 {
    match error.code {
        ErrorCode::METHOD_NOT_FOUND | ErrorCode::RESOURCE_NOT_FOUND => 404,
        _ => kind(error).status(),
    }
}
