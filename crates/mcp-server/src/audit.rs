//! Audit records, from the edge to the control plane.

use async_trait::async_trait;
use proto::v1::AuditRecord;
use uplink::Spool;

/// Where every call leaves its record.
#[async_trait]
pub trait AuditSink: Send + Sync {
    /// Whether a call may go ahead: its record will fit. Asked before it has an effect.
    ///
    /// # Errors
    /// Why not, for the log.
    fn admit(&self) -> Result<(), String>;

    /// Takes a record; when it returns, the record outlives the process. It does not fail: what cannot be stored is
    /// counted and logged, and the answer leaves all the same.
    async fn record(&self, record: AuditRecord);
}

#[async_trait]
impl AuditSink for Spool {
    fn admit(&self) -> Result<(), String> {
        Self::admit(self)
    }

    async fn record(&self, record: AuditRecord) {
        // An append to an open file: it ends in the page cache, within microseconds, unless `spool.sync` waits for the disk.
        Self::record(self, &record).await;
    }
}
