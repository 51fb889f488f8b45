//! The numbered changes: none is ever skipped.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::{Change, Entity, EntityKind, TenantId};
use tokio::task::JoinSet;

use crate::backend::Backend;
use crate::samples::{at, import, key, provider};

crate::on_both!(
    a_change_carries_the_thing_as_it_stands_now,
    a_snapshot_holds_everything_once_in_its_order,
    a_watcher_that_follows_many_writers_skips_nothing,
    a_watcher_beyond_the_head_starts_afresh,
    the_numbering_has_one_name_for_every_replica,
);

async fn a_change_carries_the_thing_as_it_stands_now(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let head = backend.changes.head().await.unwrap();
    let key = key(tenant, "ci");
    backend.keys.create(tenant, &key).await.unwrap();
    let revoked = backend.keys.revoke(tenant, key.id, at(5)).await.unwrap();
    let changes = backend.changes.since(head, 10).await.unwrap().unwrap();
    let expected = |number| Change {
        number,
        tenant_id: tenant,
        kind: EntityKind::Key,
        id: key.id.0,
        entity: Some(Entity::Key(revoked.clone())),
    };
    assert_eq!(changes, [expected(head + 1), expected(head + 2)]);
    assert_eq!(backend.changes.since(head, 1).await.unwrap().unwrap().len(), 1);
    assert_eq!(backend.changes.since(head + 2, 10).await.unwrap(), Some(vec![]));
}

async fn a_snapshot_holds_everything_once_in_its_order(backend: Backend) {
    for name in ["acme", "umbrella"] {
        let tenant = backend.tenant(name).await;
        let pets = provider(tenant, "pets");
        backend
            .providers
            .import(tenant, &import(&pets, &["a", "b", "c"]), None)
            .await
            .unwrap();
        backend.keys.create(tenant, &key(tenant, "ci")).await.unwrap();
    }
    let whole = backend.changes.snapshot(None, 1_000).await.unwrap();
    assert_eq!(whole.1, None);
    let kinds: Vec<_> = whole.0.iter().map(kind_of).collect();
    let mut sorted = kinds.clone();
    sorted.sort_unstable();
    assert_eq!(kinds, sorted);
    assert_eq!(kinds.len(), 2 + 4 + 2 + 6);
    for limit in [1, 2, 3, 14] {
        let (mut entities, mut after) = backend.changes.snapshot(None, limit).await.unwrap();
        while after.is_some() {
            let page = backend.changes.snapshot(after, limit).await.unwrap();
            assert!(page.0.len() <= limit as usize);
            entities.extend(page.0);
            after = page.1;
        }
        assert_eq!(entities, whole.0, "in pages of {limit}");
    }
}

fn kind_of(entity: &Entity) -> u8 {
    match entity {
        Entity::Tenant(_) => 0,
        Entity::Key(_) => 1,
        Entity::Provider(_) => 2,
        Entity::Tool(_) => 3,
        Entity::Limit(_) => 4,
    }
}

/// What a watcher does: it asks for what is new whenever it is woken, and never looks back.
async fn watch(storage: domain::ports::Storage, from: i64, until: usize) -> Vec<Change> {
    let mut moved = storage.changes.moved();
    let (mut seen, mut last): (Vec<Change>, i64) = (Vec::new(), from);
    while seen.len() < until {
        let new = storage.changes.since(last, 7).await.unwrap().unwrap();
        if new.is_empty() {
            tokio::time::timeout(Duration::from_secs(30), moved.changed())
                .await
                .expect("woken")
                .unwrap();
            continue;
        }
        last = new.last().unwrap().number;
        seen.extend(new);
    }
    seen
}

async fn a_watcher_that_follows_many_writers_skips_nothing(backend: Backend) {
    let tenants: Vec<TenantId> = [backend.tenant("acme").await, backend.tenant("umbrella").await].into();
    let from = backend.changes.head().await.unwrap();
    let (writers, keys, tools) = (6, 10, 40);
    let total = writers * (keys + 1 + tools);
    let watcher = tokio::spawn(watch(backend.storage.clone(), from, total));
    let mut running = JoinSet::new();
    for writer in 0..writers {
        let (storage, tenant) = (backend.storage.clone(), tenants[writer % 2]);
        running.spawn(async move {
            let pets = provider(tenant, &format!("pets-{writer}"));
            let names: Vec<_> = (0..tools).map(|tool| format!("t-{writer}-{tool}")).collect();
            let names: Vec<_> = names.iter().map(String::as_str).collect();
            for number in 0..keys {
                storage
                    .keys
                    .create(tenant, &key(tenant, &format!("{writer}-{number}")))
                    .await
                    .unwrap();
                if number == keys / 2 {
                    storage
                        .providers
                        .import(tenant, &import(&pets, &names), None)
                        .await
                        .unwrap();
                }
            }
        });
    }
    running.join_all().await;
    let seen = watcher.await.unwrap();
    let numbers: Vec<i64> = seen.iter().map(|change| change.number).collect();
    assert_eq!(numbers, (from + 1..=from + total as i64).collect::<Vec<_>>());
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for change in seen {
        *kinds.entry(change.kind.as_str()).or_default() += 1;
    }
    assert_eq!(
        kinds,
        BTreeMap::from([
            ("key", writers * keys),
            ("provider", writers),
            ("tool", writers * tools)
        ])
    );
}

async fn a_watcher_beyond_the_head_starts_afresh(backend: Backend) {
    backend.tenant("acme").await;
    let head = backend.changes.head().await.unwrap();
    assert_eq!(backend.changes.since(head + 1, 10).await.unwrap(), None);
}

async fn the_numbering_has_one_name_for_every_replica(backend: Backend) {
    let epoch = backend.changes.epoch().await.unwrap();
    assert_eq!(backend.replica().await.changes.epoch().await.unwrap(), epoch);
    assert_ne!(Backend::sqlite().await.changes.epoch().await.unwrap(), epoch);
}
