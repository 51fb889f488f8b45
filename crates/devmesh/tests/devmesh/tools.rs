//! `devmesh tools` against an API that is not ours.

use serde_json::json;
use test_support::{Reply, Upstream};

use crate::mesh::{Mesh, run};

/// An API of two operations, one of which needs a list and a text that looks like a number.
fn description(server: &str) -> String {
    json!({
        "openapi": "3.1.0",
        "info": {"title": "Parcels", "version": "1"},
        "servers": [{"url": server}],
        "paths": {
            "/parcels": {
                "get": {
                    "operationId": "findParcels",
                    "summary": "Finds parcels.",
                    "parameters": [
                        {"name": "zip", "in": "query", "required": true, "schema": {"type": "string"}},
                        {"name": "state", "in": "query", "schema": {"type": "array", "items": {"type": "string"}}}
                    ],
                    "responses": {"200": {"description": "Parcels"}}
                },
                "post": {
                    "operationId": "sendParcel",
                    "requestBody": {"required": true, "content": {"application/json": {"schema": {
                        "type": "object", "required": ["grams"], "properties": {"grams": {"type": "integer"}}}}}},
                    "responses": {"201": {"description": "Sent"}}
                }
            }
        }
    })
    .to_string()
}

#[tokio::test]
async fn an_api_becomes_tools_that_reach_it_with_its_credential() {
    let upstream = Upstream::start().await.unwrap();
    upstream.on("GET", "/parcels", Reply::json(200, &json!({"found": 2})));
    upstream.on("POST", "/parcels", Reply::json(201, &json!({"id": 7})));
    let mesh = Mesh::up().await.unwrap();
    std::fs::write(mesh.dir().join("parcels.json"), description(upstream.url())).unwrap();
    let add = [
        "tools",
        "add",
        "parcels",
        "--openapi",
        "parcels.json",
        "--auth",
        "bearer",
        "--secret-env",
        "TOKEN",
    ];
    let added = run(
        mesh.dir(),
        &[&add[..], &["--allow-host", upstream.authority()]].concat(),
        &[("TOKEN", "s3cret")],
    )
    .unwrap();
    assert_eq!((added.code, added.stderr.as_str()), (0, ""));
    assert!(
        added.stdout.starts_with("parcels: 2 tools, 0 operations skipped"),
        "{}",
        added.stdout
    );

    let found = mesh
        .run(&[
            "tools",
            "call",
            "parcels_find_parcels",
            "--arg",
            "zip=08150",
            "--arg",
            "state=lost",
        ])
        .unwrap();
    assert_eq!(found.code, 0, "{}", found.stderr);
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&found.stdout).unwrap(),
        json!({"found": 2})
    );
    let request = &upstream.requests_to("/parcels")[0];
    assert_eq!(request.header("authorization"), Some("Bearer s3cret"));
    assert_eq!(
        request.query_pairs(),
        [("zip".into(), "08150".into()), ("state".into(), "lost".into())]
    );

    let sent = mesh
        .json(&[
            "tools",
            "call",
            "parcels_send_parcel",
            "--arg",
            "grams=250",
            "--async",
            "--wait",
        ])
        .unwrap();
    assert_eq!(sent["upstream_status"], 201);
    assert_eq!(
        upstream.requests_to("/parcels")[1].json().unwrap(),
        json!({"grams": 250})
    );
    let jobs = mesh.json(&["jobs", "list", "--kind", "tool_call"]).unwrap();
    assert_eq!(
        (&jobs[0]["state"], &jobs[0]["subject"]),
        (&json!("done"), &json!("parcels_send_parcel"))
    );

    assert_eq!(mesh.run(&["tools", "remove", "parcels"]).unwrap().code, 0);
    assert!(!mesh.run(&["tools", "list"]).unwrap().stdout.contains("parcels"));
}

#[tokio::test]
async fn a_tool_that_answers_with_an_error_ends_with_code_1_and_shows_the_answer() {
    let upstream = Upstream::start().await.unwrap();
    upstream.on(
        "GET",
        "/parcels",
        Reply::json(409, &json!({"why": "closed on Sundays"})),
    );
    let mesh = Mesh::up().await.unwrap();
    std::fs::write(mesh.dir().join("parcels.json"), description(upstream.url())).unwrap();
    let added = mesh.run(&[
        "tools",
        "add",
        "parcels",
        "--openapi",
        "parcels.json",
        "--allow-host",
        upstream.authority(),
    ]);
    assert_eq!(added.unwrap().code, 0);
    let called = mesh
        .run(&["tools", "call", "parcels_find_parcels", "--arg", "zip=1"])
        .unwrap();
    assert_eq!(called.code, 1);
    assert!(
        called.stdout.contains("409") && called.stdout.contains("closed on Sundays"),
        "{}",
        called.stdout
    );
    let unfit = mesh.run(&["tools", "call", "parcels_find_parcels"]).unwrap();
    assert_eq!(unfit.code, 1);
    assert!(unfit.stdout.contains("zip"), "{}", unfit.stdout);
}

#[tokio::test]
async fn a_wrong_description_is_told_fault_by_fault_and_saves_nothing() {
    let mesh = Mesh::up().await.unwrap();
    let wrong = json!({
        "openapi": "3.1.0", "info": {"title": "Wrong", "version": "1"}, "servers": [{"url": "https://api.example.com"}],
        "paths": {
            "/a": {"get": {"parameters": [{"name": "x", "in": "nowhere", "schema": {}}], "responses": {}}},
            "/b": {"get": {"parameters": [{"$ref": "#/components/parameters/Missing"}], "responses": {}}}
        }
    });
    std::fs::write(mesh.dir().join("wrong.json"), wrong.to_string()).unwrap();
    let added = mesh
        .run(&["tools", "add", "wrong", "--openapi", "wrong.json"])
        .unwrap();
    assert_eq!(added.code, 1);
    for expected in [
        "/paths/~1a/get/parameters/0",
        "/paths/~1b/get/parameters/0",
        "nothing was saved",
    ] {
        assert!(
            added.stderr.contains(expected),
            "{expected} is not in\n{}",
            added.stderr
        );
    }
    let providers = mesh.json(&["tools", "list", "--providers"]).unwrap().to_string();
    assert!(!providers.contains("wrong"), "{providers}");
}

#[tokio::test]
async fn what_the_mesh_refuses_is_shown_field_by_field() {
    let mesh = Mesh::up().await.unwrap();
    std::fs::write(
        mesh.dir().join("parcels.json"),
        description("https://api.example.com"),
    )
    .unwrap();
    let added = mesh
        .run(&[
            "tools",
            "add",
            "No Such Name",
            "--openapi",
            "parcels.json",
            "--base-url",
            "ftp://x",
        ])
        .unwrap();
    assert_eq!(added.code, 1);
    assert!(added.stderr.contains("422"), "{}", added.stderr);
    assert!(
        added.stderr.contains("  name: expected ") && added.stderr.contains("  base_url: expected "),
        "{}",
        added.stderr
    );
}
