//! Lists: their order, their pages, and the notices of their changes.

use domain::catalogue::EntityKind;
use domain::{Entity, KeyKind, Scope};
use serde_json::{Value, json};

use crate::support::{Answer, Edge, Events, Options, Tenant, World, tool};

fn names(answer: &Value) -> Vec<&str> {
    let tools = answer["result"]["tools"]
        .as_array()
        .unwrap_or_else(|| panic!("{answer}"));
    tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn tools_come_by_name_page_by_page() {
    let mut world = World::new().await;
    for name in ["acme_c", "acme_b", "acme_a"] {
        let tenant = world.tenant();
        let extra = tool(&tenant.provider, name, "GET", "/extra");
        tenant.tools.push(extra);
    }
    let key = world.key();
    let mut options = Options::default();
    options.engine.page_size = 2;
    let edge = Edge::with(&world, options).await;
    let client = edge.client(&key);
    let (mut seen, mut params) = (Vec::new(), json!({}));
    loop {
        let page = client.ask_new("tools/list", params).await;
        seen.extend(names(&page).into_iter().map(str::to_owned));
        assert_eq!(
            (&page["result"]["cacheScope"], &page["result"]["ttlMs"]),
            (&json!("private"), &json!(30_000))
        );
        match page["result"].get("nextCursor") {
            Some(cursor) => params = json!({ "cursor": cursor }),
            None => break,
        }
    }
    assert_eq!(seen, ["acme_a", "acme_add", "acme_b", "acme_c", "acme_get"]);
}

#[tokio::test]
async fn a_cursor_that_is_not_of_this_list_is_an_invalid_parameter_in_both_eras() {
    let mut world = World::new().await;
    let key = world.key();
    let edge = Edge::start(&world).await;
    let mut session = edge.client(&key);
    session.initialize().await;
    let client = edge.client(&key);
    let lists = [
        "tools/list",
        "prompts/list",
        "resources/list",
        "resources/templates/list",
    ];
    for list in lists {
        // Made up, empty, of another list, of another server, and no text at all.
        let foreign = hex::encode("other/list\nacme_add");
        for cursor in [
            json!("made-up"),
            json!(""),
            json!(foreign),
            json!("eyJwIjoyfQ=="),
            json!(7),
            json!([]),
        ] {
            let params = json!({ "cursor": cursor });
            for answer in [
                session.ask(list, params.clone()).await,
                client.ask_new(list, params).await,
            ] {
                assert_eq!(answer["error"]["code"], -32_602, "{list} {cursor}: {answer}");
                let message = answer["error"]["message"].as_str().unwrap();
                assert!(message.contains("cursor"), "{message}");
            }
        }
        let first = client.ask_new(list, json!({ "cursor": null })).await;
        assert!(first["result"].is_object(), "{first}");
    }
}

#[tokio::test]
async fn a_tenant_sees_its_own_tools_and_needs_the_scope_to() {
    let mut world = World::new().await;
    let mut stranger = Tenant::new(&world.upstream);
    stranger.tools.truncate(1);
    let stranger_key = stranger.key(KeyKind::Agent.default_scopes(), None);
    world.tenants.push(stranger);
    let caller_only = world.tenant().key([Scope::ToolsCall].into(), None);
    let edge = Edge::start(&world).await;
    assert_eq!(
        names(&edge.client(&stranger_key).ask_new("tools/list", json!({})).await),
        ["acme_get"]
    );
    let refused = edge.client(&caller_only).ask_new("tools/list", json!({})).await;
    assert_eq!(
        refused["error"]["data"],
        json!({ "required_scope": "tools:read" })
    );
}

#[tokio::test]
async fn a_changed_tool_list_is_told_in_both_eras_once_and_only_to_its_tenant() {
    let mut world = World::new().await;
    let key = world.key();
    let mut stranger = Tenant::new(&world.upstream);
    let stranger_key = stranger.key(KeyKind::Agent.default_scopes(), None);
    world.tenants.push(stranger);
    let mut options = Options::default();
    options.engine.tools.direct_limit = 200;
    let edge = Edge::with(&world, options).await;
    let (mut client, mut other) = (edge.client(&key), edge.client(&stranger_key));
    client.initialize().await;
    other.initialize().await;
    let (mut session, mut others) = (client.listen().await, other.listen().await);
    let wanted = json!({ "notifications": { "toolsListChanged": true } });
    let mut subscription = Events::of(client.new_era("subscriptions/listen", wanted, &json!({}))).await;
    let acknowledged = subscription.message().await.unwrap();
    assert_eq!(acknowledged["method"], "notifications/subscriptions/acknowledged");

    for index in 0..100 {
        let extra = tool(
            &world.tenants[0].provider,
            &format!("acme_extra_{index}"),
            "GET",
            "/extra",
        );
        edge.catalogue.put(Entity::Tool(Box::new(extra)));
    }
    assert_eq!(
        session.message().await.unwrap()["method"],
        "notifications/tools/list_changed"
    );
    let told = subscription.message().await.unwrap();
    assert_eq!(told["method"], "notifications/tools/list_changed");
    assert_eq!(
        told["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"],
        7
    );
    assert_eq!(names(&client.ask("tools/list", json!({})).await).len(), 102);

    // A removed tool is gone at once; and the next notice is the next change's, so the hundred were told as one.
    let gone = world.tenants[0].tools[0].id;
    edge.catalogue.remove(EntityKind::Tool, gone.0);
    assert_eq!(
        client.call("acme_get", json!({ "id": 1 })).await["error"]["code"],
        -32_602
    );
    assert_eq!(
        subscription.message().await.unwrap()["method"],
        "notifications/tools/list_changed"
    );
    drop(subscription);

    // The stranger hears of its own change first: nothing of the above came its way.
    let own = tool(&world.tenants[1].provider, "acme_own", "GET", "/own");
    edge.catalogue.put(Entity::Tool(Box::new(own)));
    assert_eq!(
        others.message().await.unwrap()["method"],
        "notifications/tools/list_changed"
    );
    assert!(names(&other.ask("tools/list", json!({})).await).contains(&"acme_own"));
}

#[tokio::test]
async fn discover_tells_what_there_is_before_anything_else() {
    let mut world = World::new().await;
    let key = world.key();
    let edge = Edge::start(&world).await;
    let answer = Answer::of(
        edge.client(&key)
            .new_era("server/discover", json!({}), &json!({})),
    )
    .await
    .message();
    let result = &answer["result"];
    assert!(
        result["supportedVersions"]
            .as_array()
            .unwrap()
            .contains(&json!("2026-07-28")),
        "{answer}"
    );
    assert!(
        result["supportedVersions"]
            .as_array()
            .unwrap()
            .contains(&json!("2025-11-25"))
    );
    assert_eq!(result["capabilities"]["tools"]["listChanged"], true);
    assert!(result["capabilities"]["extensions"]["io.modelcontextprotocol/tasks"].is_object());
    assert!(
        result["capabilities"].get("prompts").is_none(),
        "only what there is is promised"
    );
}
