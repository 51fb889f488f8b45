//! The catalogue: the watch, single things, credentials.

use std::net::SocketAddr;

use axum::extract::ConnectInfo;
use chrono::DateTime;
use control::ControlError;
use futures::StreamExt;
use futures::stream::BoxStream;
use proto::v1::catalogue_service_server::CatalogueService;
use proto::v1::{
    FindKeyRequest, FindKeyResponse, GetCredentialRequest, GetCredentialResponse, GetProviderRequest,
    GetProviderResponse, GetToolRequest, GetToolResponse, TouchKeysRequest, TouchKeysResponse, WatchEvent,
    WatchRequest,
};
use tonic::{Request, Response, Status};

use super::Grpc;
use super::parse::{id, status, to_json};
use super::watch;

#[tonic::async_trait]
impl CatalogueService for Grpc {
    type WatchStream = BoxStream<'static, Result<WatchEvent, Status>>;

    async fn watch(&self, request: Request<WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let WatchRequest { epoch, after_number } = request.into_inner();
        let events = watch::events(self.control.clone(), epoch, after_number);
        Ok(Response::new(
            events.take_until(self.stop.clone().cancelled_owned()).boxed(),
        ))
    }

    async fn get_tool(&self, request: Request<GetToolRequest>) -> Result<Response<GetToolResponse>, Status> {
        let GetToolRequest { tenant_id, name } = request.into_inner();
        let tenant = id("tenant_id", &tenant_id)?;
        let (tool, provider) = self
            .control
            .tool_with_provider(tenant, &name)
            .await
            .map_err(status)?;
        let response = GetToolResponse {
            tool_json: to_json(&tool)?,
            provider_json: to_json(&provider)?,
        };
        Ok(Response::new(response))
    }

    async fn get_provider(
        &self,
        request: Request<GetProviderRequest>,
    ) -> Result<Response<GetProviderResponse>, Status> {
        let GetProviderRequest {
            tenant_id,
            provider_id,
        } = request.into_inner();
        let (tenant, provider) = (id("tenant_id", &tenant_id)?, id("provider_id", &provider_id)?);
        let (provider, description) = self
            .control
            .provider_with_description(tenant, provider)
            .await
            .map_err(status)?;
        Ok(Response::new(GetProviderResponse {
            provider_json: to_json(&provider)?,
            description: description.text,
            description_url: description.url.unwrap_or_default(),
        }))
    }

    async fn get_credential(
        &self,
        request: Request<GetCredentialRequest>,
    ) -> Result<Response<GetCredentialResponse>, Status> {
        if !(self.private || self.allow_insecure_credentials || is_of_this_host(&request)) {
            let text = "credentials go to another host only over TLS (`grpc.listen.tls`), \
                        unless `grpc.allow_insecure_credentials` is set";
            return Err(Status::failed_precondition(text));
        }
        let GetCredentialRequest {
            tenant_id,
            provider_id,
        } = request.into_inner();
        let (tenant, provider) = (id("tenant_id", &tenant_id)?, id("provider_id", &provider_id)?);
        let secret = self
            .control
            .open_credential(tenant, provider)
            .await
            .map_err(status)?;
        let secret = secret
            .map(|secret| bytes::Bytes::copy_from_slice(&secret))
            .unwrap_or_default();
        Ok(Response::new(GetCredentialResponse { secret }))
    }

    async fn find_key(&self, request: Request<FindKeyRequest>) -> Result<Response<FindKeyResponse>, Status> {
        let FindKeyRequest { prefix } = request.into_inner();
        let key = self.control.storage.keys.by_prefix(&prefix).await;
        let found = key.map_err(|error| status(ControlError::from(error)))?.is_some();
        Ok(Response::new(FindKeyResponse { found }))
    }

    async fn touch_keys(
        &self,
        request: Request<TouchKeysRequest>,
    ) -> Result<Response<TouchKeysResponse>, Status> {
        for used in request.into_inner().uses {
            let (tenant, key) = (id("tenant_id", &used.tenant_id)?, id("key_id", &used.key_id)?);
            let at = DateTime::from_timestamp_millis(used.at_ms)
                .ok_or_else(|| Status::invalid_argument("at_ms: expected milliseconds since 1970"))?;
            self.control.touch_key(tenant, key, at).await.map_err(status)?;
        }
        Ok(Response::new(TouchKeysResponse {}))
    }
}

/// Whether the caller is on this host. The listener says where callers are (tonic's own `remote_addr` knows only
/// connections that tonic accepted); one whose address is unknown may be anywhere.
fn is_of_this_host<T>(request: &Request<T>) -> bool {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    peer.is_some_and(|ConnectInfo(peer)| peer.ip().to_canonical().is_loopback())
}
