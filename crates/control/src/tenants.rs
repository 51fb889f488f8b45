//! Tenants: created and listed by administrators of the same organization.

use domain::{
    Isolation, KeyKind, Page, PageRequest, PresentedKey, Principal, Scope, Tenant, TenantId, provider,
};

use crate::error::Check;
use crate::{Control, ControlError, require};

impl Control {
    /// Creates a tenant in the caller's organization, with a first admin key that is shown once and is
    /// accepted for as long as the caller's own.
    ///
    /// # Errors
    /// Without `admin`; when the name is malformed or taken.
    pub async fn create_tenant(
        &self,
        caller: &Principal,
        name: String,
        isolation: Isolation,
    ) -> Result<(Tenant, PresentedKey), ControlError> {
        require(caller, Scope::Admin)?;
        let mut check = Check::default();
        check.that(
            provider::is_valid_name(&name),
            "name",
            "1 to 32 of a-z, 0-9 and -, beginning with a letter",
        );
        check.finish()?;
        let own = self.storage.tenants.get(caller.tenant_id).await?;
        let tenant = Tenant {
            id: TenantId::generate(),
            organization_id: own.organization_id,
            name,
            isolation,
            created_at: self.now(),
        };
        let own = self.own_expiry(caller).await?;
        let (presented, key) = self.mint_key(tenant.id, "bootstrap", KeyKind::Admin, None, own);
        self.storage.tenants.create(&tenant, &key).await?;
        Ok((tenant, presented))
    }

    /// The tenants of the caller's organization, by name.
    ///
    /// # Errors
    /// Without `admin`.
    pub async fn list_tenants(
        &self,
        caller: &Principal,
        page: PageRequest,
    ) -> Result<Page<Tenant>, ControlError> {
        require(caller, Scope::Admin)?;
        Ok(self.storage.tenants.siblings(caller.tenant_id, page).await?)
    }

    /// The caller's own tenant.
    ///
    /// # Errors
    /// When storage cannot answer.
    pub async fn own_tenant(&self, caller: &Principal) -> Result<Tenant, ControlError> {
        Ok(self.storage.tenants.get(caller.tenant_id).await?)
    }
}
