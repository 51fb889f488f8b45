//! A listener that asks clients for certificates, and clients that show them.

mod files;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::routing::get;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use telemetry::{Telemetry, TelemetryConfig};
use tempfile::TempDir;
use test_support::{Authority, CertificateFiles, eventually};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::TlsConnector;

use super::*;
use crate::config::Duration;
use crate::lifecycle::Lifecycle;
use crate::listen::{ClientCertificates, ListenConfig, Listener, TlsConfig};

const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

fn telemetry() -> Telemetry {
    let info = crate::process::service_info("rest-api", "test");
    Telemetry::start_with_output(info, &TelemetryConfig::default(), io::sink()).unwrap()
}

/// A listener that trusts clients of `ours`; `gate` holds back what is asked of it.
struct Door {
    ours: Authority,
    addr: SocketAddr,
    gate: Arc<Semaphore>,
    begun: Arc<Semaphore>,
    telemetry: Telemetry,
    life: Lifecycle,
    dir: TempDir,
}

impl Drop for Door {
    fn drop(&mut self) {
        self.life.abandon();
    }
}

impl Door {
    async fn open(client_certificates: ClientCertificates) -> Self {
        Self::with_grace(client_certificates, Duration::from_mins(10)).await
    }

    async fn with_grace(client_certificates: ClientCertificates, client_grace: Duration) -> Self {
        let (ours, dir) = (Authority::new("ours").unwrap(), tempfile::tempdir().unwrap());
        let own = ours.server(dir.path(), "server").unwrap();
        std::fs::write(dir.path().join("ca.crt"), ours.pem()).unwrap();
        let tls = TlsConfig {
            client_ca_file: Some(dir.path().join("ca.crt")),
            client_certificates,
            reload: Duration::from_millis(20),
            client_grace,
            ..TlsConfig::files(own.certificate, own.key)
        };
        let config = ListenConfig {
            tls: Some(tls),
            ..ListenConfig::default()
        };
        let (gate, begun) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let (wait, said) = (Arc::clone(&gate), Arc::clone(&begun));
        let slow = move || async move {
            said.add_permits(1);
            wait.acquire().await.map(|_| "through").unwrap()
        };
        let app = Router::new()
            .route("/", get(|| async { "hello" }))
            .route("/slow", get(slow));
        let (telemetry, life) = (telemetry(), Lifecycle::new("test"));
        let listener = Listener::bind(&config).await.unwrap().named("grpc", &telemetry);
        let addr = listener.bound().addr;
        life.spawn("grpc", listener.serve(app, life.clone()));
        Self {
            ours,
            addr,
            gate,
            begun,
            telemetry,
            life,
            dir,
        }
    }

    fn client(&self, certificate: Option<&CertificateFiles>) -> ClientTls {
        let files = ClientFiles {
            authorities: Some(self.server_authority()),
            certificate: certificate.map(|of| (of.certificate.clone(), of.key.clone())),
        };
        ClientTls::read(files, "control_plane", &telemetry()).unwrap()
    }

    fn server_authority(&self) -> std::path::PathBuf {
        let path = self.dir.path().join("server-ca.crt");
        std::fs::write(&path, self.ours.pem()).unwrap();
        path
    }

