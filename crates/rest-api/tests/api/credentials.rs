//! Credentials of providers, as the other services get them: over TLS or on this host, and nowhere else unless told.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ConnectInfo;
use domain::{Principal, ProviderId};
use proto::v1::GetCredentialRequest;
use proto::v1::catalogue_service_client::CatalogueServiceClient;
use proto::v1::catalogue_service_server::CatalogueService;
use rest_api::fleet::Fleet;
use rest_api::grpc::{CalledTools, Grpc};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Status};

use crate::app::{App, SERVICE_KEY};

const SECRET: &[u8] = b"ghp_hunter2";

/// A provider that has a credential.
struct Sealed {
    app: App,
    ask: GetCredentialRequest,
}

impl Sealed {
    async fn in_an_app(app: App) -> Self {
        let Principal { tenant_id, .. } = app.control.authenticate(&app.admin).await.unwrap().unwrap();
        let import = crate::providers::import(tenant_id, "github");
        let provider = import.provider.id;
        let sealed = app.control.vault.seal(tenant_id, provider, SECRET).unwrap();
        let providers = &app.control.storage.providers;
        providers.import(tenant_id, &import, Some(&sealed)).await.unwrap();
        let ask = GetCredentialRequest {
            tenant_id: tenant_id.to_string(),
            provider_id: provider.to_string(),
        };
        Self { app, ask }
    }

    /// Asks through the door at `address`, without TLS.
    async fn over_plaintext(&self, address: SocketAddr) -> Result<Vec<u8>, Status> {
        let channel = tonic::transport::Endpoint::from_shared(format!("http://{address}")).unwrap();
        let mut request = Request::new(self.ask.clone());
        let key = format!("Bearer {SERVICE_KEY}").parse().unwrap();
        request.metadata_mut().insert("authorization", key);
        let mut client = CatalogueServiceClient::new(channel.connect().await.unwrap());
        Ok(client.get_credential(request).await?.into_inner().secret.to_vec())
    }

    /// Asks as a caller at `peer`.
    async fn from(&self, peer: Option<&str>, settings: Settings) -> Result<Vec<u8>, Status> {
        let grpc = Grpc {
            control: self.app.control.clone(),
            mesh: rest_api::mesh::Mesh::new(self.app.control.clone(), &self.app.telemetry),
            allow_insecure_credentials: settings.allow_insecure,
            private: settings.private,
            called: Arc::new(CalledTools::new(&self.app.control, Duration::ZERO)),
            fleet: Arc::new(Fleet::new(self.app.telemetry.clone(), cache::memory())),
            stop: CancellationToken::new(),
        };
        let mut request = Request::new(self.ask.clone());
        if let Some(peer) = peer {
            let peer: SocketAddr = peer.parse().unwrap();
            request.extensions_mut().insert(ConnectInfo(peer));
        }
        Ok(grpc.get_credential(request).await?.into_inner().secret.to_vec())
    }
}

#[derive(Clone, Copy, Default)]
struct Settings {
    allow_insecure: bool,
    private: bool,
}

fn assert_refused(answer: Result<Vec<u8>, Status>) {
    let status = answer.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition, "{status}");
    for way_out in ["grpc.listen.tls", "grpc.allow_insecure_credentials"] {
        assert!(status.message().contains(way_out), "{status}");
    }
}

/// The address by which this machine reaches others. Nothing is sent to find it.
fn address_of_this_machine() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then_some(address)
}

#[tokio::test]
async fn a_caller_on_this_host_gets_a_credential_without_tls_and_one_elsewhere_does_not() {
    let listens_on_all = |config: &mut rest_api::Config| config.grpc.listen.address = "0.0.0.0:0".to_owned();
    let sealed = Sealed::in_an_app(App::with(listens_on_all).await).await;
    let port = sealed.app.grpc.port();
    // That this is answered shows that the door knows its callers' addresses: one without an address is refused.
    let here = sealed.over_plaintext(SocketAddr::from(([127, 0, 0, 1], port)));
    assert_eq!(here.await.unwrap(), SECRET);
    // Not every machine has an address of its own; the next test says the same with made-up ones.
    if let Some(own) = address_of_this_machine() {
        assert_refused(sealed.over_plaintext(SocketAddr::new(own, port)).await);
    }
}

#[tokio::test]
async fn without_tls_only_loopback_addresses_get_credentials_unless_that_is_allowed() {
    let sealed = Sealed::in_an_app(App::on_sqlite().await).await;
    for here in ["127.0.0.1:1", "127.8.9.10:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
        assert_eq!(
            sealed.from(Some(here), Settings::default()).await.unwrap(),
            SECRET,
            "{here}"
        );
    }
    let elsewhere = [
        Some("192.0.2.7:1"),
        Some("10.0.0.7:1"),
        Some("[2001:db8::7]:1"),
        Some("[::ffff:10.0.0.7]:1"),
        None,
    ];
    for peer in elsewhere {
        assert_refused(sealed.from(peer, Settings::default()).await);
        let allowed = Settings {
            allow_insecure: true,
            ..Settings::default()
        };
        assert_eq!(
            sealed.from(peer, allowed).await.unwrap(),
            SECRET,
            "{peer:?} allowed"
        );
        let over_tls = Settings {
            private: true,
            ..Settings::default()
        };
        assert_eq!(
            sealed.from(peer, over_tls).await.unwrap(),
            SECRET,
            "{peer:?} over TLS"
        );
    }
}

#[tokio::test]
async fn a_provider_of_another_tenant_has_no_credential() {
    let mut sealed = Sealed::in_an_app(App::on_sqlite().await).await;
    let stranger = sealed.app.tenant("stranger").await;
    let stranger = sealed.app.control.authenticate(&stranger).await.unwrap().unwrap();
    sealed.ask.tenant_id = stranger.tenant_id.to_string();
    let theirs = sealed.from(Some("127.0.0.1:1"), Settings::default()).await;
    sealed.ask.provider_id = ProviderId::generate().to_string();
    let nobodys = sealed.from(Some("127.0.0.1:1"), Settings::default()).await;
    let told = |answer: &Result<Vec<u8>, Status>| {
        answer
            .as_ref()
            .map_err(|status| (status.code(), status.message().to_owned()))
            .cloned()
    };
    assert_eq!(told(&theirs), told(&nobodys));
    assert_ne!(theirs.ok(), Some(SECRET.to_vec()));
}
