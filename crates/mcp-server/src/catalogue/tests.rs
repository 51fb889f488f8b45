use domain::provider::{AuthScheme, CallLimits, Health, ProviderKind, Selection};
use domain::tool::{Annotations, Binding, HttpBinding};
use domain::{ApiKey, KeyKind, ProviderId, ToolId};
use serde_json::json;
use tokio::sync::broadcast::error::TryRecvError;

use super::*;

const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

fn provider(tenant_id: TenantId) -> Provider {
    Provider {
        id: ProviderId::generate(),
        tenant_id,
        name: "acme".to_owned(),
        kind: ProviderKind::Openapi,
        base_url: "https://acme.test".to_owned(),
        auth: AuthScheme::None,
        selection: Selection::default(),
        allowed_hosts: Vec::new(),
        limits: CallLimits::default(),
        health: Health::Unknown,
        version: 1,
        created_at: NOW,
        refreshed_at: NOW,
    }
}

fn tool(provider: &Provider, name: &str) -> Tool {
    Tool {
        id: ToolId::generate(),
        tenant_id: provider.tenant_id,
        provider_id: provider.id,
        name: name.to_owned(),
        title: None,
        description: String::new(),
        tags: Vec::new(),
        input_schema: json!({ "type": "object" }).into(),
        output_schema: None,
        annotations: Annotations {
            read_only: false,
            destructive: false,
            idempotent: false,
            open_world: true,
        },
        binding: Binding::Http(HttpBinding {
            method: "GET".to_owned(),
            path: "/".to_owned(),
            base_url: None,
            parameters: Vec::new(),
            body: None,
            wraps_result: false,
        }),
    }
}

fn key(tenant_id: TenantId, random: u8) -> (ApiKey, PresentedKey) {
    let presented = PresentedKey::mint(&[random; 38]);
    let key = ApiKey {
        id: KeyId::generate(),
        tenant_id,
        name: "k".to_owned(),
        kind: KeyKind::Agent,
        scopes: KeyKind::Agent.default_scopes(),
        pins: Vec::new(),
        prefix: presented.prefix().to_owned(),
        hash: presented.hash().to_vec(),
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
        created_at: NOW,
    };
    (key, presented)
}

fn put(tool: &Tool) -> Update {
    Update::Put(Entity::Tool(Box::new(tool.clone())))
}

fn names(catalogue: &Catalogue, tenant: TenantId) -> Vec<String> {
    let tools = catalogue.tools(tenant);
    tools.iter().map(|tool| tool.name.clone()).collect()
}

fn events(changes: &mut broadcast::Receiver<CatalogueEvent>) -> Vec<CatalogueEvent> {
    let mut events = Vec::new();
    loop {
        match changes.try_recv() {
            Ok(event) => events.push(event),
            Err(TryRecvError::Empty) => return events,
            Err(error) => panic!("{error}"),
        }
    }
}

/// A catalogue with one provider and the tools `b` and `a`.
fn filled() -> (Catalogue, Provider, Tool, Tool) {
    let catalogue = Catalogue::new();
    let provider = provider(TenantId::generate());
    let (b, a) = (tool(&provider, "b"), tool(&provider, "a"));
    catalogue.apply([put(&b), put(&a), Update::Put(Entity::Provider(provider.clone()))]);
    (catalogue, provider, a, b)
}

#[test]
fn tools_are_listed_by_name_for_their_tenant_alone_and_not_before_their_provider() {
    let (catalogue, provider, ..) = filled();
    assert_eq!(names(&catalogue, provider.tenant_id), ["a", "b"]);
    assert_eq!(catalogue.tool(provider.tenant_id, "a").unwrap().1.id, provider.id);
    let other = TenantId::generate();
    assert!(names(&catalogue, other).is_empty() && catalogue.tool(other, "a").is_none());
    let orphan = tool(&self::provider(provider.tenant_id), "c");
    catalogue.put(Entity::Tool(Box::new(orphan)));
    assert_eq!(names(&catalogue, provider.tenant_id), ["a", "b"]);
    assert!(catalogue.tool(provider.tenant_id, "c").is_none());
}

#[test]
fn many_changes_at_once_are_told_once_and_two_tools_may_swap_their_names() {
    let (catalogue, provider, a, b) = filled();
    let mut changes = catalogue.changes();
    let (mut renamed_a, mut renamed_b) = (a.clone(), b.clone());
    renamed_a.name = "b".to_owned();
    renamed_b.name = "a".to_owned();
    catalogue.apply([put(&renamed_a), put(&renamed_b)]);
    let tenant = provider.tenant_id;
    assert_eq!(catalogue.tool(tenant, "a").unwrap().0.id, b.id);
    assert_eq!(catalogue.tool(tenant, "b").unwrap().0.id, a.id);
    assert_eq!(names(&catalogue, tenant), ["a", "b"]);
    assert_eq!(events(&mut changes), [CatalogueEvent::ToolsChanged(tenant)]);
}

#[test]
fn a_name_that_passed_to_another_tool_outlives_the_first() {
    let (catalogue, provider, a, _) = filled();
    let heir = tool(&provider, "a");
    catalogue.put(Entity::Tool(Box::new(heir.clone())));
    catalogue.remove(EntityKind::Tool, a.id.0);
    assert_eq!(catalogue.tool(provider.tenant_id, "a").unwrap().0.id, heir.id);
}

