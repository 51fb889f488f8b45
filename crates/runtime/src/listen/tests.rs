mod unread;

use std::time::Instant;

use axum::extract::{ConnectInfo, Request};
use axum::routing::get;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};

use telemetry::TelemetryConfig;

use super::*;
use crate::config::{ByteSize, Duration as ConfigDuration};

const DRAIN: Duration = Duration::from_secs(20);
const PATIENCE: Duration = Duration::from_secs(60);

struct Running {
    bound: Bound,
    open: OpenConnections,
    life: Lifecycle,
}

async fn serving(config: ListenConfig, app: Router) -> Running {
    let listener = Listener::bind(&config).await.unwrap();
    let (bound, open, life) = (
        listener.bound(),
        listener.open_connections(),
        Lifecycle::new("test"),
    );
    life.spawn("http", listener.serve(app, life.clone()));
    Running { bound, open, life }
}

impl Running {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.bound.addr).await.unwrap()
    }

    async fn wait_until_open(&self, count: usize) {
        let reached = async {
            while self.open.get() != count {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, reached).await.unwrap();
    }
}

fn quiet() -> Telemetry {
    let info = crate::process::service_info("rest-api", "test");
    Telemetry::start_with_output(info, &TelemetryConfig::default(), io::sink()).unwrap()
}

#[tokio::test]
async fn the_page_says_how_many_connections_are_open() {
    let (telemetry, life) = (quiet(), Lifecycle::new("test"));
    let listener = Listener::bind(&ListenConfig::default()).await.unwrap();
    let addr = listener.bound().addr;
    let listener = listener.counted_by(&telemetry);
    life.spawn("http", listener.serve(hello(), life.clone()));
    let shown = async |count: &str| {
        let is_it = |line: &str| line.starts_with("http_connections_active{") && line.ends_with(count);
        while !telemetry.render().lines().any(is_it) {
            tokio::task::yield_now().await;
        }
    };
    let stream = TcpStream::connect(addr).await.unwrap();
    tokio::time::timeout(PATIENCE, shown("} 1")).await.unwrap();
    drop(stream);
    tokio::time::timeout(PATIENCE, shown("} 0")).await.unwrap();
}

async fn all_of(mut stream: impl AsyncRead + Unpin) -> String {
    let mut answer = Vec::new();
    // A reset after the answer is as good as its end.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

async fn answer_to(stream: &mut TcpStream, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    all_of(stream).await
}

fn hello() -> Router {
    Router::new().route(
        "/",
        get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.to_string() }),
    )
}

/// Answers only once the gate is given a permit; says when it has begun.
fn gated(begun: Arc<Semaphore>, gate: Arc<Semaphore>) -> Router {
    let handler = move || async move {
        begun.add_permits(1);
        gate.acquire().await.map(|_| "through").unwrap()
    };
    Router::new().route("/", get(handler))
}

const CLOSE: &str = "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
const KEEP: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";

#[tokio::test]
async fn port_0_reports_the_real_port_and_handlers_see_the_peer() {
    let server = serving(ListenConfig::default(), hello()).await;
    assert_ne!(server.bound.addr.port(), 0);
    assert_eq!(server.bound.url(), format!("http://{}", server.bound.addr));
    let mut client = server.connect().await;
    let me = client.local_addr().unwrap().to_string();
    assert!(answer_to(&mut client, CLOSE).await.ends_with(&me));
}

#[tokio::test]
async fn open_connections_are_counted_up_and_down() {
    let server = serving(ListenConfig::default(), hello()).await;
    let one = server.connect().await;
    let two = server.connect().await;
    server.wait_until_open(2).await;
    drop(one);
    server.wait_until_open(1).await;
    drop(two);
    server.wait_until_open(0).await;
}

#[tokio::test]
async fn a_soft_stop_finishes_the_request_in_flight_closes_idle_connections_and_accepts_no_more() {
    let (begun, gate) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let server = serving(
        ListenConfig::default(),
        gated(Arc::clone(&begun), Arc::clone(&gate)),
    )
    .await;
    let idle = server.connect().await;
    let mut busy = server.connect().await;
    server.wait_until_open(2).await;
    busy.write_all(KEEP.as_bytes()).await.unwrap();
    begun.acquire().await.unwrap().forget();
    server.life.stop();
    assert_eq!(all_of(idle).await, "");
    server.wait_until_open(1).await;
    assert!(TcpStream::connect(server.bound.addr).await.is_err());
    gate.add_permits(1);
    assert!(all_of(busy).await.ends_with("through"));
    server.life.run_until_stopped(DRAIN).await.unwrap();
    assert_eq!(server.open.get(), 0);
}

