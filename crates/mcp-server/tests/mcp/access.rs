//! Every method of MCP in both eras with every wrong key, and with another tenant's. The methods are the engine's own
//! list ([`Method::ALL`]); [`params`] has no arm for all others, so that a new method does not build without a request
//! here, and what the SDK could serve besides is shown not to be served.

use std::collections::BTreeSet;

use domain::{Clock, JobState, KeyKind, SystemClock};
use mcp_server::engine::Method;
use reqwest::{Method as Verb, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Answer, Client, Edge, Events, Options, Tenant, World, request, revoked, tool};

/// The eras of the protocol.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Era {
    Old,
    New,
}

const ERAS: [Era; 2] = [Era::Old, Era::New];

/// What a request names: things that are real in one tenant, or that exist nowhere. Names have the same length and
/// stand behind all others.
struct Things {
    tool: String,
    task: String,
    cursor: String,
    uri: String,
}

impl Things {
    fn nowhere() -> Self {
        Self {
            tool: "secret_b99".to_owned(),
            task: Uuid::now_v7().to_string(),
            cursor: hex::encode("tools/list\nsecret_b99"),
            uri: "secret://b99".to_owned(),
        }
    }

    /// A text without the names that the caller itself sent.
    fn hidden_in(&self, text: &str) -> String {
        let names = [&self.tool, &self.task, &self.cursor, &self.uri];
        names
            .iter()
            .fold(text.to_owned(), |text, name| text.replace(*name, "THING"))
    }
}

/// The parameters of a request that nothing but its key, or whose things they name, stands in the way of.
fn params(method: Method, things: &Things) -> Value {
    match method {
        Method::Initialize => json!({
            "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "walker", "version": "0" }
        }),
        Method::Discover | Method::Ping => json!({}),
        Method::ListTools | Method::ListPrompts | Method::ListResources | Method::ListResourceTemplates => {
            json!({ "cursor": things.cursor })
        }
        Method::CallTool => json!({ "name": things.tool, "arguments": {} }),
        Method::GetPrompt => json!({ "name": things.tool }),
        Method::GetTask | Method::CancelTask => json!({ "taskId": things.task }),
        Method::UpdateTask => json!({ "taskId": things.task, "inputResponses": {} }),
        Method::ReadResource | Method::Subscribe | Method::Unsubscribe => json!({ "uri": things.uri }),
        Method::Complete => json!({
            "ref": { "type": "ref/prompt", "name": things.tool }, "argument": { "name": "a", "value": "b" }
        }),
        Method::SetLevel => json!({ "level": "debug" }),
        Method::Listen => json!({ "notifications": { "toolsListChanged": true } }),
    }
}

/// The request of a method, as a client that takes tasks sends it.
fn asked(client: &Client, era: Era, method: Method, things: &Things) -> RequestBuilder {
    let params = params(method, things);
    match era {
        Era::Old => client.old(&request(7, method.as_str(), params)),
        Era::New => {
            let tasks = json!({ "extensions": { "io.modelcontextprotocol/tasks": {} } });
            client.new_era(method.as_str(), params, &tasks)
        }
    }
}

/// What a caller can tell an answer from another by: status, headers and text, without times, ids of events and of
/// sessions, and what the caller sent.
async fn told(
    client: &Client,
    era: Era,
    method: Method,
    things: &Things,
) -> (StatusCode, Vec<String>, String) {
    let request = asked(client, era, method, things);
    if (era, method) == (Era::New, Method::Listen) {
        // It stays open: what comes first is the answer.
        let first = Events::of(request).await.message().await.unwrap();
        return (StatusCode::OK, Vec::new(), first.to_string());
    }
    let answer = Answer::of(request).await;
    let headers = answer
        .headers
        .iter()
        .filter(|(name, _)| !["date", "mcp-session-id"].contains(&name.as_str()));
    let headers = headers
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    let lines = answer.text.lines().filter(|line| !line.starts_with("id:"));
    let text = lines.collect::<Vec<_>>().join("\n");
    (answer.status, headers, things.hidden_in(&text))
}

/// A replica with an owner who has tools, a task and a session, and a stranger of another tenant.
struct Walk {
    world: World,
    edge: Edge,
    owner: Client,
    stranger: Client,
    theirs: Things,
}

impl Walk {
    async fn begin() -> Self {
        let mut world = World::new().await;
        let provider = world.tenants[0].provider.clone();
        world.tenant().tools = ["secret_a01", "secret_a02"]
            .map(|name| tool(&provider, name, "POST", "/items"))
            .into();
        let owner = world.key();
        let mut strangers = Tenant::new(&world.upstream);
        let stranger = strangers.key(KeyKind::Agent.default_scopes(), None);
        world.tenants.push(strangers);
        let mut options = Options::default();
        options.engine.page_size = 1;
        let edge = Edge::with(&world, options).await;
        let (mut owner, stranger) = (edge.client(&owner), edge.client(&stranger));
        owner.initialize().await;
        let theirs = things_of(&owner).await;
        Self {
            world,
            edge,
            owner,
            stranger,
            theirs,
        }
    }

