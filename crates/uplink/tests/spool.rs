//! The audit spool against an audit service of the test's own, over the in-memory link.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests fail loudly"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proto::v1::audit_service_server::{AuditService, AuditServiceServer};
use proto::v1::{AppendRequest, AppendResponse, AuditRecord};
use runtime::config::{ByteSize, Duration as Span, Secret};
use runtime::link::InMemoryLink;
use telemetry::{Telemetry, TelemetryConfig};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};
use uplink::{ControlPlaneConfig, Link, Spool, SpoolConfig, Target};

/// Keeps what it is sent, by id; away while told so.
#[derive(Clone, Default)]
struct Store {
    records: Arc<Mutex<BTreeMap<String, usize>>>,
    away: Arc<AtomicBool>,
}

#[tonic::async_trait]
impl AuditService for Store {
    async fn append(&self, request: Request<AppendRequest>) -> Result<Response<AppendResponse>, Status> {
        assert_eq!(
            request.metadata().get("authorization").unwrap(),
            "Bearer a-service-key"
        );
        if self.away.load(Ordering::SeqCst) {
            return Err(Status::unavailable("the database is away"));
        }
        let records = request.into_inner().records;
        if records.iter().any(|record| record.id == "broken") {
            return Err(Status::invalid_argument("id: broken"));
        }
        let mut stored = self.records.lock().unwrap();
        for record in &records {
            *stored.entry(record.id.clone()).or_default() += 1;
        }
        Ok(Response::new(AppendResponse {
            stored: records.len() as u64,
        }))
    }
}

impl Store {
    fn ids(&self) -> Vec<String> {
        self.records.lock().unwrap().keys().cloned().collect()
    }

    async fn has(&self, ids: &[&str]) {
        let found = test_support::eventually(Duration::from_secs(10), || async {
            let has = self.ids();
            ids.iter().all(|id| has.iter().any(|stored| stored == id))
        });
        found.await.expect("every record arrives");
    }
}

fn telemetry() -> Telemetry {
    let info = runtime::process::service_info("worker", "test");
    Telemetry::start_with_output(info, &TelemetryConfig::default(), std::io::sink()).unwrap()
}

fn link(store: &Store, telemetry: &Telemetry) -> Link {
    let (connector, incoming) = InMemoryLink::new().split();
    let server = tonic::transport::Server::builder().add_service(AuditServiceServer::new(store.clone()));
    tokio::spawn(server.serve_with_incoming(incoming));
    let config = ControlPlaneConfig {
        service_key: Secret::new("a-service-key"),
        ..ControlPlaneConfig::default()
    };
    uplink::connect(&config, Target::InProcess(connector), telemetry).unwrap()
}

fn config(dir: &Path) -> SpoolConfig {
    SpoolConfig {
        dir: dir.to_owned(),
        interval: Span::from_millis(20),
        max_size: ByteSize::kib(1),
    }
}

fn record(id: &str) -> AuditRecord {
    AuditRecord {
        id: id.to_owned(),
        tool: "github_repos_get".to_owned(),
        ..AuditRecord::default()
    }
}

fn files(dir: &Path) -> usize {
    std::fs::read_dir(dir).unwrap().count()
}

fn sending(spool: &Arc<Spool>, link: Link) -> (CancellationToken, tokio::task::JoinHandle<()>) {
    let stop = CancellationToken::new();
    let sender = Arc::clone(spool).send(link, stop.clone());
    (stop, tokio::spawn(async move { sender.await.unwrap() }))
}

#[tokio::test]
async fn records_arrive_and_their_files_go() {
    let (dir, store, telemetry) = (tempfile::tempdir().unwrap(), Store::default(), telemetry());
    let spool = Spool::open(config(dir.path()), &telemetry).unwrap();
    let (stop, sender) = sending(&spool, link(&store, &telemetry));
    spool.record(&record("a"));
    store.has(&["a"]).await;
    spool.record(&record("b"));
    store.has(&["a", "b"]).await;
    stop.cancel();
    sender.await.unwrap();
    assert_eq!(files(dir.path()), 0);
    assert!(telemetry.render().contains("mcp_audit_spool_bytes{") && telemetry.render().contains("} 0\n"));
}

