//! What every aggregate stands on: the connections, and the watch over each call.

use std::future::Future;
use std::sync::Arc;

use domain::{StoreError, TenantId};

use super::Pools;
use super::unit::Unit;
use crate::fault::Fault;
use crate::meter::{Call, Meter};
use crate::scope::{Mode, Scope};
use crate::signals::Signals;

/// The storage of one back end. It implements every trait of the port, one file each.
pub struct Store {
    pub(super) pools: Pools,
    pub(super) meter: Arc<Meter>,
    pub(super) signals: Arc<Signals>,
}

impl Store {
    /// Runs one call of the port: named, measured, its failure told in the port's words.
    pub(super) async fn call<T>(
        &self,
        operation: &'static str,
        table: &'static str,
        work: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, StoreError> {
        let result = self.meter.observe(Call { operation, table }, work).await;
        self.meter.pool(self.pools.usage());
        result
    }

    /// Begins to read one tenant's rows.
    pub(super) async fn read(&self, tenant: TenantId) -> Result<Unit, Fault> {
        self.begin(Scope::Tenant(tenant), Mode::Read).await
    }

    /// Begins to write one tenant's rows.
    pub(super) async fn write(&self, tenant: TenantId) -> Result<Unit, Fault> {
        self.begin(Scope::Tenant(tenant), Mode::Write).await
    }

    /// Begins to write many of one tenant's rows, found by their keys.
    pub(super) async fn write_keyed(&self, tenant: TenantId) -> Result<Unit, Fault> {
        self.begin(Scope::Tenant(tenant), Mode::Keyed).await
    }

    /// Begins to write many rows across tenants, found by their keys.
    pub(super) async fn write_keyed_across(&self) -> Result<Unit, Fault> {
        self.begin(Scope::Across, Mode::Keyed).await
    }

    /// Begins to read across tenants.
    pub(super) async fn read_across(&self) -> Result<Unit, Fault> {
        self.begin(Scope::Across, Mode::Read).await
    }

    /// Begins to write across tenants.
    pub(super) async fn write_across(&self) -> Result<Unit, Fault> {
        self.begin(Scope::Across, Mode::Write).await
    }

    async fn begin(&self, scope: Scope, mode: Mode) -> Result<Unit, Fault> {
        let transaction = self.pools.begin(scope, mode).await?;
        Ok(Unit::new(transaction, Arc::clone(&self.signals)))
    }
}

/// What is stored for a tenant must say so itself. Another tenant's is answered like one that is not there.
pub(super) fn same_tenant(tenant: TenantId, owner: TenantId) -> Result<(), StoreError> {
    if tenant == owner {
        Ok(())
    } else {
        Err(StoreError::NotFound)
    }
}
