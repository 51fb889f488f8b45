//! Opens a provider's credential for the process that runs the call.

use domain::{ProviderId, TenantId};
use zeroize::Zeroizing;

use crate::{Control, ControlError};

impl Control {
    /// The provider's secret, opened; none when it has none.
    ///
    /// # Errors
    /// When there is no such provider; when the sealed credential does not open.
    pub async fn open_credential(
        &self,
        tenant: TenantId,
        provider: ProviderId,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, ControlError> {
        let Some(sealed) = self.storage.providers.credential(tenant, provider).await? else {
            return Ok(None);
        };
        self.vault
            .open(tenant, provider, &sealed)
            .map(Some)
            .map_err(ControlError::internal)
    }
}
