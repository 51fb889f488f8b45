//! How far the caller's tenant is open to others of its organization: set by its administrators, recorded in the audit log.

use domain::{AuditRecord, Grant, Isolation, Principal, RecordId, Scope, StoreError, Tenant, TenantId, Verb};

use crate::{Control, ControlError, require};

/// How far a tenant is open.
#[derive(Debug, Clone)]
pub struct Border {
    /// The tenant.
    pub tenant: Tenant,
    /// What it has granted.
    pub grants: Vec<Grant>,
}

impl Control {
    /// How far the caller's tenant is open to others.
    ///
    /// # Errors
    /// Without `admin`.
    pub async fn border(&self, caller: &Principal) -> Result<Border, ControlError> {
        require(caller, Scope::Admin)?;
        Ok(Border {
            tenant: self.storage.tenants.get(caller.tenant_id).await?,
            grants: self.storage.tenants.grants(caller.tenant_id).await?,
        })
    }

    /// Sets the caller's tenant's mode. Grants stay, and count again when the mode lets them.
    ///
    /// # Errors
    /// Without `admin`.
    pub async fn isolate(&self, caller: &Principal, mode: Isolation) -> Result<Border, ControlError> {
        require(caller, Scope::Admin)?;
        self.storage.tenants.isolate(caller.tenant_id, mode).await?;
        self.record(caller, "isolation/set").await?;
        self.border(caller).await
    }

    /// Sets what agents of another tenant may do with those of the caller's: these verbs and no others.
    ///
    /// # Errors
    /// Without `admin`; when there is no such other tenant in the organization.
    pub async fn grant(
        &self,
        caller: &Principal,
        to: TenantId,
        verbs: &[Verb],
    ) -> Result<Border, ControlError> {
        require(caller, Scope::Admin)?;
        self.sibling(caller, to).await?;
        let tenant_id = caller.tenant_id;
        for verb in Verb::ALL {
            let grant = Grant {
                tenant_id,
                to,
                verb,
                granted_at: self.now(),
            };
            if verbs.contains(&verb) {
                self.storage.tenants.grant(tenant_id, &grant).await?;
            } else {
                self.storage.tenants.ungrant(tenant_id, &grant).await?;
            }
        }
        self.record(caller, "grants/set").await?;
        self.border(caller).await
    }

    /// Takes back everything that was granted to another tenant.
    ///
    /// # Errors
    /// Without `admin`; when nothing was granted to it.
    pub async fn ungrant(&self, caller: &Principal, to: TenantId) -> Result<(), ControlError> {
        require(caller, Scope::Admin)?;
        let tenant = caller.tenant_id;
        let grants = self.storage.tenants.grants(tenant).await?;
        let mut any = false;
        for grant in grants.iter().filter(|grant| grant.to == to) {
            any |= self.storage.tenants.ungrant(tenant, grant).await?;
        }
        if !any {
            return Err(ControlError::NotFound);
        }
        self.record(caller, "grants/remove").await
    }

    async fn sibling(&self, caller: &Principal, other: TenantId) -> Result<(), ControlError> {
        let own = self.storage.tenants.get(caller.tenant_id).await?;
        match self.storage.tenants.get(other).await {
            Ok(other) if other.organization_id == own.organization_id && other.id != own.id => Ok(()),
            Ok(_) | Err(StoreError::NotFound) => Err(ControlError::NotFound),
            Err(error) => Err(error.into()),
        }
    }

    async fn record(&self, caller: &Principal, action: &str) -> Result<(), ControlError> {
        let record = AuditRecord {
            id: RecordId::generate(),
            at: self.now(),
            tenant_id: caller.tenant_id,
            key_id: Some(caller.key_id),
            service: "rest-api".to_owned(),
            action: action.to_owned(),
            tool: None,
            provider: None,
            outcome: "ok".to_owned(),
            status: 200,
            duration_ms: 0,
            request_bytes: 0,
            response_bytes: 0,
            arguments_sha256: None,
            trace_id: None,
            request_id: None,
            job_id: None,
        };
        self.storage.audit.append(&[record]).await?;
        Ok(())
    }
}
