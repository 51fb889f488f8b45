//! Providers and their tools, as they are read, changed and removed.

use domain::provider::Health;
use domain::{EntityKind, PageRequest, ProviderId};

use crate::backend::Backend;
use crate::samples::{conflict, credential, import, provider, refused};

crate::on_both!(
    a_provider_comes_back_as_it_was_stored,
    providers_are_walked_by_name,
    tools_are_walked_by_name_and_by_provider,
    an_update_of_a_row_that_changed_meanwhile_is_refused,
    a_provider_is_removed_with_everything_that_hangs_on_it,
    health_is_a_change_only_when_it_differs,
);

async fn a_provider_comes_back_as_it_was_stored(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let provider = provider(tenant, "pets");
    let import = import(&provider, &["pets_get"]);
    backend
        .providers
        .import(tenant, &import, Some(&credential(9)))
        .await
        .unwrap();
    assert_eq!(
        backend.providers.get(tenant, provider.id).await.unwrap(),
        provider
    );
    assert_eq!(backend.providers.by_name(tenant, "pets").await.unwrap(), provider);
    refused!(backend.providers.by_name(tenant, "nobody").await, NotFound);
    let description = backend.providers.description(tenant, provider.id).await.unwrap();
    assert_eq!(
        (description.text, description.url),
        (import.description, import.description_url)
    );
    assert_eq!(description.skipped, import.skipped);
    assert_eq!(
        backend.providers.credential(tenant, provider.id).await.unwrap(),
        Some(credential(9))
    );
    let tool = backend.providers.tool(tenant, "pets_get").await.unwrap();
    assert_eq!(tool, import.tools[0]);
    let order: Vec<_> = tool.input_schema.value()["properties"]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect();
    assert_eq!(order, ["zebra", "a", "mm"]);
    refused!(backend.providers.tool(tenant, "pets_put").await, NotFound);
}

async fn providers_are_walked_by_name(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    for name in ["b", "c", "a"] {
        backend
            .providers
            .import(tenant, &import(&provider(tenant, name), &[]), None)
            .await
            .unwrap();
    }
    let first = backend
        .providers
        .list(tenant, PageRequest::first(2))
        .await
        .unwrap();
    assert_eq!(
        first.items.iter().map(|p| p.name.as_str()).collect::<Vec<_>>(),
        ["a", "b"]
    );
    let rest = PageRequest {
        limit: 2,
        after: first.next,
    };
    let rest = backend.providers.list(tenant, rest).await.unwrap();
    assert_eq!(
        rest.items.iter().map(|p| p.name.as_str()).collect::<Vec<_>>(),
        ["c"]
    );
    assert_eq!(rest.next, None);
}

async fn tools_are_walked_by_name_and_by_provider(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let pets = provider(tenant, "pets");
    let shop = provider(tenant, "shop");
    backend
        .providers
        .import(tenant, &import(&pets, &["b", "a"]), None)
        .await
        .unwrap();
    backend
        .providers
        .import(tenant, &import(&shop, &["aa", "_"]), None)
        .await
        .unwrap();
    let names = |page: domain::Page<domain::Tool>| -> Vec<String> {
        page.items.into_iter().map(|tool| tool.name).collect()
    };
    let all = backend
        .providers
        .tools(tenant, None, PageRequest::first(3))
        .await
        .unwrap();
    let next = PageRequest {
        limit: 3,
        after: all.next.clone(),
    };
    assert_eq!(names(all), ["_", "a", "aa"]);
    assert_eq!(
        names(backend.providers.tools(tenant, None, next).await.unwrap()),
        ["b"]
    );
    let of_shop = backend
        .providers
        .tools(tenant, Some(shop.id), PageRequest::first(3))
        .await
        .unwrap();
    assert_eq!(names(of_shop), ["_", "aa"]);
}

async fn an_update_of_a_row_that_changed_meanwhile_is_refused(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let mut pets = provider(tenant, "pets");
    backend
        .providers
        .import(tenant, &import(&pets, &["t"]), None)
        .await
        .unwrap();
    backend
        .providers
        .import(tenant, &import(&provider(tenant, "shop"), &[]), None)
        .await
        .unwrap();
    let head = backend.changes.head().await.unwrap();
    pets.limits.timeout_ms = 1;
    let updated = backend.providers.update(tenant, &pets, 1).await.unwrap();
    assert_eq!((updated.version, updated.limits.timeout_ms), (2, 1));
    assert_eq!(backend.providers.get(tenant, pets.id).await.unwrap(), updated);
    assert_eq!(backend.changes.head().await.unwrap(), head + 1);
    refused!(backend.providers.update(tenant, &pets, 1).await, Stale);
    pets.name = "shop".into();
    assert_eq!(conflict(backend.providers.update(tenant, &pets, 2).await), "name");
    refused!(
        backend.providers.update(tenant, &provider(tenant, "x"), 1).await,
        NotFound
    );
}

async fn a_provider_is_removed_with_everything_that_hangs_on_it(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let pets = provider(tenant, "pets");
    backend
        .providers
        .import(tenant, &import(&pets, &["a", "b"]), Some(&credential(1)))
        .await
        .unwrap();
    let head = backend.changes.head().await.unwrap();
    refused!(backend.providers.remove(tenant, pets.id, Some(7)).await, Stale);
    backend.providers.remove(tenant, pets.id, Some(1)).await.unwrap();
    refused!(backend.providers.get(tenant, pets.id).await, NotFound);
    refused!(backend.providers.tool(tenant, "a").await, NotFound);
    refused!(backend.providers.credential(tenant, pets.id).await, NotFound);
    refused!(backend.providers.remove(tenant, pets.id, None).await, NotFound);
    let changes = backend.changes.since(head, 10).await.unwrap().unwrap();
    let kinds: Vec<_> = changes.iter().map(|change| change.kind).collect();
    assert_eq!(kinds, [EntityKind::Tool, EntityKind::Tool, EntityKind::Provider]);
    assert!(changes.iter().all(|change| change.entity.is_none()));

    // A refresh that was under way must not bring it back.
    refused!(
        backend
            .providers
            .import(tenant, &import(&pets, &["a"]), None)
            .await,
        NotFound
    );
    let again = provider(tenant, "pets");
    backend
        .providers
        .import(tenant, &import(&again, &["a"]), None)
        .await
        .unwrap();
    assert_eq!(
        backend.providers.tool(tenant, "a").await.unwrap().provider_id,
        again.id
    );
}

async fn health_is_a_change_only_when_it_differs(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let pets = provider(tenant, "pets");
    backend
        .providers
        .import(tenant, &import(&pets, &[]), None)
        .await
        .unwrap();
    let head = backend.changes.head().await.unwrap();
    backend
        .providers
        .record_health(tenant, pets.id, Health::Healthy)
        .await
        .unwrap();
    backend
        .providers
        .record_health(tenant, pets.id, Health::Healthy)
        .await
        .unwrap();
    let stored = backend.providers.get(tenant, pets.id).await.unwrap();
    assert_eq!((stored.health, stored.version), (Health::Healthy, 1));
    assert_eq!(backend.changes.head().await.unwrap(), head + 1);
    let nobody = ProviderId::generate();
    refused!(
        backend
            .providers
            .record_health(tenant, nobody, Health::Healthy)
            .await,
        NotFound
    );
}
