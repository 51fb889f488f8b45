//! What a storage call shows: a span, and a line when it was slow; never a value.
//!
//! A binary of its own: tracing remembers for each call site whether anyone listens, and the contract's tests, which
//! call from threads without a subscriber, would teach it that nobody does.
#![allow(clippy::unwrap_used, reason = "a panic is how a test says no")]

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use storage::{StorageOptions, connect};
use telemetry::{ServiceInfo, Telemetry, TelemetryConfig};
use test_support::OtlpReceiver;
use tracing::Instrument;
use tracing::instrument::WithSubscriber;

const SOUGHT: &str = "do-not-show-me";

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Looks a key up for a request under this telemetry, every call being slow. A call that nobody asked for begins no trace.
async fn look_up(telemetry: &Telemetry) {
    let options = StorageOptions {
        slow_query: Duration::ZERO,
        ..StorageOptions::default()
    };
    let storage = connect("sqlite::memory:", &options, telemetry).await.unwrap();
    let dispatch = telemetry.dispatch();
    let request = tracing::dispatcher::with_default(&dispatch, || tracing::info_span!("request"));
    let found = storage
        .keys
        .by_prefix(SOUGHT)
        .instrument(request)
        .with_subscriber(dispatch)
        .await;
    assert_eq!(found.unwrap(), None);
    telemetry.shutdown().await;
}

fn telemetry(output: Lines, config: &TelemetryConfig) -> Telemetry {
    let info = ServiceInfo {
        name: "rest-api",
        version: "0",
        revision: "0",
        rustc: "0",
        environment: "test".into(),
        instance: "0".into(),
    };
    Telemetry::start_with_output(info, config, output).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_a_span_and_a_slow_one_a_line_and_both_name_it_without_values() {
    let receiver = OtlpReceiver::start().await.unwrap();
    let mut config = TelemetryConfig::default();
    config.tracing.enabled = true;
    config.tracing.endpoint = receiver.endpoint().into();
    let lines = Lines::default();
    look_up(&telemetry(lines.clone(), &config)).await;

    let named = |span: &test_support::ReceivedSpan| span.name == "by_prefix api_keys";
    let span = receiver.wait_for(Duration::from_secs(10), named).await.unwrap();
    for (name, value) in [
        ("db.system.name", "sqlite"),
        ("db.operation.name", "by_prefix"),
        ("db.collection.name", "api_keys"),
    ] {
        assert_eq!(span.attributes[name], value, "{span:?}");
    }
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains("slow query by_prefix api_keys"), "{text}");
    assert!(
        text.contains(&span.trace_id),
        "the line belongs to the trace: {text}"
    );
    assert!(
        !text.contains(SOUGHT) && !format!("{span:?}").contains(SOUGHT),
        "{text} {span:?}"
    );
}