#[tokio::test]
async fn a_hard_stop_drops_the_request_in_flight() {
    let (begun, gate) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let server = serving(ListenConfig::default(), gated(Arc::clone(&begun), gate)).await;
    let mut busy = server.connect().await;
    busy.write_all(KEEP.as_bytes()).await.unwrap();
    begun.acquire().await.unwrap().forget();
    server.life.stop();
    let error = server
        .life
        .run_until_stopped(Duration::from_millis(50))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("1 tasks"), "{error}");
    assert_eq!(all_of(busy).await, "");
}

#[tokio::test]
async fn clients_that_are_silent_slow_or_stuck_in_the_preface_are_cut_off() {
    let header_read_timeout = ConfigDuration::from_millis(200);
    let server = serving(
        ListenConfig {
            header_read_timeout,
            ..ListenConfig::default()
        },
        hello(),
    )
    .await;
    for start in [
        "",
        "GET / HTT",
        "PRI * HTTP/2.0\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nx-slow: ",
    ] {
        let started = Instant::now();
        let mut client = server.connect().await;
        let answer = tokio::time::timeout(Duration::from_secs(10), answer_to(&mut client, start)).await;
        assert!(!answer.unwrap().contains("200 OK"), "{start:?}");
        assert!(started.elapsed() >= header_read_timeout.get(), "{start:?}");
    }
    server.wait_until_open(0).await;
}

#[tokio::test]
async fn heads_that_are_too_large_are_refused() {
    let max_header_size = ByteSize::kib(8);
    let limits = ListenConfig {
        max_header_size,
        max_headers: 8,
        ..ListenConfig::default()
    };
    let server = serving(limits, hello()).await;
    let large = format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "y".repeat(9_000));
    let many = format!("GET / HTTP/1.1\r\nhost: a\r\n{}\r\n", "x: y\r\n".repeat(20));
    for request in [large, many] {
        let answer = answer_to(&mut server.connect().await, &request).await;
        assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    }
}

#[tokio::test]
async fn connections_over_the_limit_wait_for_a_slot() {
    let server = serving(
        ListenConfig {
            max_connections: 1,
            ..ListenConfig::default()
        },
        hello(),
    )
    .await;
    let first = server.connect().await;
    server.wait_until_open(1).await;
    let mut second = server.connect().await;
    second.write_all(CLOSE.as_bytes()).await.unwrap();
    let early = tokio::time::timeout(Duration::from_millis(100), second.read_u8()).await;
    assert!(early.is_err(), "served although the only slot was taken");
    drop(first);
    assert!(all_of(second).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn limits_and_addresses_that_cannot_work_are_refused_before_anything_listens() {
    for config in [
        ListenConfig {
            max_header_size: ByteSize::kib(1),
            ..ListenConfig::default()
        },
        ListenConfig {
            max_connections: 0,
            ..ListenConfig::default()
        },
        ListenConfig::at("not an address"),
        ListenConfig {
            tls: Some(no_such_certificate()),
            ..ListenConfig::default()
        },
    ] {
        assert!(Listener::bind(&config).await.is_err(), "{config:?}");
    }
}

#[tokio::test]
async fn an_address_in_use_is_named_in_the_error() {
    let first = Listener::bind(&ListenConfig::default()).await.unwrap();
    let address = first.bound().addr.to_string();
    let error = Listener::bind(&ListenConfig::at(&address)).await.err().unwrap();
    let said = error.to_string();
    assert!(
        said.starts_with(&format!("cannot listen on {address}: ")) && said.contains("in use"),
        "{said}"
    );
}

fn no_such_certificate() -> TlsConfig {
    TlsConfig::files("/nowhere/cert.pem", "/nowhere/key.pem")
}

/// A certificate for `localhost` in two files, and a client that trusts only it.
struct Identity {
    dir: tempfile::TempDir,
    certificate: rustls::pki_types::CertificateDer<'static>,
}

impl Identity {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let certificate = Self::write(dir.path());
        Self { dir, certificate }
    }

    fn write(dir: &std::path::Path) -> rustls::pki_types::CertificateDer<'static> {
        Self::write_until(dir, 2100)
    }

    /// One that ends as this year begins.
    fn write_until(dir: &std::path::Path, year: i32) -> rustls::pki_types::CertificateDer<'static> {
        let mut asked = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        asked.not_after = rcgen::date_time_ymd(year, 1, 1);
        let key = rcgen::KeyPair::generate().unwrap();
        let made = asked.self_signed(&key).unwrap();
        std::fs::write(dir.join("cert.pem"), made.pem()).unwrap();
        std::fs::write(dir.join("key.pem"), key.serialize_pem()).unwrap();
        made.der().clone()
    }

    fn config(&self) -> TlsConfig {
        TlsConfig {
            reload: ConfigDuration::from_millis(20),
            ..TlsConfig::files(self.dir.path().join("cert.pem"), self.dir.path().join("key.pem"))
        }
    }

    async fn connect(
        &self,
        server: &Running,
        alpn: &[u8],
    ) -> io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut client = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        client.alpn_protocols = vec![alpn.to_vec()];
        let connector = tokio_rustls::TlsConnector::from(Arc::new(client));
        connector
            .connect("localhost".try_into().unwrap(), server.connect().await)
            .await
    }
}

