//! Audit records.

use domain::ports::storage::AuditFilter;
use domain::{AuditRecord, Page, PageRequest, Principal, Scope};

use crate::{Control, ControlError, require};

impl Control {
    /// Stores records that the services send; one that is stored already is dropped. Answers how many were new.
    ///
    /// # Errors
    /// When storage cannot answer; then nothing is stored and the sender keeps them.
    pub async fn append_audit(&self, records: &[AuditRecord]) -> Result<u64, ControlError> {
        Ok(self.storage.audit.append(records).await?)
    }

    /// The tenant's records, newest first.
    ///
    /// # Errors
    /// Without `audit:read`.
    pub async fn list_audit(
        &self,
        caller: &Principal,
        filter: &AuditFilter,
        page: PageRequest,
    ) -> Result<Page<AuditRecord>, ControlError> {
        require(caller, Scope::AuditRead)?;
        Ok(self.storage.audit.list(caller.tenant_id, filter, page).await?)
    }
}