    /// Nothing of the owner's was touched, and nobody looks like its tenant in the audit.
    async fn nothing_happened(&self) {
        assert!(self.world.upstream.requests().is_empty(), "a call went out");
        assert_eq!(
            self.edge.jobs.only().state,
            JobState::Pending,
            "the task was touched"
        );
        let list = self.owner.ask("tools/list", json!({})).await;
        assert_eq!(
            list["result"]["tools"][0]["name"], "secret_a01",
            "the session is the owner's still: {list}"
        );
        let owner = self.world.tenants[0].id.to_string();
        let records = self.edge.audit.all();
        let of_owner: Vec<_> = records
            .iter()
            .filter(|record| record.tenant_id == owner)
            .collect();
        assert_eq!(
            of_owner.len(),
            1,
            "only the owner's own call is on its record: {of_owner:?}"
        );
    }
}

/// What the owner has: its first tool, the cursor of its first page, a task that waits.
async fn things_of(owner: &Client) -> Things {
    let page = owner.ask("tools/list", json!({})).await["result"].clone();
    let nowhere = Things::nowhere();
    let call = Things {
        tool: "secret_a01".to_owned(),
        ..Things::nowhere()
    };
    let mut params = params(Method::CallTool, &call);
    params["_meta"] = json!({ "io.devmesh/async": true });
    let tasks = json!({ "extensions": { "io.modelcontextprotocol/tasks": {} } });
    let stateless = owner.in_session(None);
    let created = Answer::of(stateless.new_era("tools/call", params, &tasks))
        .await
        .message();
    Things {
        tool: page["tools"][0]["name"].as_str().unwrap().to_owned(),
        task: created["result"]["taskId"].as_str().unwrap().to_owned(),
        cursor: page["nextCursor"].as_str().unwrap().to_owned(),
        ..nowhere
    }
}

#[tokio::test]
async fn every_method_tells_every_caller_without_a_valid_key_the_same() {
    let mut world = World::new().await;
    let (valid, gone) = (world.key(), world.key());
    let past = SystemClock.now() - chrono::TimeDelta::seconds(1);
    let expired = world.tenant().key(KeyKind::Agent.default_scopes(), Some(past));
    let edge = Edge::start(&world).await;
    let (mut owner, mut outlawed) = (edge.client(&valid), edge.client(&gone));
    owner.initialize().await;
    outlawed.initialize().await;
    edge.catalogue.put(revoked(&world.tenants[0].keys[1]));
    let last = if valid.ends_with('0') { '1' } else { '0' };
    let wrong_secret = format!("{}{last}", &valid[..valid.len() - 1]);
    let unknown = Tenant::new(&world.upstream).key(KeyKind::Agent.default_scopes(), None);
    let keys = ["", "nonsense", &wrong_secret, &unknown, &expired, &gone];
    let mut bodies = BTreeSet::new();
    for session in [None, owner.session.clone(), outlawed.session.clone()] {
        for key in keys {
            let client = edge.client(key).in_session(session.clone());
            for request in every_request(&client) {
                let shown = format!("{request:?} with {key:?}");
                let answer = Answer::of(request).await;
                assert_eq!(
                    answer.status,
                    StatusCode::UNAUTHORIZED,
                    "{shown}: {}",
                    answer.text
                );
                assert!(
                    answer.headers["www-authenticate"]
                        .to_str()
                        .unwrap()
                        .starts_with("Bearer "),
                    "{shown}"
                );
                assert!(!answer.headers.contains_key("mcp-session-id"), "{shown}");
                bodies.insert(answer.text);
            }
        }
    }
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    assert!(edge.audit.all().is_empty() && world.upstream.requests().is_empty());
    assert!(owner.ask("tools/list", json!({})).await["result"]["tools"].is_array());
}

/// Each method in each era, and what else can be asked of a session.
fn every_request(client: &Client) -> Vec<RequestBuilder> {
    let mut requests = Vec::new();
    for era in ERAS {
        requests.extend(
            Method::ALL
                .iter()
                .map(|method| asked(client, era, *method, &Things::nowhere())),
        );
    }
    for verb in [Verb::GET, Verb::DELETE] {
        requests.push(client.request(verb).header("mcp-protocol-version", "2025-11-25"));
    }
    requests
}

