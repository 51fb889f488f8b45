//! A flood of made-up names: what the page and the process keep of it.
#![expect(clippy::unwrap_used, reason = "tests fail loudly")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Instant;

use telemetry::metrics::Format;
use telemetry::{ServiceInfo, Telemetry, TelemetryConfig, propagation};

/// The system's allocator, counting for each thread: the exporter's makes its buffers whenever it gets to it.
struct Counting;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    // A thread that ends counts no more.
    let _ = HELD.try_with(|held| held.set(held.get() + bytes));
}

#[expect(unsafe_code, reason = "an allocator cannot be written without")]
// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        // SAFETY: the caller keeps `alloc`'s contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-layout.size().cast_signed());
        // SAFETY: the caller keeps `dealloc`'s contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

telemetry::metrics! {
    /// As the agents' edge and the limits declare theirs.
    struct FloodMetrics {
        /// Requests.
        requests: counter "flood_requests_total" [endpoint, tool, status],
        /// Running.
        active: gauge "flood_active" [tool],
        /// Seconds.
        took: histogram "flood_duration_seconds" [tool] buckets LATENCY,
        /// Refusals.
        refused: counter "flood_refused_total" [tenant_id],
    }
}

impl FloodMetrics {
    /// One call of a tool of a tenant, in a trace that is exported.
    fn call(&self, number: u32, span: &tracing::Span) {
        let (tool, tenant) = (
            format!("made_up_tool_{number}"),
            format!("made-up-tenant-{number}"),
        );
        let status = ["200", "404", "502"][number as usize % 3];
        self.requests.with(["tools/call", &tool, status]).increment(1);
        drop(self.active.with([&tool]).hold());
        let seconds = f64::from(number % 1_000) / 90.0;
        self.took.with([&tool]).record_in(span, seconds);
        self.refused.with([&tenant]).increment(1);
    }

    /// All of them are gone.
    fn forget(&self, number: u32) {
        let (tool, tenant) = (
            format!("made_up_tool_{number}"),
            format!("made-up-tenant-{number}"),
        );
        self.requests.remove_where("tool", &tool);
        self.active.remove([&tool]);
        self.took.remove([&tool]);
        self.refused.remove([&tenant]);
    }
}

fn telemetry() -> Telemetry {
    let info = ServiceInfo {
        name: "mcp-server",
        version: "1.2.3",
        revision: "abc",
        rustc: "1.95.0",
        environment: "test".to_owned(),
        instance: "one".to_owned(),
    };
    let mut config = TelemetryConfig::default();
    config.tracing.enabled = true;
    Telemetry::start_with_output(info, &config, std::io::sink()).unwrap()
}

fn held() -> isize {
    HELD.get()
}

#[test]
fn a_hundred_thousand_made_up_names_leave_a_bounded_page_and_flat_memory() {
    let telemetry = telemetry();
    let _subscriber = tracing::dispatcher::set_default(&telemetry.dispatch());
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned();
    let parent = BTreeMap::from([("traceparent".to_owned(), parent)]);
    let span = propagation::span_from(&parent, || tracing::info_span!("call"));
    let metrics = FloodMetrics::new(&telemetry);
    metrics.requests.with(["tools/list", "", "200"]).increment(1);
    let begin = held();
    (0..4_000).for_each(|number| metrics.call(number, &span));
    let full = held();
    (4_000..100_000).for_each(|number| metrics.call(number, &span));
    let after = held();
    assert!(
        after - full < 4_096,
        "{} bytes more for the other 96,000 names",
        after - full
    );
    assert!(full - begin < 2_000_000, "{} bytes for all of them", full - begin);

    for format in [Format::Text, Format::OpenMetrics] {
        let began = Instant::now();
        let page = telemetry.render_as(format);
        let took = began.elapsed();
        let lines = page.lines().count();
        assert!(page.len() < 2_000_000, "{} bytes", page.len());
        assert!(lines < 15_000, "{lines} lines");
        // A figure; what is asserted does not depend on the machine.
        println!("{format:?}: {lines} lines, {} bytes, {took:?}", page.len());
    }
    let page = telemetry.render();
    let overflow = page
        .lines()
        .find(|line| line.contains(r#"metric="flood_duration_seconds",label="tool""#));
    assert!(
        overflow.is_some_and(|line| line.ends_with(" 99950")),
        "{overflow:?}"
    );
    drop(page);

    let before = held();
    (0..100_000).for_each(|number| metrics.forget(number));
    let page = telemetry.render();
    assert!(
        !page.contains("made_up") && !page.contains("made-up"),
        "all have left"
    );
    drop(page);
    let left = held() - begin;
    // What is left are the `other` series and the overflow counts.
    assert!(left < 40_000, "{left} bytes are left of {}", before - begin);
    assert!(
        metrics.requests.with(["tools/list", "", "200"]).value() > 0.0,
        "others stay"
    );
}

#[test]
fn a_full_page_with_exemplars_is_bounded_too() {
    let telemetry = telemetry();
    let _subscriber = tracing::dispatcher::set_default(&telemetry.dispatch());
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned();
    let parent = BTreeMap::from([("traceparent".to_owned(), parent)]);
    let span = propagation::span_from(&parent, || tracing::info_span!("call"));
    let full = full_page::FullMetrics::new(&telemetry);
    for number in 0..1_000_u32 {
        let tool = format!("made_up_tool_of_some_length_{}", number % 50);
        let status = (200 + number / 50).to_string();
        for seconds in [0.001, 0.02, 0.3, 4.0, 50.0] {
            full.took.with([tool.as_str(), &status]).record_in(&span, seconds);
        }
    }
    let page = telemetry.render_as(Format::OpenMetrics);
    let exemplars = page.lines().filter(|line| line.contains(" # {")).count();
    assert_eq!(exemplars, 2_000);
    let lines = page.lines().count();
    assert!((14_000..15_200).contains(&lines), "{lines}");
    assert!(page.len() < 2_300_000, "{} bytes", page.len());
}

mod full_page {
    telemetry::metrics! {
        /// Enough series to fill a page.
        pub struct FullMetrics {
            /// Seconds.
            took: histogram "full_duration_seconds" [tool, status] buckets LATENCY,
        }
    }
}
