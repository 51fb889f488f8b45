//! Whose rows a transaction sees, and whether it writes.

use domain::TenantId;

/// Whose rows a transaction sees.
#[derive(Debug, Clone, Copy)]
pub enum Scope {
    /// One tenant's.
    Tenant(TenantId),
    /// Every tenant's: relay, sweeper, watch, key look-up, audit intake, retention, the first start.
    Across,
}

/// Whether a transaction writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It only reads, and sees one snapshot throughout.
    Read,
    /// It writes.
    Write,
    /// It writes many rows that it knows by their keys, and finds them by these, whatever is known of how many there are:
    /// statistics are old while a backlog grows.
    Keyed,
}
