//! What storage counts. Its spans and lines are in `tests/shown.rs`.

use storage::DbMetrics;
use telemetry::Telemetry;

use crate::backend::Backend;
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
