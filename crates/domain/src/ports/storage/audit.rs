//! Audit records.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::Result;
use crate::audit::AuditRecord;
use crate::id::KeyId;
use crate::id::TenantId;
use crate::page::Page;
use crate::page::PageRequest;

/// Which audit records a list shows.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// Only of this tool.
    pub tool: Option<String>,
    /// Only of this key.
    pub key_id: Option<KeyId>,
    /// Only with this outcome.
    pub outcome: Option<String>,
    /// Only of this trace.
    pub trace_id: Option<String>,
    /// Only at or after this instant.
    pub since: Option<DateTime<Utc>>,
}

/// Audit records.
#[async_trait]
pub trait Audit: Send + Sync {
    /// Stores records of any tenants; one whose id is stored already is dropped. Answers how many were new.
    async fn append(&self, records: &[AuditRecord]) -> Result<u64>;
    /// The tenant's records, newest first.
    async fn list(
        &self,
        tenant: TenantId,
        filter: &AuditFilter,
        page: PageRequest,
    ) -> Result<Page<AuditRecord>>;
}
