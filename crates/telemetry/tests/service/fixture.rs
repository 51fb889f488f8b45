//! A service with its own runtime, its page, and its lines in a buffer.

use std::future::Future;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use serde_json::Value;
use telemetry::ring::TraceRing;
use telemetry::{AdminAccess, Extras, ServiceInfo, Telemetry, TelemetryConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

const PATIENCE: Duration = Duration::from_secs(10);

pub fn info(name: &'static str) -> ServiceInfo {
    ServiceInfo {
        name,
        version: "1.2.3",
        revision: "abc123",
        rustc: "1.95.0",
        environment: "test".to_owned(),
        instance: "one".to_owned(),
    }
}

/// What was logged, as text.
#[derive(Clone, Default)]
pub struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A service as a binary builds it: telemetry first, then a runtime whose threads log to it.
pub struct Service {
    pub telemetry: Telemetry,
    pub runtime: Runtime,
    lines: Lines,
}

impl Service {
    pub fn start() -> Self {
        Self::with("rest-api", |_| {})
    }

    pub fn with(name: &'static str, change: impl FnOnce(&mut TelemetryConfig)) -> Self {
        let mut config = TelemetryConfig::default();
        change(&mut config);
        let lines = Lines::default();
        let telemetry = Telemetry::start_with_output(info(name), &config, lines.clone()).unwrap();
        Self::around(telemetry, lines)
    }

    /// One that keeps its last traces.
    pub fn with_ring(ring: &TraceRing) -> Self {
        Self::with_extras(&TelemetryConfig::default(), |extras| {
            extras.ring = Some(ring.clone())
        })
    }

    /// One with what a process adds.
    pub fn with_extras(config: &TelemetryConfig, change: impl FnOnce(&mut Extras)) -> Self {
        let lines = Lines::default();
        let mut extras = Extras {
            output: Some(Box::new(lines.clone())),
            ..Extras::default()
        };
        change(&mut extras);
        let telemetry = Telemetry::start_with(info("rest-api"), config, extras).unwrap();
        Self::around(telemetry, lines)
    }

    fn around(telemetry: Telemetry, lines: Lines) -> Self {
        let dispatch = telemetry.dispatch();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .on_thread_start(move || std::mem::forget(tracing::dispatcher::set_default(&dispatch)))
            .build()
            .unwrap();
        telemetry.watch_runtime(runtime.handle().clone());
        Service {
            telemetry,
            runtime,
            lines,
        }
    }

    /// Serves `router` and the standard endpoints; the admin token is `secret`.
    pub fn serve(&self, router: Router) -> SocketAddr {
        let admin = AdminAccess::new(Some("secret".into()));
        let router = telemetry::http::layer(router.merge(self.telemetry.router(admin)), &self.telemetry);
        let listener = self.runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        self.spawn(async move { axum::serve(listener, router).await.unwrap() });
        address
    }

    #[expect(clippy::disallowed_methods, reason = "ends with the test's runtime")]
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.runtime.spawn(task);
    }

    /// Runs `work` on one of the service's own threads.
    #[expect(clippy::disallowed_methods, reason = "awaited right here")]
    pub fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> T {
        self.runtime.block_on(self.runtime.spawn(work)).unwrap()
    }

    pub fn request(&self, address: SocketAddr, request: &str) -> Answer {
        self.runtime.block_on(exchange(address, request.to_owned()))
    }

    /// The answer's bytes as they came.
    pub fn raw(&self, address: SocketAddr, request: &str) -> Vec<u8> {
        self.runtime.block_on(bytes(address, request))
    }

    pub fn get(&self, address: SocketAddr, path: &str) -> Answer {
        self.request(
            address,
            &format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n"),
        )
    }

    /// All that was logged so far.
    pub fn text(&self) -> String {
        self.telemetry.flush_logs();
        let bytes = self.lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    /// Every line so far.
    pub fn lines(&self) -> Vec<Value> {
        self.text()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// The closing lines of requests to `path`.
    pub fn closing_lines(&self, path: &str) -> Vec<Value> {
        let lines = self.lines().into_iter();
        lines
            .filter(|line| line["event"] == "http_request_completed" && line["path"] == path)
            .collect()
    }

    pub fn has(&self, sample: &str) -> bool {
        self.telemetry.render().lines().any(|line| line == sample)
    }
}

pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let value = |line: &'_ str| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value.len())
        };
        self.head
            .lines()
            .find_map(|line| value(line).map(|length| &line[line.len() - length..]))
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

async fn exchange(address: SocketAddr, request: String) -> Answer {
    let answer = String::from_utf8(bytes(address, &request).await).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer {
        status,
        head: head.to_owned(),
        body: body.to_owned(),
    }
}

async fn bytes(address: SocketAddr, request: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    answer
}

/// Waits until `true_now`, and fails with `what` if it never is.
pub fn eventually(what: &str, mut true_now: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !true_now() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

/// What is on disk is what a kill leaves: the process itself cannot be killed without the test.
pub fn killed(dir: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
    }
    copy
}
