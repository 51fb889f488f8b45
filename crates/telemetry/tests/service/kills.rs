//! What a killed process leaves of its spans, and what the next one makes of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use opentelemetry_proto::tonic::trace::v1::Span;
use telemetry::{TelemetryConfig, propagation};
use tokio::sync::Notify;
use tracing::Instrument;

use crate::collector::{Collector, attribute};
use crate::fixture::{Service, eventually, killed};

/// Nothing listens there.
const NOBODY: &str = "http://127.0.0.1:9";

fn service(dir: &Path, collector: &str, journal_bytes: usize) -> Service {
    let mut config = TelemetryConfig::default();
    config.tracing.enabled = true;
    config.tracing.endpoint = collector.to_owned();
    config.tracing.journal_bytes = journal_bytes;
    Service::with_extras(&config, |extras| extras.spans = Some(dir.to_owned()))
}

/// A request that calls somebody, and hangs until it is told to end.
fn router(gate: &Arc<Notify>) -> Router {
    let gate = Arc::clone(gate);
    let hanging = move || async move {
        let client = tracing::info_span!("call", otel.kind = "client", server.address = "shop");
        let mut headers = BTreeMap::new();
        propagation::inject_span(&client, &mut headers);
        gate.notified().instrument(client).await;
    };
    let quick = || async {
        tracing::info_span!("query").in_scope(|| {});
        "done"
    };
    Router::new()
        .route("/hanging", get(hanging))
        .route("/quick", get(quick))
}

fn named(collector: &Collector, name: &str) -> Option<Span> {
    collector.received.span(name)
}

/// Opens the gate when it goes.
struct Opens(Arc<Notify>);

impl Drop for Opens {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

/// How many spans the journal says were sent: a record is its length, its kind (3) and ids of 8 bytes.
fn crossed_out(dir: &Path) -> usize {
    let files = std::fs::read_dir(dir).unwrap();
    let bytes = files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap());
    let bytes: Vec<u8> = bytes.collect();
    let records = bytes
        .windows(5)
        .filter(|head| head[1..] == [0, 0, 0, 3] && [8, 16].contains(&head[0]));
    records.map(|head| usize::from(head[0]) / 8).sum()
}

/// Spans that the journal has and does not say of that they were sent.
fn unsettled(dir: &Path) -> usize {
    let (mut spans, mut settled) = (BTreeSet::new(), BTreeSet::new());
    for file in std::fs::read_dir(dir).unwrap() {
        // One that is begun anew may be gone.
        let bytes = std::fs::read(file.unwrap().path()).unwrap_or_default();
        let mut rest = bytes.as_slice();
        while let Some((length, [kind, after @ ..])) = rest.split_first_chunk::<4>() {
            let Some((content, after)) = after.split_at_checked(u32::from_le_bytes(*length) as usize) else {
                break;
            };
            match kind {
                2 => drop(spans.insert(content[..8].to_owned())),
                3 => settled.extend(content.chunks(8).map(<[u8]>::to_owned)),
                _ => {}
            }
            rest = after;
        }
    }
    spans.difference(&settled).count()
}

/// The largest file.
fn largest(dir: &Path) -> u64 {
    let files = std::fs::read_dir(dir).unwrap();
    let sizes = files.filter_map(|file| Some(file.unwrap().metadata().ok()?.len()));
    sizes.max().unwrap_or_default()
}

fn size(dir: &Path) -> u64 {
    let files = std::fs::read_dir(dir).unwrap();
    files.map(|file| file.unwrap().metadata().unwrap().len()).sum()
}

#[test]
fn what_was_open_and_known_to_others_is_sent_by_the_next_process_as_killed() {
    let (collector, dir, gate) = (Collector::start(), tempfile::tempdir().unwrap(), Arc::default());
    let first = service(dir.path(), &format!("http://{}", collector.address), 1 << 20);
    let address = first.serve(router(&gate));
    first.get(address, "/quick");
    // The collector has its spans a moment before the journal says so.
    eventually("the quick request's two spans are crossed out", || {
        crossed_out(dir.path()) == 2
    });
    assert!(named(&collector, "GET /quick").is_some());
    let asked = std::thread::scope(|scope| {
        let asked = scope.spawn(|| first.get(address, "/hanging"));
        // The scope waits for it, also when something below is not as it should be.
        let opened = Opens(Arc::clone(&gate));
        eventually("the call is written down", || {
            let files = std::fs::read_dir(dir.path()).unwrap();
            let text: Vec<u8> = files
                .flat_map(|file| std::fs::read(file.unwrap().path()).unwrap())
                .collect();
            text.windows(4).any(|bytes| bytes == b"shop")
        });
        let left = killed(dir.path());
        let next = Collector::start();
        let second = service(left.path(), &format!("http://{}", next.address), 1 << 20);
        eventually("the call is told", || named(&next, "call").is_some());
        let (call, request) = (
            named(&next, "call").unwrap(),
            named(&next, "GET /hanging").unwrap(),
        );
        assert_eq!(call.parent_span_id, request.span_id);
        for span in [&call, &request] {
            assert_eq!(attribute(span, "error.type").as_deref(), Some("process.killed"));
            assert_eq!(span.status.as_ref().unwrap().code, 2);
            assert!(span.end_time_unix_nano >= span.start_time_unix_nano);
        }
        assert_eq!(attribute(&call, "server.address").as_deref(), Some("shop"));
        assert_eq!(
            next.received.resource("service.instance.id").as_deref(),
            Some("one")
        );
        assert_eq!(next.received.spans().len(), 2, "what was sent is not sent again");
        eventually("nothing is left", || {
            let lines = second.lines();
            lines.iter().any(|line| line["spans"] == 2 && line["open"] == 2)
        });
        drop(opened);
        asked.join().unwrap()
    });
    assert_eq!(asked.status, 200);
}

