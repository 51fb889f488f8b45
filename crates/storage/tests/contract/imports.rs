//! Imports: what they store, what they number, what they leave alone.

use std::time::{Duration, Instant};

use domain::ports::storage::ToolDiff;
use domain::{EntityKind, PageRequest};

use crate::backend::Backend;
use crate::samples::{at, conflict, credential, import, provider, refused, tool};

crate::on_both!(
    a_refresh_keeps_ids_and_numbers_only_what_differs,
    the_same_import_again_changes_nothing,
    a_refresh_does_not_undo_what_a_person_changed_meanwhile,
    a_name_that_is_taken_stores_nothing_and_says_which_it_is,
    a_new_credential_is_stored_and_told_to_the_edge,
    the_largest_known_description_is_stored_within_seconds,
);

async fn a_refresh_keeps_ids_and_numbers_only_what_differs(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let pets = provider(tenant, "pets");
    let first = import(&pets, &["a", "b", "c"]);
    let diff = backend.providers.import(tenant, &first, None).await.unwrap();
    assert_eq!(diff.added, ["a", "b", "c"]);
    let head = backend.changes.head().await.unwrap();

    let mut second = import(&pets, &["d", "a", "b"]);
    second.tools[2].description = "Another one.".into();
    second.provider.refreshed_at = at(60);
    let diff = backend.providers.import(tenant, &second, None).await.unwrap();
    let expected = ToolDiff {
        added: vec!["d".into()],
        changed: vec!["b".into()],
        removed: vec!["c".into()],
    };
    assert_eq!(diff, expected);

    let b = backend.providers.tool(tenant, "b").await.unwrap();
    assert_eq!(
        (b.id, b.description.as_str()),
        (first.tools[1].id, "Another one.")
    );
    assert_eq!(
        backend.providers.tool(tenant, "a").await.unwrap().id,
        first.tools[0].id
    );
    let changes = backend.changes.since(head, 100).await.unwrap().unwrap();
    assert_eq!(
        changes.len(),
        3,
        "c is gone, d is new, b differs; the provider is the same"
    );
    assert!(changes.iter().all(|change| change.kind == EntityKind::Tool));
    let stored = backend.providers.get(tenant, pets.id).await.unwrap();
    assert_eq!((stored.version, stored.refreshed_at), (1, at(60)));
}

async fn the_same_import_again_changes_nothing(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let pets = provider(tenant, "pets");
    let mut import = import(&pets, &["a", "b"]);
    backend
        .providers
        .import(tenant, &import, Some(&credential(1)))
        .await
        .unwrap();
    import.provider.base_url = "https://other.example.com".into();
    backend
        .providers
        .import(tenant, &import, Some(&credential(1)))
        .await
        .unwrap();
    let head = backend.changes.head().await.unwrap();
    let diff = backend
        .providers
        .import(tenant, &import, Some(&credential(1)))
        .await
        .unwrap();
    assert_eq!(diff, ToolDiff::default());
    assert_eq!(backend.changes.head().await.unwrap(), head);
    assert_eq!(backend.providers.get(tenant, pets.id).await.unwrap().version, 2);
}

async fn a_refresh_does_not_undo_what_a_person_changed_meanwhile(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let pets = provider(tenant, "pets");
    backend
        .providers
        .import(tenant, &import(&pets, &["a"]), None)
        .await
        .unwrap();
    let mut changed = pets.clone();
    changed.limits.concurrency = 1;
    backend.providers.update(tenant, &changed, 1).await.unwrap();
    backend
        .providers
        .import(tenant, &import(&pets, &["a", "b"]), None)
        .await
        .unwrap();
    let stored = backend.providers.get(tenant, pets.id).await.unwrap();
    assert_eq!((stored.limits.concurrency, stored.version), (1, 2));
    backend.providers.tool(tenant, "b").await.unwrap();
}

async fn a_name_that_is_taken_stores_nothing_and_says_which_it_is(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    backend
        .providers
        .import(tenant, &import(&provider(tenant, "pets"), &["a"]), None)
        .await
        .unwrap();
    let head = backend.changes.head().await.unwrap();

    let shop = provider(tenant, "shop");
    let collides = backend
        .providers
        .import(tenant, &import(&shop, &["b", "a"]), None)
        .await;
    assert!(
        collides.as_ref().unwrap_err().to_string().contains("`a`"),
        "{collides:?}"
    );
    assert_eq!(conflict(collides), "name");
    assert_eq!(
        conflict(
            backend
                .providers
                .import(tenant, &import(&shop, &["c", "c"]), None)
                .await
        ),
        "name"
    );
    let same_name = import(&provider(tenant, "pets"), &[]);
    assert_eq!(
        conflict(backend.providers.import(tenant, &same_name, None).await),
        "name"
    );

    refused!(backend.providers.get(tenant, shop.id).await, NotFound);
    refused!(backend.providers.tool(tenant, "b").await, NotFound);
    assert_eq!(backend.changes.head().await.unwrap(), head);
}

async fn a_new_credential_is_stored_and_told_to_the_edge(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let pets = provider(tenant, "pets");
    let import = import(&pets, &["a"]);
    backend
        .providers
        .import(tenant, &import, Some(&credential(1)))
        .await
        .unwrap();
    let head = backend.changes.head().await.unwrap();
    backend.providers.import(tenant, &import, None).await.unwrap();
    assert_eq!(
        backend.providers.credential(tenant, pets.id).await.unwrap(),
        Some(credential(1))
    );
    backend
        .providers
        .import(tenant, &import, Some(&credential(2)))
        .await
        .unwrap();
    assert_eq!(
        backend.providers.credential(tenant, pets.id).await.unwrap(),
        Some(credential(2))
    );
    assert_eq!(backend.changes.head().await.unwrap(), head + 1);
    assert_eq!(backend.providers.get(tenant, pets.id).await.unwrap().version, 2);
}

async fn the_largest_known_description_is_stored_within_seconds(backend: Backend) {
    let tenant = backend.tenant("acme").await;
    let github = provider(tenant, "github");
    let mut import = import(&github, &[]);
    import.tools = (0..1_223)
        .map(|number| {
            let mut tool = tool(&github, &format!("github_{number}"));
            tool.description = "word ".repeat(200);
            tool
        })
        .collect();
    let started = Instant::now();
    let diff = backend.providers.import(tenant, &import, None).await.unwrap();
    let first = started.elapsed();
    assert_eq!(diff.added.len(), 1_223);
    let diff = backend.providers.import(tenant, &import, None).await.unwrap();
    assert_eq!(diff, ToolDiff::default());
    let took = started.elapsed();
    println!(
        "1,223 tools: {first:?}, and {:?} to find them unchanged",
        took - first
    );
    assert!(took < Duration::from_secs(10), "{took:?}");
    let page = backend
        .providers
        .tools(tenant, Some(github.id), PageRequest::first(200))
        .await
        .unwrap();
    assert_eq!(page.items.len(), 200);
}