#[tokio::test]
async fn what_a_dead_process_left_is_sent_by_the_next_one_even_behind_a_torn_record() {
    let (dir, store, telemetry) = (tempfile::tempdir().unwrap(), Store::default(), telemetry());
    let spool = Spool::open(config(dir.path()), &telemetry).unwrap();
    spool.record(&record("a"));
    drop(spool);
    let file = std::fs::read_dir(dir.path())
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let mut bytes = std::fs::read(&file).unwrap();
    bytes.extend([200, 1, 10, 4]);
    std::fs::write(&file, bytes).unwrap();
    let spool = Spool::open(config(dir.path()), &telemetry).unwrap();
    spool.record(&record("b"));
    let (_stop, _sender) = sending(&spool, link(&store, &telemetry));
    store.has(&["a", "b"]).await;
}

#[tokio::test]
async fn while_the_control_plane_is_away_records_wait_and_a_full_spool_says_so() {
    let (dir, store, telemetry) = (tempfile::tempdir().unwrap(), Store::default(), telemetry());
    store.away.store(true, Ordering::SeqCst);
    let spool = Spool::open(config(dir.path()), &telemetry).unwrap();
    let (_stop, _sender) = sending(&spool, link(&store, &telemetry));
    assert_eq!(spool.health(), Ok(()));
    let ids: Vec<_> = (0..50).map(|number| format!("record-{number:02}")).collect();
    ids.iter().for_each(|id| spool.record(&record(id)));
    assert!(
        spool.health().unwrap_err().starts_with("the audit spool is full"),
        "{:?}",
        spool.health()
    );
    assert!(store.ids().is_empty());
    store.away.store(false, Ordering::SeqCst);
    store
        .has(&ids.iter().map(String::as_str).collect::<Vec<_>>())
        .await;
    let recovered = test_support::eventually(Duration::from_secs(5), || async { spool.health().is_ok() });
    recovered.await.expect("it is not full any more");
}

#[tokio::test]
async fn a_record_that_is_refused_is_set_aside_alone_and_holds_up_nothing() {
    let (dir, store, telemetry) = (tempfile::tempdir().unwrap(), Store::default(), telemetry());
    let spool = Spool::open(config(dir.path()), &telemetry).unwrap();
    ["before", "broken", "after"]
        .into_iter()
        .for_each(|id| spool.record(&record(id)));
    let (_stop, _sender) = sending(&spool, link(&store, &telemetry));
    store.has(&["before", "after"]).await;
    spool.record(&record("later"));
    store.has(&["later"]).await;
    assert_eq!(store.ids(), ["after", "before", "later"]);
    let aside: Vec<_> = std::fs::read_dir(dir.path())
        .unwrap()
        .flatten()
        .map(|file| file.path())
        .collect();
    let refused: Vec<_> = aside
        .iter()
        .filter(|path| path.extension().is_some_and(|e| e == "refused"))
        .collect();
    assert_eq!(refused.len(), 1, "{aside:?}");
    assert!(!std::fs::read(refused[0]).unwrap().is_empty());
}

#[tokio::test]
async fn a_directory_that_is_gone_makes_the_service_not_ready() {
    let (dir, telemetry) = (tempfile::tempdir().unwrap(), telemetry());
    let spool = Spool::open(config(&dir.path().join("spool")), &telemetry).unwrap();
    std::fs::remove_dir_all(dir.path().join("spool")).unwrap();
    spool.record(&record("a"));
    assert!(
        spool
            .health()
            .unwrap_err()
            .starts_with("audit records cannot be written")
    );
    std::fs::create_dir(dir.path().join("spool")).unwrap();
    spool.record(&record("b"));
    assert_eq!(spool.health(), Ok(()));
}
