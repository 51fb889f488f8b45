//! What storage shows: metrics, and a line when it was slow.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use storage::{DbMetrics, StorageOptions, connect};
use telemetry::Telemetry;
use tracing::instrument::WithSubscriber;

use crate::backend::{Backend, options, started};
use crate::samples::{key, refused};

crate::on_both!(
    calls_are_counted_by_operation_table_and_outcome,
    the_pool_is_shown,
    a_closed_storage_answers_unavailable_and_counts_why,
);

fn page(telemetry: &Telemetry) -> String {
    telemetry.registry().render()
}

async fn calls_are_counted_by_operation_table_and_outcome(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    refused!(backend.keys.get(tenant, key(tenant, "x").id).await, NotFound);
    let page = page(&backend.telemetry);
    for series in [
        r#"operation="get",table="api_keys",outcome="not_found"} 1"#,
        r#"operation="bootstrap",table="tenants",outcome="ok"} 1"#,
    ] {
        assert!(
            page.lines()
                .any(|line| line.starts_with("db_query_total") && line.contains(series)),
            "{page}"
        );
    }
    assert!(page.contains("db_query_duration_seconds_bucket"), "{page}");
    assert_eq!(DbMetrics::DECLARATIONS.len(), 5);
}

async fn the_pool_is_shown(backend: Backend) {
    backend.database.ping().await.unwrap();
    let (size, used) = backend.database.pool();
    assert!(size >= 1 && used <= size, "{used} of {size}");
    let page = page(&backend.telemetry);
    let shown = page
        .lines()
        .find(|line| line.starts_with("db_connection_pool_size"))
        .unwrap();
    assert!(shown.ends_with(&format!(" {size}")), "{shown}");
}

async fn a_closed_storage_answers_unavailable_and_counts_why(backend: Backend) {
    backend.database.close().await;
    let closed = backend.database.ping().await;
    assert!(
        matches!(closed, Err(domain::StoreError::Unavailable(_))),
        "{closed:?}"
    );
    assert_eq!(backend.database.pool(), (0, 0));
    let page = page(&backend.telemetry);
    let counted =
        |line: &str| line.starts_with("mcp_database_connection_errors_total") && line.contains("pool_closed");
    assert!(page.lines().any(counted), "{page}");
}

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

#[tokio::test]
async fn a_slow_call_is_logged_by_its_name_and_without_values() {
    let lines = Lines::default();
    let telemetry = started(lines.clone());
    let options = StorageOptions {
        slow_query: Duration::ZERO,
        ..options()
    };
    let storage = connect("sqlite::memory:", &options, &telemetry).await.unwrap();
    let found = storage
        .keys
        .by_prefix("do-not-log-me")
        .with_subscriber(telemetry.dispatch().clone())
        .await;
    assert_eq!(found.unwrap(), None);
    telemetry.shutdown().await;
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains("slow query by_prefix api_keys"), "{text}");
    assert!(!text.contains("do-not-log-me"), "{text}");
}
