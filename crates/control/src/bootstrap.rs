//! The first start: an organization, a tenant and an admin key.

use domain::{Isolation, KeyKind, Organization, OrganizationId, PresentedKey, Tenant, TenantId};

use crate::{Control, ControlError};

impl Control {
    /// Creates the first organization, tenant and admin key, unless the installation has a tenant already.
    /// Answers the new key, which the caller hands to the operator once.
    ///
    /// # Errors
    /// When storage cannot answer.
    pub async fn bootstrap(&self) -> Result<Option<(Tenant, PresentedKey)>, ControlError> {
        if !self.storage.tenants.all_ids().await?.is_empty() {
            return Ok(None);
        }
        let now = self.now();
        let organization = Organization {
            id: OrganizationId::generate(),
            name: "default".into(),
            created_at: now,
        };
        let tenant = Tenant {
            id: TenantId::generate(),
            organization_id: organization.id,
            name: "default".into(),
            isolation: Isolation::Strict,
            created_at: now,
        };
        let (presented, key) = self.mint_key(tenant.id, "bootstrap", KeyKind::Admin, None, None);
        let created = self
            .storage
            .tenants
            .bootstrap(&organization, &tenant, &key)
            .await?;
        Ok(created.then_some((tenant, presented)))
    }
}