#[tokio::test]
async fn another_tenants_things_answer_as_things_that_do_not_exist() {
    let mut walk = Walk::begin().await;
    let stateless = walk.stranger.clone();
    walk.stranger.initialize().await;
    for era in ERAS {
        let client = if era == Era::Old {
            &walk.stranger
        } else {
            &stateless
        };
        for method in Method::ALL {
            let theirs = told(client, era, *method, &walk.theirs).await;
            let none = told(client, era, *method, &Things::nowhere()).await;
            assert_eq!(theirs, none, "{method:?} {era:?}");
            assert!(!theirs.2.contains("secret"), "{method:?} {era:?}: {theirs:?}");
            let names_a_thing = [
                Method::CallTool,
                Method::GetTask,
                Method::UpdateTask,
                Method::CancelTask,
            ];
            if era == Era::New && names_a_thing.contains(method) {
                assert!(
                    theirs.2.contains("-32602") && theirs.2.contains("THING"),
                    "{method:?}: {theirs:?}"
                );
            }
        }
    }
    walk.nothing_happened().await;
}

#[tokio::test]
async fn another_tenants_session_answers_every_method_as_one_that_does_not_exist() {
    let walk = Walk::begin().await;
    let with = |id: String| walk.stranger.in_session(Some(id));
    let (theirs, none) = (
        with(walk.owner.session.clone().unwrap()),
        with(Uuid::new_v4().to_string()),
    );
    let pairs = every_request(&theirs).into_iter().zip(every_request(&none));
    for (theirs, none) in pairs {
        let shown = format!("{theirs:?}");
        let (theirs, none) = (Answer::of(theirs).await, Answer::of(none).await);
        assert_eq!(theirs.status, StatusCode::NOT_FOUND, "{shown}: {}", theirs.text);
        let telling = |answer: &Answer| {
            let mut headers = answer.headers.clone();
            headers.remove("date");
            (answer.status, headers, answer.text.clone())
        };
        assert_eq!(telling(&theirs), telling(&none), "{shown}");
    }
    walk.nothing_happened().await;
}

/// The methods that the SDK knows, from the schema of its requests.
fn methods_of_the_sdk() -> BTreeSet<String> {
    let schema = schemars::schema_for!(rmcp::model::ClientRequest).to_value();
    let resolve = |value: &Value| match value["$ref"].as_str() {
        Some(pointer) => schema.pointer(pointer.trim_start_matches('#')).unwrap().clone(),
        None => value.clone(),
    };
    let requests = schema["anyOf"].as_array().unwrap().iter().map(resolve);
    let names = requests.filter_map(|request| {
        resolve(&request["properties"]["method"])["const"]
            .as_str()
            .map(str::to_owned)
    });
    names.collect()
}

#[tokio::test]
async fn what_is_not_in_the_list_of_methods_is_not_served() {
    let sdk = methods_of_the_sdk();
    let ours: BTreeSet<_> = Method::ALL
        .iter()
        .map(|method| method.as_str().to_owned())
        .collect();
    assert_eq!(ours.len(), Method::ALL.len(), "each method is in the list once");
    assert_eq!(
        ours.difference(&sdk).collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "the SDK does not know these"
    );
    let mut world = World::new().await;
    let key = world.key();
    let edge = Edge::start(&world).await;
    let stateless = edge.client(&key);
    let mut session = edge.client(&key);
    session.initialize().await;
    let made_up = ["made/up".to_owned(), "tools/list2".to_owned(), String::new()];
    for method in sdk.difference(&ours).chain(&made_up) {
        for params in [json!({}), json!({ "uri": "skill://x/SKILL.md", "name": "x" })] {
            let old = session.ask(method, params.clone()).await;
            let new = stateless.ask_new(method, params).await;
            for answer in [old, new] {
                assert!(answer["result"].is_null(), "{method} is served: {answer}");
                let code = answer["error"]["code"].as_i64().unwrap();
                assert!([-32_601, -32_602, -32_600].contains(&code), "{method}: {answer}");
            }
        }
    }
}

#[tokio::test]
async fn every_method_that_needs_a_scope_refuses_a_key_without_it() {
    let mut world = World::new().await;
    let none = world.tenant().key(domain::Scopes::default(), None);
    let edge = Edge::start(&world).await;
    let mut session = edge.client(&none);
    let stateless = session.clone();
    session.initialize().await;
    for method in Method::ALL {
        let Some(scope) = method.scope() else { continue };
        let mut refused = 0;
        for (era, client) in [(Era::Old, &session), (Era::New, &stateless)] {
            let answer = Answer::of(asked(client, era, *method, &Things::nowhere()))
                .await
                .message();
            assert!(answer["result"].is_null(), "{method:?} {era:?}: {answer}");
            refused += usize::from(answer["error"]["data"]["required_scope"] == scope.as_str());
        }
        assert!(refused > 0, "{method:?} asks for {scope:?} in neither era");
    }
}