    /// A new connection; what the server says against it comes when it is first read.
    async fn connect(&self, client: &ClientTls) -> io::Result<Client> {
        let stream = TcpStream::connect(self.addr).await?;
        let name = self.addr.ip().into();
        let stream = TlsConnector::from(client.now()).connect(name, stream).await?;
        let (send, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .map_err(io::Error::other)?;
        tokio::spawn(connection);
        Ok(Client { send })
    }

    /// One request over a new connection.
    async fn ask(&self, client: &ClientTls) -> Result<u16, crate::process::Failure> {
        Ok(self.connect(client).await?.get("/").await?)
    }

    /// What the server says to a client with this certificate.
    async fn says(&self, certificate: Option<&CertificateFiles>) -> String {
        let stream = TcpStream::connect(self.addr).await.unwrap();
        let tls = TlsConnector::from(self.client(certificate).now());
        let mut stream = tls.connect(self.addr.ip().into(), stream).await.unwrap();
        let error = stream.read_to_end(&mut Vec::new()).await.unwrap_err();
        error.to_string()
    }

    fn refused(&self, reason: &str) -> bool {
        let series = format!("reason=\"{reason}\"");
        let page = self.telemetry.render();
        page.lines().any(|line| {
            line.starts_with("tls_client_certificates_refused_total{")
                && line.contains(&series)
                && line.contains("listener=\"grpc\"")
                && line.ends_with(" 1")
        })
    }
}

struct Client {
    send: SendRequest<Body>,
}

impl Client {
    async fn get(&mut self, path: &str) -> Result<u16, hyper::Error> {
        let request = Request::get(format!("https://localhost{path}")).body(Body::empty());
        self.send.ready().await?;
        Ok(self.send.send_request(request.unwrap()).await?.status().as_u16())
    }
}

#[tokio::test]
async fn who_shows_no_certificate_or_a_wrong_one_is_refused_told_why_and_counted() {
    let door = Door::open(ClientCertificates::Required).await;
    let dir = door.dir.path();
    let good = door.ours.client(dir, "good").unwrap();
    let mut client = door.connect(&door.client(Some(&good))).await.unwrap();
    assert_eq!(client.get("/").await.unwrap(), 200);

    let theirs = Authority::new("theirs").unwrap();
    let impostor = Authority::new("ours").unwrap();
    let cases = [
        (None, "CertificateRequired", "none"),
        (
            Some(theirs.client(dir, "theirs").unwrap()),
            "UnknownCA",
            "unknown_authority",
        ),
        (
            Some(door.ours.client_until(dir, "old", 2020).unwrap()),
            "CertificateExpired",
            "expired",
        ),
        (Some(door.ours.server(dir, "for-servers").unwrap()), "", "invalid"),
    ];
    for (shown, alert, reason) in cases {
        let said = door.says(shown.as_ref()).await;
        assert!(
            said.contains("fatal alert") && said.contains(alert),
            "{reason}: {said}"
        );
        assert!(door.refused(reason), "{reason}: {}", door.telemetry.render());
    }
    let said = door.says(Some(&impostor.client(dir, "impostor").unwrap())).await;
    assert!(said.contains("fatal alert"), "{said}");
}

#[tokio::test]
async fn where_certificates_are_optional_none_is_served_and_a_wrong_one_is_not() {
    let door = Door::open(ClientCertificates::Optional).await;
    let mut client = door.connect(&door.client(None)).await.unwrap();
    assert_eq!(client.get("/").await.unwrap(), 200);
    let theirs = Authority::new("theirs")
        .unwrap()
        .client(door.dir.path(), "theirs")
        .unwrap();
    assert!(door.says(Some(&theirs)).await.contains("UnknownCA"));
}

#[tokio::test]
async fn when_an_authority_goes_its_clients_end_what_they_began_and_come_back_with_another_certificate() {
    let door = Door::open(ClientCertificates::Required).await;
    let dir = door.dir.path();
    let (own, next) = (
        door.ours.client(dir, "own").unwrap(),
        Authority::new("next").unwrap(),
    );
    let client = door.client(Some(&own));
    let mut before = door.connect(&client).await.unwrap();
    assert_eq!(before.get("/").await.unwrap(), 200);
    let begun = tokio::spawn(async move { (before.get("/slow").await, before) });
    door.begun.acquire().await.unwrap().forget();

    // Both are trusted, then the certificate changes, then the old authority goes.
    let trusted = dir.join("ca.crt");
    std::fs::write(&trusted, format!("{}{}", door.ours.pem(), next.pem())).unwrap();
    let other = next.client(dir, "other").unwrap();
    eventually(PATIENCE, || async { door.ask(&door.client(Some(&other))).await })
        .await
        .unwrap();
    let old = door.ours.client(dir, "old").unwrap();
    std::fs::copy(&other.key, &own.key).unwrap();
    std::fs::copy(&other.certificate, &own.certificate).unwrap();
    std::fs::write(&trusted, next.pem()).unwrap();
    eventually(PATIENCE, || async {
        door.ask(&door.client(Some(&old))).await.is_err()
    })
    .await
    .unwrap();

    // What was begun before is ended; afterwards the old connection is closed, and the same client opens a new one.
    door.gate.add_permits(1);
    let (answer, mut before) = begun.await.unwrap();
    assert_eq!(answer.unwrap(), 200);
    while before.get("/").await.is_ok() {}
    assert_eq!(door.ask(&client).await.unwrap(), 200);
}

#[tokio::test]
async fn what_is_still_under_way_when_the_grace_is_over_is_cut_off() {
    let door = Door::with_grace(ClientCertificates::Required, Duration::from_millis(20)).await;
    let own = door.ours.client(door.dir.path(), "own").unwrap();
    let mut client = door.connect(&door.client(Some(&own))).await.unwrap();
    let begun = tokio::spawn(async move { client.get("/slow").await });
    door.begun.acquire().await.unwrap().forget();
    std::fs::write(
        door.dir.path().join("ca.crt"),
        Authority::new("next").unwrap().pem(),
    )
    .unwrap();
    let ended = tokio::time::timeout(PATIENCE, begun).await.unwrap().unwrap();
    assert!(ended.is_err(), "{ended:?}");
}

#[test]
fn the_page_says_when_the_certificate_of_a_client_ends_also_after_it_was_renewed() {
    let (ours, dir, telemetry) = (
        Authority::new("ours").unwrap(),
        tempfile::tempdir().unwrap(),
        telemetry(),
    );
    let own = ours.client_until(dir.path(), "own", 2030).unwrap();
    let files = ClientFiles {
        authorities: None,
        certificate: Some((own.certificate, own.key)),
    };
    let client = ClientTls::read(files, "control_plane", &telemetry).unwrap();
    let ends = || {
        let page = telemetry.render();
        let line = page
            .lines()
            .find(|line| line.starts_with("tls_certificate_expiry_timestamp_seconds{"));
        let line = line.unwrap().to_owned();
        assert!(line.contains("listener=\"control_plane\""), "{line}");
        line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()
    };
    assert_eq!(ends(), 1_893_456_000.0);
    ours.client_until(dir.path(), "own", 2040).unwrap();
    client.now();
    assert_eq!(ends(), 2_208_988_800.0);
    // A renewal half done: what was there before is used.
    std::fs::write(dir.path().join("own.key"), "half").unwrap();
    assert!(client.now().client_auth_cert_resolver.has_certs());
}
