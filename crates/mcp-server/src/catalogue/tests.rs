use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta};
use domain::provider::{AuthScheme, CallLimits, Health, ProviderKind, Selection};
use domain::tool::{Annotations, Binding, HttpBinding};
use domain::{ApiKey, KeyKind, ProviderId, ToolId};
use serde_json::json;

use super::*;

fn at(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(second, 0).unwrap()
}

fn provider(tenant_id: TenantId) -> Provider {
    Provider {
        id: ProviderId::generate(),
        tenant_id,
        name: "acme".to_owned(),
        kind: ProviderKind::Openapi,
        base_url: "https://acme.example".to_owned(),
        auth: AuthScheme::None,
        selection: Selection::default(),
        allowed_hosts: Vec::new(),
        limits: CallLimits::default(),
        health: Health::Unknown,
        version: 1,
        created_at: at(0),
        refreshed_at: at(0),
    }
}

fn tool(provider: &Provider, name: &str) -> Tool {
    let http = HttpBinding {
        method: "GET".to_owned(),
        path: "/".to_owned(),
        base_url: None,
        parameters: Vec::new(),
        body: None,
        wraps_result: false,
    };
    Tool {
        id: ToolId::generate(),
        tenant_id: provider.tenant_id,
        provider_id: provider.id,
        name: name.to_owned(),
        title: None,
        description: String::new(),
        tags: Vec::new(),
        input_schema: json!({ "type": "object" }),
        output_schema: None,
        annotations: Annotations {
            read_only: true,
            destructive: false,
            idempotent: true,
            open_world: true,
        },
        binding: Binding::Http(http),
    }
}

fn key(tenant_id: TenantId, byte: u8) -> (PresentedKey, ApiKey) {
    let presented = PresentedKey::mint(&[byte; 38]);
    let stored = ApiKey {
        id: KeyId::generate(),
        tenant_id,
        name: "key".to_owned(),
        kind: KeyKind::Agent,
        scopes: BTreeSet::new(),
        prefix: presented.prefix().to_owned(),
        hash: presented.hash().to_vec(),
        expires_at: Some(at(100)),
        revoked_at: None,
        last_used_at: None,
        created_at: at(0),
    };
    (presented, stored)
}

fn names(catalogue: &Catalogue, tenant: TenantId) -> Vec<String> {
    catalogue
        .tools(tenant)
        .iter()
        .map(|tool| tool.name.clone())
        .collect()
}

/// A catalogue with one provider and these tools.
fn with_tools(given: &[&str]) -> (Catalogue, Provider, Vec<Tool>) {
    let catalogue = Catalogue::new();
    let provider = provider(TenantId::generate());
    catalogue.put(Entity::Provider(provider.clone()));
    let tools: Vec<Tool> = given.iter().map(|name| tool(&provider, name)).collect();
    for tool in &tools {
        catalogue.put(Entity::Tool(Box::new(tool.clone())));
    }
    (catalogue, provider, tools)
}

#[test]
fn tools_are_listed_by_name_and_the_list_is_made_once() {
    let (catalogue, provider, _) = with_tools(&["b", "c", "a"]);
    assert_eq!(names(&catalogue, provider.tenant_id), ["a", "b", "c"]);
    assert!(Arc::ptr_eq(
        &catalogue.tools(provider.tenant_id),
        &catalogue.tools(provider.tenant_id)
    ));
    assert!(names(&catalogue, TenantId::generate()).is_empty());
}

#[test]
fn a_renamed_tool_has_only_its_new_name_and_a_removed_one_has_none() {
    let (catalogue, provider, tools) = with_tools(&["old", "other"]);
    catalogue.put(Entity::Tool(Box::new(Tool {
        name: "new".to_owned(),
        ..tools[0].clone()
    })));
    assert_eq!(names(&catalogue, provider.tenant_id), ["new", "other"]);
    assert!(catalogue.tool(provider.tenant_id, "old").is_none());
    catalogue.remove(EntityKind::Tool, tools[0].id.0);
    assert_eq!(names(&catalogue, provider.tenant_id), ["other"]);
}

#[test]
fn a_name_that_passed_to_another_tool_outlives_the_first() {
    let (catalogue, provider, tools) = with_tools(&["name"]);
    catalogue.put(Entity::Tool(Box::new(tool(&provider, "name"))));
    catalogue.remove(EntityKind::Tool, tools[0].id.0);
    assert_eq!(names(&catalogue, provider.tenant_id), ["name"]);
}

#[test]
fn a_tool_without_its_provider_is_neither_shown_nor_called() {
    let (catalogue, provider, _) = with_tools(&["orphan"]);
    assert!(catalogue.tool(provider.tenant_id, "orphan").is_some());
    catalogue.remove(EntityKind::Provider, provider.id.0);
    assert!(names(&catalogue, provider.tenant_id).is_empty());
    assert!(catalogue.tool(provider.tenant_id, "orphan").is_none());
}

#[test]
fn a_key_lives_until_it_expires_or_is_revoked_and_its_end_is_told() {
    let catalogue = Catalogue::new();
    let (presented, stored) = key(TenantId::generate(), 1);
    assert_eq!(
        catalogue.authenticate(&presented, at(1)),
        Err(KeyRefusal::Unknown)
    );
    catalogue.put(Entity::Key(stored.clone()));
    assert_eq!(catalogue.authenticate(&presented, at(1)), Ok(stored.principal()));
    assert!(catalogue.key_is_live(stored.id, at(99)));
    assert!(!catalogue.key_is_live(stored.id, at(100)));

    let mut changes = catalogue.changes();
    let revoked_at = Some(at(1) + TimeDelta::seconds(1));
    catalogue.put(Entity::Key(ApiKey {
        revoked_at,
        ..stored.clone()
    }));
    assert_eq!(changes.try_recv(), Ok(CatalogueEvent::KeyGone(stored.id)));
    assert_eq!(
        catalogue.authenticate(&presented, at(2)),
        Err(KeyRefusal::Revoked)
    );
    catalogue.remove(EntityKind::Key, stored.id.0);
    assert_eq!(changes.try_recv(), Ok(CatalogueEvent::KeyGone(stored.id)));
    assert_eq!(
        catalogue.authenticate(&presented, at(2)),
        Err(KeyRefusal::Unknown)
    );
}

#[test]
fn changes_of_tools_and_providers_are_told_with_their_tenant() {
    let (catalogue, provider, tools) = with_tools(&["a"]);
    let mut changes = catalogue.changes();
    catalogue.put(Entity::Tool(Box::new(tools[0].clone())));
    catalogue.put(Entity::Provider(provider.clone()));
    catalogue.remove(EntityKind::Tool, tools[0].id.0);
    for _ in 0..3 {
        assert_eq!(
            changes.try_recv(),
            Ok(CatalogueEvent::ToolsChanged(provider.tenant_id))
        );
    }
    catalogue.remove(EntityKind::Tool, tools[0].id.0);
    assert!(
        changes.try_recv().is_err(),
        "what was gone already changes nothing"
    );
}
