//! What a trace that is kept costs, by who keeps it, for callgrind: `trace_cost WAY COUNT` makes so many traces, each as a
//! tool call's: four spans inside of each other, the last of which tells its id to another process, and one closing line.
//!
//! `valgrind --tool=callgrind target/release/examples/trace_cost journal 2000`, less the same with 1,000, by 1,000.
#![expect(clippy::print_stdout, reason = "its figures are what it is for")]

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use telemetry::ring::{RingBounds, TraceRing};
use telemetry::{Extras, ServiceInfo, Telemetry, TelemetryConfig, propagation};
use tracing::field::Empty;
use tracing::{info, info_span};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (way, count) = (arguments.next().unwrap_or_default(), arguments.next());
    let count: u32 = count.unwrap_or_default().parse()?;
    let dir = tempfile::tempdir()?;
    let bytes = Arc::<AtomicU64>::default();
    let telemetry = start(&way, dir.path(), Arc::clone(&bytes))?;
    let began = Instant::now();
    tracing::dispatcher::with_default(&telemetry.dispatch(), || {
        (0..count).for_each(call);
    });
    let took = began.elapsed() / count.max(1);
    telemetry.flush_logs();
    let bytes = bytes.load(Relaxed) / u64::from(count.max(1));
    println!("{way}: {took:?} and {bytes} bytes of log a call");
    Ok(())
}

/// An output that counts.
struct Count(Arc<AtomicU64>);

impl Write for Count {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.fetch_add(text.len() as u64, Relaxed);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// `off` begins no trace, `line` writes the line alone, `export` sends spans to nobody, `journal` writes them down
/// besides, `ring` keeps them in memory and on disk.
fn start(way: &str, dir: &Path, bytes: Arc<AtomicU64>) -> Result<Telemetry, Box<dyn Error>> {
    let mut config = TelemetryConfig::default();
    let mut extras = Extras::default();
    config.tracing.enabled = ["export", "journal"].contains(&way);
    config.tracing.endpoint = "http://127.0.0.1:9".to_owned();
    config.tracing.queue = 1_000_000;
    if way == "off" {
        config.monitoring.logging.level = "error".to_owned();
    }
    if way == "journal" {
        extras.spans = Some(dir.to_owned());
        config.tracing.journal_bytes = 1 << 30;
    }
    if way == "ring" {
        let bounds = RingBounds {
            traces: 10_000,
            bytes: 64 << 20,
            per_second: 1_000_000,
        };
        extras.ring = Some(TraceRing::open(bounds, dir)?);
    }
    let info = ServiceInfo {
        name: "mcp-server",
        version: "1.0.0",
        revision: "abc",
        rustc: "1.95.0",
        environment: "production".to_owned(),
        instance: "one".to_owned(),
    };
    extras.output = Some(Box::new(Count(bytes)));
    Ok(Telemetry::start_with(info, &config, extras)?)
}

/// One call.
fn call(number: u32) {
    let id = format!("request-{number}");
    let request = propagation::span_from(&BTreeMap::new(), || {
        info_span!(
            "POST /mcp",
            otel.kind = "server",
            http.request.method = "POST",
            http.route = "/mcp",
            network.protocol.version = "1.1",
            correlation_id = id,
            http.response.status_code = Empty
        )
    });
    request.in_scope(|| {
        let method = info_span!(
            "tools/call shop_get_item",
            otel.kind = "server",
            mcp.method.name = "tools/call",
            gen_ai.tool.name = "shop_get_item",
            mcp.protocol.version = "2026-07-28",
            tenant_id = "acme",
            user_id = "bench"
        );
        method.in_scope(|| {
            let tool = info_span!("ExecuteTool", tool.name = "shop_get_item", tool.provider = "shop");
            tool.in_scope(upstream);
        });
        info!(
            event = "tool_call_completed",
            tool = "shop_get_item",
            provider = "shop",
            outcome = "ok",
            status = 200,
            duration = 0.0031,
            duration_ms = 3,
            request_bytes = 8,
            response_bytes = 22,
            queries = 0,
            cost_usd = 0.0,
            "tool call"
        );
    });
    request.record("http.response.status_code", 200);
}

/// The request to the tool's provider, with the trace in its headers.
fn upstream() {
    let client = info_span!(
        "GET",
        otel.kind = "client",
        http.request.method = "GET",
        server.address = "shop.example.com",
        server.port = 443,
        url.template = "/items/{id}",
        http.response.status_code = Empty
    );
    let mut headers = BTreeMap::new();
    propagation::inject_span(&client, &mut headers);
    client.record("http.response.status_code", 200);
}