#[test]
fn what_does_not_change_the_list_is_not_told_and_keeps_the_list_that_was_made() {
    let (catalogue, mut provider, a, _) = filled();
    let mut changes = catalogue.changes();
    let before = catalogue.tools(provider.tenant_id);
    provider.health = Health::Unhealthy;
    catalogue.apply([Update::Put(Entity::Provider(provider.clone())), put(&a)]);
    assert!(Arc::ptr_eq(&before, &catalogue.tools(provider.tenant_id)));
    assert_eq!(
        catalogue.tool(provider.tenant_id, "a").unwrap().1.health,
        Health::Unhealthy
    );
    assert!(events(&mut changes).is_empty());
}

#[test]
fn what_nobody_has_any_more_is_reported_as_gone() {
    let (catalogue, provider, a, b) = filled();
    let other = self::provider(TenantId::generate());
    catalogue.apply([
        Update::Put(Entity::Provider(other.clone())),
        put(&tool(&other, "a")),
    ]);
    let gone = catalogue.apply([
        Update::Remove(EntityKind::Tool, a.id.0),
        Update::Remove(EntityKind::Tool, b.id.0),
    ]);
    assert_eq!((gone.tools, gone.providers.len()), (vec!["b".to_owned()], 0));
    let gone = catalogue.apply([Update::Remove(EntityKind::Provider, provider.id.0)]);
    assert_eq!((gone.tools.len(), gone.providers), (0, vec![provider.id]));
    let gone = catalogue.apply([Update::Remove(EntityKind::Tenant, other.tenant_id.0)]);
    assert_eq!(
        (gone.tools, gone.providers),
        (vec!["a".to_owned()], vec![other.id])
    );
}

#[test]
fn a_snapshot_tells_only_those_for_whom_something_changed() {
    let (catalogue, provider, a, b) = filled();
    let other = self::provider(TenantId::generate());
    let extra = tool(&other, "x");
    let (kept, shown) = key(provider.tenant_id, 1);
    let (lost, lost_shown) = key(provider.tenant_id, 2);
    catalogue.apply([
        Update::Put(Entity::Provider(other.clone())),
        put(&extra),
        Update::Put(Entity::Key(kept.clone())),
        Update::Put(Entity::Key(lost.clone())),
    ]);
    let before = catalogue.tools(provider.tenant_id);
    let mut changes = catalogue.changes();
    let mut snapshot = Contents::default();
    for update in [
        put(&a),
        put(&b),
        Update::Put(Entity::Provider(provider.clone())),
        Update::Put(Entity::Key(kept)),
    ] {
        snapshot.apply(update);
    }
    let gone = catalogue.replace(snapshot);
    assert_eq!(
        (gone.tools, gone.providers),
        (vec!["x".to_owned()], vec![other.id])
    );
    assert_eq!(
        events(&mut changes),
        [
            CatalogueEvent::KeyGone(lost.id),
            CatalogueEvent::ToolsChanged(other.tenant_id)
        ]
    );
    assert!(Arc::ptr_eq(&before, &catalogue.tools(provider.tenant_id)));
    assert!(catalogue.authenticate(&shown, NOW).is_ok());
    assert_eq!(catalogue.authenticate(&lost_shown, NOW), Err(KeyRefusal::Unknown));
}

#[test]
fn a_revoked_key_is_refused_at_once_even_where_the_clock_is_behind() {
    let catalogue = Catalogue::new();
    let (mut key, shown) = key(TenantId::generate(), 1);
    catalogue.put(Entity::Key(key.clone()));
    assert!(catalogue.authenticate(&shown, NOW).is_ok() && catalogue.key_is_live(key.id, NOW));
    let mut changes = catalogue.changes();
    key.revoked_at = Some(NOW + chrono::TimeDelta::minutes(1));
    catalogue.put(Entity::Key(key.clone()));
    assert_eq!(catalogue.authenticate(&shown, NOW), Err(KeyRefusal::Revoked));
    assert!(!catalogue.key_is_live(key.id, NOW));
    assert_eq!(events(&mut changes), [CatalogueEvent::KeyGone(key.id)]);
    catalogue.remove(EntityKind::Key, key.id.0);
    assert_eq!(catalogue.authenticate(&shown, NOW), Err(KeyRefusal::Unknown));
    assert!(events(&mut changes).is_empty(), "it was told already");
}

#[tokio::test(start_paused = true)]
async fn without_the_control_plane_destructive_tools_wait_first_and_then_every_call() {
    let (catalogue, _, plain, mut destructive) = filled();
    destructive.annotations.destructive = true;
    let fresh = |tool| catalogue.freshness(tool);
    assert_eq!((fresh(&plain), fresh(&destructive)), (Ok(()), Ok(())));
    tokio::time::advance(Duration::from_secs(31)).await;
    assert_eq!(catalogue.age(), Duration::from_secs(31));
    assert_eq!(
        (fresh(&plain), fresh(&destructive)),
        (Ok(()), Err(Stale::Destructive))
    );
    tokio::time::advance(Duration::from_secs(270)).await;
    assert_eq!(fresh(&plain), Err(Stale::Everything));
    catalogue.heard();
    assert_eq!((fresh(&plain), fresh(&destructive)), (Ok(()), Ok(())));
}
