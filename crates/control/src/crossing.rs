//! Reaching from one tenant into another. Everything that does asks here, and nowhere else.

use domain::grant::{Crossing, crossing};
use domain::{Principal, StoreError, Tenant, TenantId, Verb};

use crate::{Control, ControlError};

impl Control {
    /// The tenant that the caller reaches into: its own when it names none.
    ///
    /// # Errors
    /// [`ControlError::Blocked`] when the border is closed to it, or there is no such tenant.
    pub(crate) async fn reach(
        &self,
        caller: &Principal,
        into: Option<TenantId>,
        verb: Verb,
    ) -> Result<TenantId, ControlError> {
        let Some(into) = into.filter(|into| *into != caller.tenant_id) else {
            return Ok(caller.tenant_id);
        };
        let from = self.storage.tenants.get(caller.tenant_id).await?;
        let to = match self.storage.tenants.get(into).await {
            Err(StoreError::NotFound) => return Err(ControlError::Blocked(verb)),
            found => found?,
        };
        match self.crossing(&from, &to, verb).await? {
            Crossing::Allowed => Ok(into),
            Crossing::Closed | Crossing::OtherOrganization => Err(ControlError::Blocked(verb)),
        }
    }

    /// The caller as it is known in the tenant that it reaches into: there it has a name that none of that tenant's keys has.
    ///
    /// # Errors
    /// As [`Control::reach`].
    pub(crate) async fn over(
        &self,
        caller: &Principal,
        into: Option<TenantId>,
        verb: Verb,
    ) -> Result<Principal, ControlError> {
        let tenant_id = self.reach(caller, into, verb).await?;
        let mut over = caller.clone();
        if tenant_id != caller.tenant_id {
            over.name = format!("{}@{}", caller.name, caller.tenant_id);
            over.tenant_id = tenant_id;
        }
        Ok(over)
    }

    async fn crossing(&self, from: &Tenant, to: &Tenant, verb: Verb) -> Result<Crossing, ControlError> {
        let granted = self.storage.tenants.grants(to.id).await?;
        let granted = granted
            .iter()
            .any(|grant| grant.to == from.id && grant.verb == verb);
        Ok(crossing(from, to, verb, granted))
    }
}
