//! The audit spool against an audit service of the test's own, over the in-memory link.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
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
use runtime::lifecycle::Lifecycle;
use runtime::link::InMemoryLink;
use telemetry::{Telemetry, TelemetryConfig};
use test_support::SmallDisk;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};
use uplink::{ControlPlaneConfig, Durability, Link, Spool, SpoolConfig, Target, WhenFull};

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
    uplink::connect(
        &config,
        Target::InProcess(connector),
        telemetry,
        &Lifecycle::new("test"),
    )
    .unwrap()
}

fn config(dir: &Path) -> SpoolConfig {
    SpoolConfig {
        dir: dir.to_owned(),
        interval: Span::from_millis(20),
        max_size: ByteSize::kib(1),
        ..SpoolConfig::default()
    }
}

fn record(id: &str) -> AuditRecord {
    AuditRecord {
        id: id.to_owned(),
        tool: "github_repos_get".to_owned(),
        ..AuditRecord::default()
    }
}

fn segments(dir: &Path) -> Vec<std::path::PathBuf> {
    let files = std::fs::read_dir(dir).unwrap();
    files
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "audit"))
        .collect()
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
    spool.record(&record("a")).await;
    store.has(&["a"]).await;
    spool.record(&record("b")).await;
    store.has(&["a", "b"]).await;
    stop.cancel();
    sender.await.unwrap();
    assert!(segments(dir.path()).is_empty());
    assert!(telemetry.render().contains("mcp_audit_spool_bytes{") && telemetry.render().contains("} 0\n"));
}

#[tokio::test]
async fn what_a_dead_process_left_is_sent_by_the_next_one_even_behind_a_torn_record() {
    let (dir, store, telemetry) = (tempfile::tempdir().unwrap(), Store::default(), telemetry());
    let spool = Spool::open(config(dir.path()), &telemetry).unwrap();
    spool.record(&record("a")).await;
    drop(spool);
    let file = &segments(dir.path())[0];
    let mut bytes = std::fs::read(file).unwrap();
    bytes.extend([200, 1, 10, 4]);
    std::fs::write(file, bytes).unwrap();
    let spool = Spool::open(config(dir.path()), &telemetry).unwrap();
    spool.record(&record("b")).await;
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
    for id in &ids {
        spool.record(&record(id)).await;
    }
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
    for id in ["before", "broken", "after"] {
        spool.record(&record(id)).await;
    }
    let (_stop, _sender) = sending(&spool, link(&store, &telemetry));
    store.has(&["before", "after"]).await;
    spool.record(&record("later")).await;
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
    spool.record(&record("a")).await;
    assert!(
        spool
            .health()
            .unwrap_err()
            .starts_with("audit records cannot be written")
    );
    std::fs::create_dir(dir.path().join("spool")).unwrap();
    spool.record(&record("b")).await;
    assert_eq!(spool.health(), Ok(()));
}

/// The value of a series without further labels but the service's own.
fn metric(telemetry: &Telemetry, name: &str, label: &str) -> f64 {
    let page = telemetry.render();
    let line = page
        .lines()
        .find(|line| line.starts_with(&format!("{name}{{")) && line.contains(label));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok())
        .unwrap_or_else(|| panic!("no {name}{{{label}}} in {page}"))
}

async fn fill(spool: &Spool) -> Vec<String> {
    let mut ids = Vec::new();
    while spool.admit().is_ok() {
        let id = format!("record-{:04}", ids.len());
        spool.record(&record(&id)).await;
        ids.push(id);
        assert!(ids.len() < 10_000, "it is never full");
    }
    ids
}

#[tokio::test]
async fn a_full_spool_refuses_calls_keeps_the_records_of_those_under_way_and_takes_calls_again_when_it_is_sent()
 {
    let (dir, store, telemetry) = (tempfile::tempdir().unwrap(), Store::default(), telemetry());
    store.away.store(true, Ordering::SeqCst);
    let spool = Spool::open(config(dir.path()), &telemetry).unwrap();
    let (_stop, _sender) = sending(&spool, link(&store, &telemetry));
    let mut ids = fill(&spool).await;
    assert!(metric(&telemetry, "mcp_audit_calls_refused_total", "") >= 1.0);
    assert!(
        metric(&telemetry, "mcp_audit_spool_bytes", "")
            > metric(&telemetry, "mcp_audit_spool_limit_bytes", "")
    );
    // Admitted before it was full, ended after.
    spool.record(&record("under-way")).await;
    ids.push("under-way".to_owned());
    store.away.store(false, Ordering::SeqCst);
    store
        .has(&ids.iter().map(String::as_str).collect::<Vec<_>>())
        .await;
    let admitted = test_support::eventually(Duration::from_secs(5), || async { spool.admit() });
    admitted.await.expect("calls are taken again");
    assert!(metric(&telemetry, "mcp_audit_records_lost_total", "unwritable").abs() < f64::EPSILON);
}

