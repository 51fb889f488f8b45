//! A new admin key for an installation whose admin keys are lost. There is no caller: whoever may do this has the database.

use domain::{KeyKind, PageRequest, PresentedKey, StoreError, Tenant};

use crate::{Control, ControlError};

impl Control {
    /// Makes an admin key in the tenant of this name, or in the first one when none is named. The keys that are there
    /// stay as they are.
    ///
    /// # Errors
    /// [`ControlError::NotFound`] when there is no such tenant; when storage cannot answer.
    pub async fn recover_admin_key(
        &self,
        tenant: Option<&str>,
    ) -> Result<(Tenant, PresentedKey), ControlError> {
        let tenant = self.tenant_named(tenant).await?;
        let name = format!("recovered {}", self.now().format("%Y-%m-%d %H:%M:%S%.3f"));
        let (presented, key) = self.mint_key(tenant.id, &name, KeyKind::Admin, None, None);
        self.storage.keys.create(tenant.id, &key).await?;
        Ok((tenant, presented))
    }

    async fn tenant_named(&self, name: Option<&str>) -> Result<Tenant, ControlError> {
        // Ids are in the order of their creation.
        let first = self.storage.tenants.all_ids().await?.into_iter().min();
        let first = first.ok_or(StoreError::NotFound)?;
        let Some(name) = name else {
            return Ok(self.storage.tenants.get(first).await?);
        };
        let mut page = PageRequest::first(PageRequest::MAX);
        loop {
            let tenants = self.storage.tenants.siblings(first, page).await?;
            if let Some(tenant) = tenants.items.into_iter().find(|tenant| tenant.name == name) {
                return Ok(tenant);
            }
            let next = tenants.next.ok_or(ControlError::NotFound)?;
            page = PageRequest {
                limit: PageRequest::MAX,
                after: Some(next),
            };
        }
    }
}