#[tokio::test]
async fn tls_serves_http_1_and_http_2_as_the_client_asks() {
    let identity = Identity::new();
    let config = ListenConfig {
        tls: Some(identity.config()),
        ..ListenConfig::default()
    };
    let server = serving(config, hello()).await;
    assert_eq!(server.bound.url(), format!("https://{}", server.bound.addr));
    let mut client = identity.connect(&server, b"http/1.1").await.unwrap();
    client.write_all(CLOSE.as_bytes()).await.unwrap();
    assert!(all_of(client).await.starts_with("HTTP/1.1 200"));

    let stream = TokioIo::new(identity.connect(&server, b"h2").await.unwrap());
    let (mut client, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), stream)
        .await
        .unwrap();
    tokio::spawn(connection);
    let request = Request::get("https://localhost/")
        .body(axum::body::Body::empty())
        .unwrap();
    let answer = client.send_request(request).await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), answer.version()),
        (200, axum::http::Version::HTTP_2)
    );
}

#[tokio::test]
async fn a_renewed_certificate_is_taken_over_without_a_restart_and_a_broken_one_is_not() {
    let mut identity = Identity::new();
    let config = ListenConfig {
        tls: Some(identity.config()),
        ..ListenConfig::default()
    };
    let server = serving(config, hello()).await;
    identity.connect(&server, b"http/1.1").await.unwrap();
    let key = identity.dir.path().join("key.pem");
    identity.certificate = Identity::write(identity.dir.path());
    let renewed = async {
        while identity.connect(&server, b"http/1.1").await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, renewed).await.unwrap();

    std::fs::write(&key, "half a key").unwrap();
    let many_looks = tokio::time::Instant::now() + 10 * identity.config().reload.get();
    while tokio::time::Instant::now() < many_looks {
        identity.connect(&server, b"http/1.1").await.unwrap();
    }
}

#[tokio::test]
async fn the_page_says_when_the_certificate_ends_also_after_it_was_renewed() {
    let identity = Identity::new();
    Identity::write_until(identity.dir.path(), 2030);
    let config = ListenConfig {
        tls: Some(identity.config()),
        ..ListenConfig::default()
    };
    let telemetry = quiet();
    let listener = Listener::bind(&config).await.unwrap().named("grpc", &telemetry);
    let life = Lifecycle::new("test");
    life.spawn("grpc", listener.serve(hello(), life.clone()));
    let ends = || {
        let page = telemetry.render();
        let line = page
            .lines()
            .find(|line| line.starts_with("tls_certificate_expiry_timestamp_seconds{"));
        let line = line.unwrap().to_owned();
        assert!(line.contains("listener=\"grpc\""), "{line}");
        line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()
    };
    // Both as `date -u -d YYYY-01-01 +%s` has them.
    assert_eq!(ends(), 1_893_456_000.0);
    Identity::write_until(identity.dir.path(), 2040);
    let renewed = async {
        while ends() != 2_208_988_800.0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, renewed).await.unwrap();
}

#[tokio::test]
async fn a_key_of_another_certificate_is_refused_at_start() {
    let (one, other) = (Identity::new(), Identity::new());
    let tls = TlsConfig::files(one.dir.path().join("cert.pem"), other.dir.path().join("key.pem"));
    let bound = Listener::bind(&ListenConfig {
        tls: Some(tls),
        ..ListenConfig::default()
    })
    .await;
    assert!(matches!(bound.err().unwrap(), ListenError::Tls { .. }));
}

#[tokio::test]
async fn a_client_that_does_not_finish_its_tls_handshake_is_cut_off() {
    let identity = Identity::new();
    let header_read_timeout = ConfigDuration::from_millis(100);
    let tls = Some(identity.config());
    let server = serving(
        ListenConfig {
            header_read_timeout,
            tls,
            ..ListenConfig::default()
        },
        hello(),
    )
    .await;
    let silent = server.connect().await;
    assert_eq!(
        tokio::time::timeout(Duration::from_secs(10), all_of(silent))
            .await
            .unwrap(),
        ""
    );
}
