//! Rate limits.

use domain::{Cursor, EntityKind, PageRequest, StoreError};

use crate::backend::Backend;
use crate::samples::limit;

crate::on_both!(
    a_limit_is_replaced_under_its_id_and_watchers_are_told,
    limits_are_listed_by_subject_in_pages,
    a_tenant_sees_only_its_own_limits,
);

async fn a_limit_is_replaced_under_its_id_and_watchers_are_told(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let head = backend.changes.head().await.unwrap();
    let first = backend
        .limits
        .set(tenant, &limit(tenant, "key:ci"))
        .await
        .unwrap();
    let mut other = limit(tenant, "key:ci");
    (other.limit.rate, other.limit.burst) = ("5/h".parse().unwrap(), 1);
    let second = backend.limits.set(tenant, &other).await.unwrap();
    assert_eq!((second.id, second.limit), (first.id, other.limit));
    assert_eq!(backend.limits.get(tenant, &other.subject).await.unwrap(), second);
    backend.limits.remove(tenant, &other.subject).await.unwrap();
    let gone = backend.limits.remove(tenant, &other.subject).await;
    assert!(matches!(gone, Err(StoreError::NotFound)), "{gone:?}");
    let changes = backend.changes.since(head, 10).await.unwrap().unwrap();
    let told: Vec<_> = changes.iter().map(|change| (change.kind, change.id)).collect();
    assert_eq!(told, [(EntityKind::Limit, first.id.0); 3]);
    assert_eq!(changes[2].entity, None);
}

async fn limits_are_listed_by_subject_in_pages(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let sorted = ["key:a", "key:b", "provider:p", "tenant", "tool:t"];
    for subject in ["tool:t", "key:b", "tenant", "key:a", "provider:p"] {
        backend.limits.set(tenant, &limit(tenant, subject)).await.unwrap();
    }
    let (mut seen, mut after): (Vec<String>, Option<Cursor>) = (Vec::new(), None);
    loop {
        let page = PageRequest { limit: 2, after };
        let page = backend.limits.list(tenant, page).await.unwrap();
        seen.extend(page.items.iter().map(|limit| limit.subject.to_string()));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, sorted);
}

async fn a_tenant_sees_only_its_own_limits(backend: Backend) {
    let (acme, other) = (backend.tenant("acme").await, backend.tenant("umbrella").await);
    let theirs = limit(acme, "tenant");
    backend.limits.set(acme, &theirs).await.unwrap();
    let refused = backend.limits.set(other, &theirs).await;
    assert!(matches!(refused, Err(StoreError::NotFound)), "{refused:?}");
    assert!(backend.limits.get(other, &theirs.subject).await.is_err());
    assert!(backend.limits.remove(other, &theirs.subject).await.is_err());
    let listed = backend.limits.list(other, PageRequest::first(10)).await.unwrap();
    assert!(listed.items.is_empty(), "{listed:?}");
}
