//! Audit records: one for every call, the refused ones included.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::id::{JobId, KeyId, RecordId, TenantId};

/// Who called what, how it ended, and how large it was. Arguments appear only as a hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// Identifier, made where the call ran; a record that arrives twice is stored once.
    pub id: RecordId,
    /// When the call ended.
    pub at: DateTime<Utc>,
    /// The caller's tenant.
    pub tenant_id: TenantId,
    /// The key that was used.
    pub key_id: Option<KeyId>,
    /// The service that ran the call: `mcp-server`, `worker` or `rest-api`.
    pub service: String,
    /// What was done: a JSON-RPC method such as `tools/call`, or `job/tool_call`.
    pub action: String,
    /// The tool, when one was named.
    pub tool: Option<String>,
    /// The tool's provider, when it is known.
    pub provider: Option<String>,
    /// `ok`, or the text form of [`crate::CallErrorKind`].
    pub outcome: String,
    /// The status code that metrics show for it.
    pub status: u16,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// Bytes of the arguments.
    pub request_bytes: u64,
    /// Bytes of the answer.
    pub response_bytes: u64,
    /// SHA-256 of the arguments' JSON text, hexadecimal.
    pub arguments_sha256: Option<String>,
    /// The trace it belongs to.
    pub trace_id: Option<String>,
    /// The request id.
    pub request_id: Option<String>,
    /// The job, when it ran in one.
    pub job_id: Option<JobId>,
}
