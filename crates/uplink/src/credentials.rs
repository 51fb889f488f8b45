//! Credentials of providers, asked for when they are first needed. `connectors` keeps them for a while and wipes them.

use std::time::Duration;

use async_trait::async_trait;
use connectors::{CredentialSource, Secret};
use domain::{ProviderId, TenantId};
use proto::v1::GetCredentialRequest;
use proto::v1::catalogue_service_client::CatalogueServiceClient;
use tonic::Request;

use crate::channel::Link;

/// Asks rest-api for credentials.
pub struct Credentials {
    client: CatalogueServiceClient<Link>,
    timeout: Duration,
}

impl Credentials {
    /// Through this channel, each call within `timeout`.
    #[must_use]
    pub fn new(link: Link, timeout: Duration) -> Self {
        Self {
            client: CatalogueServiceClient::new(link),
            timeout,
        }
    }
}

#[async_trait]
impl CredentialSource for Credentials {
    async fn credential(
        &self,
        tenant: TenantId,
        provider: ProviderId,
        _version: i64,
    ) -> Result<Option<Secret>, String> {
        let mut request = Request::new(GetCredentialRequest {
            tenant_id: tenant.to_string(),
            provider_id: provider.to_string(),
        });
        request.set_timeout(self.timeout);
        let answer = self.client.clone().get_credential(request).await;
        let secret =
            answer.map_err(|status| format!("the credential cannot be had: {}", status.message()))?;
        let secret = secret.into_inner().secret;
        if secret.is_empty() {
            return Ok(None);
        }
        let text = std::str::from_utf8(&secret).map_err(|_| "the credential is no text".to_owned())?;
        Ok(Some(Secret::from(text)))
    }
}
