//! API keys.

use domain::{Cursor, KeyId, PageRequest};

use crate::backend::Backend;
use crate::samples::{at, conflict, key, refused};

crate::on_both!(
    keys_are_listed_newest_first_in_pages,
    a_cursor_that_nobody_made_is_refused,
    a_name_is_free_again_once_its_key_is_revoked_or_expired,
    revoking_twice_changes_nothing_more,
    a_rotated_key_runs_out_and_its_successor_has_the_name,
    a_key_is_found_by_its_prefix_before_a_tenant_is_known,
    the_last_use_only_moves_forward_and_is_no_change,
    active_keys_are_neither_revoked_nor_expired,
    a_key_keeps_its_pins,
    pins_of_a_key_are_replaced_and_watchers_are_told,
);

async fn a_key_keeps_its_pins(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let mut pinned = key(tenant, "triage");
    pinned.pins = vec!["github_issues_*".to_owned(), "tag:pulls".to_owned()];
    backend.keys.create(tenant, &pinned).await.unwrap();
    assert_eq!(backend.keys.get(tenant, pinned.id).await.unwrap(), pinned);
}

async fn pins_of_a_key_are_replaced_and_watchers_are_told(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let mut pinned = key(tenant, "triage");
    backend.keys.create(tenant, &pinned).await.unwrap();
    let before = backend.changes.head().await.unwrap();
    pinned.pins = vec!["tag:pulls".to_owned()];
    let changed = backend.keys.pin(tenant, pinned.id, &pinned.pins).await.unwrap();
    assert_eq!(changed, pinned);
    assert_eq!(backend.keys.get(tenant, pinned.id).await.unwrap(), pinned);
    assert!(backend.changes.head().await.unwrap() > before);
    assert!(matches!(
        backend.keys.pin(tenant, KeyId::generate(), &[]).await,
        Err(domain::StoreError::NotFound)
    ));
}

async fn keys_are_listed_newest_first_in_pages(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let mut expected = vec![
        backend
            .keys
            .list(tenant, PageRequest::first(1))
            .await
            .unwrap()
            .items[0]
            .id,
    ];
    for number in 0..5 {
        let key = key(tenant, &format!("key {number}"));
        backend.keys.create(tenant, &key).await.unwrap();
        expected.insert(0, key.id);
    }
    let mut page = PageRequest::first(2);
    let mut seen: Vec<KeyId> = Vec::new();
    let mut pages = 0;
    loop {
        let keys = backend.keys.list(tenant, page).await.unwrap();
        seen.extend(keys.items.iter().map(|key| key.id));
        pages += 1;
        let Some(next) = keys.next else { break };
        page = PageRequest {
            limit: 2,
            after: Some(next),
        };
    }
    assert_eq!((seen, pages), (expected, 3));
}

async fn a_cursor_that_nobody_made_is_refused(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let page = PageRequest {
        limit: 2,
        after: Some(Cursor("%%%".into())),
    };
    assert_eq!(conflict(backend.keys.list(tenant, page.clone()).await), "cursor");
    assert_eq!(
        conflict(backend.providers.list(tenant, page.clone()).await),
        "cursor"
    );
    assert_eq!(
        conflict(backend.jobs.list(tenant, Default::default(), page.clone()).await),
        "cursor"
    );
    assert_eq!(
        conflict(
            backend
                .audit
                .list(tenant, &Default::default(), page.clone())
                .await
        ),
        "cursor"
    );
    assert_eq!(
        conflict(backend.providers.tools(tenant, None, page.clone()).await),
        "cursor"
    );
    assert_eq!(conflict(backend.tenants.siblings(tenant, page).await), "cursor");
    assert_eq!(
        conflict(backend.changes.snapshot(Some("%%%".into()), 2).await),
        "cursor"
    );
}