#[tokio::test]
async fn with_drop_calls_go_on_above_the_limit_and_every_record_that_is_lost_is_counted() {
    const CALLS: usize = 200;
    let (dir, store, telemetry) = (tempfile::tempdir().unwrap(), Store::default(), telemetry());
    store.away.store(true, Ordering::SeqCst);
    let config = SpoolConfig {
        when_full: WhenFull::Drop,
        ..config(dir.path())
    };
    let spool = Spool::open(config, &telemetry).unwrap();
    let (stop, sender) = sending(&spool, link(&store, &telemetry));
    for number in 0..CALLS {
        assert_eq!((spool.admit(), spool.health()), (Ok(()), Ok(())));
        spool.record(&record(&format!("record-{number:04}"))).await;
    }
    let lost = metric(&telemetry, "mcp_audit_records_lost_total", "full");
    assert!(lost > 0.0);
    store.away.store(false, Ordering::SeqCst);
    stop.cancel();
    sender.await.unwrap();
    assert!(
        (store.ids().len() as f64 + lost - CALLS as f64).abs() < f64::EPSILON,
        "{lost} lost"
    );
}

#[tokio::test]
async fn when_the_disk_is_full_calls_are_refused_and_those_under_way_write_into_the_reserve() {
    let Some(disk) = SmallDisk::mount(1 << 10).unwrap() else {
        eprintln!("skipped: only root may mount a disk that can be filled");
        return;
    };
    let (store, telemetry) = (Store::default(), telemetry());
    store.away.store(true, Ordering::SeqCst);
    let config = SpoolConfig {
        max_size: ByteSize::mib(256),
        reserve: ByteSize::kib(128),
        ..config(&disk.path().join("spool"))
    };
    let spool = Spool::open(config, &telemetry).unwrap();
    spool.record(&record("before")).await;
    assert_eq!(spool.admit(), Ok(()));
    disk.fill().unwrap();
    // The page that is open takes some more; then the disk says no, and the reserve is used.
    let mut ids = fill(&spool).await;
    let why = spool.admit().unwrap_err();
    assert!(why.starts_with("audit records cannot be written"), "{why}");
    for number in 0..300 {
        let id = format!("under-way-{number:03}");
        // Somebody else takes whatever becomes free.
        disk.fill().unwrap();
        spool.record(&record(&id)).await;
        ids.push(id);
    }
    assert!(metric(&telemetry, "mcp_audit_records_lost_total", "unwritable").abs() < f64::EPSILON);
    assert!(spool.health().is_err(), "the reserve does not fit yet");
    disk.free().unwrap();
    let (_stop, _sender) = sending(&spool, link(&store, &telemetry));
    let admitted = test_support::eventually(Duration::from_secs(5), || async { spool.admit() });
    admitted.await.expect("calls are taken again once there is room");
    store.away.store(false, Ordering::SeqCst);
    ids.push("before".to_owned());
    store
        .has(&ids.iter().map(String::as_str).collect::<Vec<_>>())
        .await;
}

#[tokio::test]
async fn records_that_are_flushed_arrive_like_any_other() {
    let (dir, store, telemetry) = (tempfile::tempdir().unwrap(), Store::default(), telemetry());
    let config = SpoolConfig {
        sync: Durability::Always,
        max_size: ByteSize::mib(1),
        ..config(dir.path())
    };
    let spool = Spool::open(config, &telemetry).unwrap();
    let (_stop, _sender) = sending(&spool, link(&store, &telemetry));
    let ids: Vec<_> = (0..200).map(|number| format!("record-{number:03}")).collect();
    for batch in ids.chunks(20) {
        let records: Vec<_> = batch.iter().map(|id| record(id)).collect();
        futures::future::join_all(records.iter().map(|record| spool.record(record))).await;
    }
    store
        .has(&ids.iter().map(String::as_str).collect::<Vec<_>>())
        .await;
    assert_eq!(spool.health(), Ok(()));
}
