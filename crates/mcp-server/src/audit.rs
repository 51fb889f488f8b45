//! Audit records, from the edge to the control plane.

use async_trait::async_trait;
use proto::v1::AuditRecord;

/// Where every call leaves its record.
#[async_trait]
pub trait AuditSink: Send + Sync {
    /// Takes a record; when it returns, the record outlives the process. It does not fail: what cannot be stored is
    /// counted and logged, and the answer leaves all the same.
    async fn record(&self, record: AuditRecord);
}