async fn a_name_is_free_again_once_its_key_is_revoked_or_expired(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let mut first = key(tenant, "ci");
    first.expires_at = Some(at(100));
    backend.keys.create(tenant, &first).await.unwrap();
    assert_eq!(
        conflict(backend.keys.create(tenant, &key(tenant, "ci")).await),
        "name"
    );
    let mut after_expiry = key(tenant, "ci");
    after_expiry.created_at = at(100);
    backend.keys.create(tenant, &after_expiry).await.unwrap();
    assert_eq!(
        conflict(backend.keys.create(tenant, &key(tenant, "ci")).await),
        "name"
    );
    backend
        .keys
        .revoke(tenant, after_expiry.id, at(101))
        .await
        .unwrap();
    backend.keys.create(tenant, &key(tenant, "ci")).await.unwrap();

    let mut same_prefix = key(tenant, "other");
    same_prefix.prefix = first.prefix;
    assert_eq!(
        conflict(backend.keys.create(tenant, &same_prefix).await),
        "prefix"
    );
}

async fn revoking_twice_changes_nothing_more(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let key = key(tenant, "ci");
    backend.keys.create(tenant, &key).await.unwrap();
    let revoked = backend.keys.revoke(tenant, key.id, at(5)).await.unwrap();
    assert_eq!(revoked.revoked_at, Some(at(5)));
    let head = backend.changes.head().await.unwrap();
    assert_eq!(backend.keys.revoke(tenant, key.id, at(9)).await.unwrap(), revoked);
    assert_eq!(backend.changes.head().await.unwrap(), head);
    refused!(
        backend.keys.revoke(tenant, KeyId::generate(), at(9)).await,
        NotFound
    );
}

async fn a_rotated_key_runs_out_and_its_successor_has_the_name(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let old = key(tenant, "ci");
    backend.keys.create(tenant, &old).await.unwrap();
    let new = key(tenant, "ci");
    backend.keys.rotate(tenant, old.id, at(60), &new).await.unwrap();
    assert_eq!(
        backend.keys.get(tenant, old.id).await.unwrap().expires_at,
        Some(at(60))
    );
    assert_eq!(backend.keys.get(tenant, new.id).await.unwrap(), new);
    assert_eq!(
        conflict(backend.keys.create(tenant, &key(tenant, "ci")).await),
        "name"
    );
    assert_eq!(
        conflict(
            backend
                .keys
                .rotate(tenant, old.id, at(90), &key(tenant, "ci"))
                .await
        ),
        "id"
    );
    refused!(
        backend
            .keys
            .rotate(tenant, KeyId::generate(), at(90), &key(tenant, "x"))
            .await,
        NotFound
    );

    let mut short = key(tenant, "short");
    short.expires_at = Some(at(10));
    backend.keys.create(tenant, &short).await.unwrap();
    backend
        .keys
        .rotate(tenant, short.id, at(60), &key(tenant, "short"))
        .await
        .unwrap();
    assert_eq!(
        backend.keys.get(tenant, short.id).await.unwrap().expires_at,
        Some(at(10)),
        "not longer"
    );
}

async fn a_key_is_found_by_its_prefix_before_a_tenant_is_known(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let key = key(tenant, "ci");
    backend.keys.create(tenant, &key).await.unwrap();
    assert_eq!(backend.keys.by_prefix(&key.prefix).await.unwrap(), Some(key));
    assert_eq!(backend.keys.by_prefix("nobody").await.unwrap(), None);
}

async fn the_last_use_only_moves_forward_and_is_no_change(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let key = key(tenant, "ci");
    backend.keys.create(tenant, &key).await.unwrap();
    let head = backend.changes.head().await.unwrap();
    for (told, stored) in [(at(50), at(50)), (at(40), at(50)), (at(60), at(60))] {
        backend
            .keys
            .touch(tenant, &[(key.id, told), (KeyId::generate(), told)])
            .await
            .unwrap();
        assert_eq!(
            backend.keys.get(tenant, key.id).await.unwrap().last_used_at,
            Some(stored)
        );
    }
    assert_eq!(backend.changes.head().await.unwrap(), head);
}

async fn active_keys_are_neither_revoked_nor_expired(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let mut expiring = key(tenant, "expiring");
    expiring.expires_at = Some(at(100));
    let revoked = key(tenant, "revoked");
    backend.keys.create(tenant, &expiring).await.unwrap();
    backend.keys.create(tenant, &revoked).await.unwrap();
    backend.keys.revoke(tenant, revoked.id, at(1)).await.unwrap();
    assert_eq!(backend.keys.count_active(at(99)).await.unwrap(), 2);
    assert_eq!(backend.keys.count_active(at(100)).await.unwrap(), 1);
}
