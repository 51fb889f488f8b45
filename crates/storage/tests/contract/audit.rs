//! Audit records.

use domain::PageRequest;
use domain::ports::storage::AuditFilter;

use crate::backend::Backend;
use crate::samples::{at, record};

crate::on_both!(
    a_record_that_arrives_twice_is_stored_once,
    records_are_listed_newest_first_as_they_were_sent,
    each_filter_narrows_the_list,
    a_batch_is_stored_whatever_a_caller_wrote_into_it,
);

async fn a_record_that_arrives_twice_is_stored_once(backend: Backend) {
    let tenants = [backend.tenant("acme").await, backend.tenant("umbrella").await];
    let mut batch: Vec<_> = (0..700).map(|number| record(tenants[number % 2], "t")).collect();
    assert_eq!(backend.audit.append(&batch).await.unwrap(), 700);
    batch.push(record(tenants[0], "t"));
    assert_eq!(backend.audit.append(&batch).await.unwrap(), 1);
    assert_eq!(backend.audit.append(&[]).await.unwrap(), 0);
}

async fn records_are_listed_newest_first_as_they_were_sent(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let mut records: Vec<_> = (0..3).map(|_| record(tenant, "t")).collect();
    backend.audit.append(&records).await.unwrap();
    records.reverse();
    let page = backend
        .audit
        .list(tenant, &AuditFilter::default(), PageRequest::first(2))
        .await
        .unwrap();
    assert_eq!(page.items, records[..2]);
    let next = PageRequest {
        limit: 2,
        after: page.next,
    };
    let page = backend
        .audit
        .list(tenant, &AuditFilter::default(), next)
        .await
        .unwrap();
    assert_eq!((page.items, page.next), (records[2..].to_vec(), None));
}

async fn each_filter_narrows_the_list(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let mut odd = record(tenant, "odd");
    odd.outcome = "timeout".into();
    odd.trace_id = Some("t1".into());
    odd.at = at(100);
    backend
        .audit
        .append(&[record(tenant, "even"), odd.clone()])
        .await
        .unwrap();
    let filters = [
        AuditFilter {
            tool: Some("odd".into()),
            ..AuditFilter::default()
        },
        AuditFilter {
            key_id: odd.key_id,
            ..AuditFilter::default()
        },
        AuditFilter {
            outcome: Some("timeout".into()),
            ..AuditFilter::default()
        },
        AuditFilter {
            trace_id: Some("t1".into()),
            ..AuditFilter::default()
        },
        AuditFilter {
            since: Some(at(100)),
            ..AuditFilter::default()
        },
    ];
    for filter in filters {
        let page = backend
            .audit
            .list(tenant, &filter, PageRequest::first(10))
            .await
            .unwrap();
        assert_eq!(page.items, std::slice::from_ref(&odd), "{filter:?}");
    }
}

async fn a_batch_is_stored_whatever_a_caller_wrote_into_it(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let mut huge = record(tenant, "a\0b");
    huge.response_bytes = u64::MAX;
    assert_eq!(
        backend.audit.append(&[huge, record(tenant, "t")]).await.unwrap(),
        2
    );
    let filter = AuditFilter {
        tool: Some("a\0b".into()),
        ..AuditFilter::default()
    };
    let page = backend
        .audit
        .list(tenant, &filter, PageRequest::first(10))
        .await
        .unwrap();
    assert_eq!(page.items[0].tool.as_deref(), Some("a\u{fffd}b"));
    assert_eq!(page.items[0].response_bytes, i64::MAX as u64);
}