#[test]
fn what_had_ended_and_was_not_sent_is_sent_by_the_next_process_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let first = service(dir.path(), NOBODY, 1 << 20);
    let address = first.serve(router(&Arc::default()));
    first.get(address, "/quick");
    let left = killed(dir.path());
    let next = Collector::start();
    let _second = service(left.path(), &format!("http://{}", next.address), 1 << 20);
    eventually("both spans", || next.received.spans().len() == 2);
    let (query, request) = (
        named(&next, "query").unwrap(),
        named(&next, "GET /quick").unwrap(),
    );
    assert_eq!(query.parent_span_id, request.span_id);
    assert_eq!(
        attribute(&request, "http.response.status_code").as_deref(),
        Some("200")
    );
    assert_eq!(attribute(&request, "error.type"), None);
}

#[test]
fn the_journal_is_bounded_and_keeps_what_is_open_through_every_renewal() {
    const BOUND: usize = 64 << 10;
    let (collector, dir) = (Collector::start(), tempfile::tempdir().unwrap());
    let first = service(dir.path(), &format!("http://{}", collector.address), BOUND);
    let open = first.run(async {
        let open = tracing::info_span!("open all the time");
        propagation::inject_span(&open, &mut BTreeMap::new());
        open
    });
    // Two rounds and half of the bound fit: a file may be begun anew while the next round is written.
    for round in 1..=7 {
        first.run(async {
            for _ in 0..60 {
                tracing::info_span!("short", text = "x".repeat(100)).in_scope(|| {});
            }
        });
        assert!(largest(dir.path()) <= BOUND as u64, "{}", largest(dir.path()));
        // The journal hears of it a moment after the collector has them.
        eventually("they are sent and crossed out", || {
            collector.received.spans().len() == round * 60 && unsettled(dir.path()) == 1
        });
    }
    assert!(first.has(
        r#"telemetry_dropped_total{service="rest-api",environment="test",signal="journal",reason="disk"} 0"#
    ));
    eventually("the file was begun anew", || {
        let mut files = std::fs::read_dir(dir.path()).unwrap();
        files.all(|file| file.unwrap().file_name() != "000000000001.spans")
    });
    let left = killed(dir.path());
    let next = Collector::start();
    let _second = service(left.path(), &format!("http://{}", next.address), BOUND);
    eventually("the open one", || named(&next, "open all the time").is_some());
    drop(open);
}

#[test]
fn what_is_left_and_never_sent_is_bounded_and_the_newest_stays() {
    const BOUND: usize = 64 << 10;
    let mut dir = tempfile::tempdir().unwrap();
    for _ in 0..6 {
        let service = service(dir.path(), NOBODY, BOUND);
        service.run(async {
            for _ in 0..100 {
                tracing::info_span!("short", text = "x".repeat(300)).in_scope(|| {});
            }
        });
        dir = killed(dir.path());
        assert!(size(dir.path()) <= 3 * BOUND as u64, "{}", size(dir.path()));
    }
    assert!(size(dir.path()) > BOUND as u64);
}

#[test]
fn a_directory_that_cannot_be_had_costs_a_warning_and_no_request() {
    let (collector, dir) = (Collector::start(), tempfile::tempdir().unwrap());
    let endpoint = format!("http://{}", collector.address);
    let first = service(dir.path(), &endpoint, 1 << 20);
    // The same directory: it belongs to the first.
    let second = service(dir.path(), &endpoint, 1 << 20);
    let address = second.serve(router(&Arc::default()));
    assert_eq!(second.get(address, "/quick").status, 200);
    let warned = |service: &Service| service.lines().iter().any(|line| line["level"] == "WARN");
    assert!(warned(&second) && !warned(&first));
    eventually("spans are sent all the same", || {
        named(&collector, "GET /quick").is_some()
    });
}
