use domain::CallErrorKind;
use domain::provider::AuthScheme;
use domain::tool::{BodyEncoding, Location, Style};
use serde_json::json;
use test_support::{Reply, Upstream};

use crate::support::{Build, Mesh, text, tool};

#[tokio::test]
async fn a_read_is_followed_and_the_credential_stays_at_its_origin() {
    let (home, away) = (Upstream::start().await.unwrap(), Upstream::start().await.unwrap());
    home.on("GET", "/start", Reply::redirect(302, "/same?page=2"));
    home.on(
        "GET",
        "/same",
        Reply::redirect(307, &format!("{}/away", away.url())),
    );
    away.on(
        "GET",
        "/away",
        Reply::redirect(302, &format!("{}/back", home.url())),
    );
    home.on("GET", "/back", Reply::json(200, &json!({"done": true})));
    for (auth, carried) in [
        (AuthScheme::Bearer, "authorization"),
        (
            AuthScheme::Header {
                name: "X-Api-Key".to_owned(),
            },
            "x-api-key",
        ),
    ] {
        home.forget_requests();
        away.forget_requests();
        let mut mesh = Mesh::authorized(&home, auth, "hunter2hunter2");
        mesh.provider.allowed_hosts.push(away.authority().to_owned());
        let the_tool = tool("GET", "/start")
            .parameter("X-Private", Location::Header, Style::Simple, false)
            .parameter("session", Location::Cookie, Style::Form, true);
        let outcome = mesh
            .call(&the_tool, json!({"X-Private": "p", "session": "s"}))
            .await;
        assert_eq!(
            outcome.structured,
            Some(json!({"done": true})),
            "{}",
            text(&outcome)
        );
        let homes = home.requests();
        let had: Vec<_> = homes
            .iter()
            .map(|request| request.header(carried).is_some())
            .collect();
        assert_eq!(had, [true, true, false], "the way back is not trusted again");
        assert_eq!(homes[1].query.as_deref(), Some("page=2"));
        let strange = &away.requests()[0];
        for name in [carried, "x-private", "cookie"] {
            assert_eq!(strange.header(name), None, "{name} went to another origin");
        }
    }
}

#[tokio::test]
async fn a_query_credential_does_not_follow_to_another_origin() {
    let (home, away) = (Upstream::start().await.unwrap(), Upstream::start().await.unwrap());
    home.on(
        "GET",
        "/start",
        Reply::redirect(302, &format!("{}/away", away.url())),
    );
    away.on("GET", "/away", Reply::json(200, &json!({})));
    let mut mesh = Mesh::authorized(
        &home,
        AuthScheme::Query {
            name: "key".to_owned(),
        },
        "hunter2hunter2",
    );
    mesh.provider.allowed_hosts.push(away.authority().to_owned());
    assert_eq!(mesh.call(&tool("GET", "/start"), json!({})).await.error, None);
    assert_eq!(home.requests()[0].query.as_deref(), Some("key=hunter2hunter2"));
    assert_eq!(away.requests()[0].query, None);
}

#[tokio::test]
async fn a_redirect_to_a_refused_address_is_not_followed() {
    let upstream = Upstream::start().await.unwrap();
    let mut mesh = Mesh::reaching(&upstream);
    mesh.provider.allowed_hosts = vec![upstream.authority().to_owned()];
    for target in [
        "http://169.254.169.254/latest/meta-data/",
        "http://127.0.0.1:1/",
        "http://localhost:1/",
        "http://[::1]/",
        "http://2130706433/",
        "http://user:pw@127.0.0.1/",
        "file:///etc/passwd",
    ] {
        upstream.on("GET", "/start", Reply::redirect(302, target));
        let outcome = mesh.call(&tool("GET", "/start"), json!({})).await;
        assert_eq!(
            outcome.error,
            Some(CallErrorKind::AddressRefused),
            "{target}: {}",
            text(&outcome)
        );
    }
}

#[tokio::test]
async fn a_write_is_sent_again_only_to_its_own_origin_and_only_when_it_was_not_taken() {
    let (home, away) = (Upstream::start().await.unwrap(), Upstream::start().await.unwrap());
    away.on("*", "/*", Reply::json(200, &json!({})));
    home.on("POST", "/moved", Reply::redirect(308, "/new"));
    home.on("POST", "/new", Reply::json(201, &json!({"made": 1})));
    home.on(
        "POST",
        "/away",
        Reply::redirect(307, &format!("{}/x", away.url())),
    );
    home.on("POST", "/found", Reply::redirect(302, "/new"));
    home.on("POST", "/see", Reply::redirect(303, "/new"));
    let mut mesh = Mesh::reaching(&home);
    mesh.provider.allowed_hosts = vec!["127.0.0.1".to_owned()];
    let call = async |path: &str| {
        let the_tool = tool("POST", path).body(BodyEncoding::Json, "application/json");
        mesh.call(&the_tool, json!({"body": {"n": 1}})).await
    };
    assert_eq!(call("/moved").await.structured, Some(json!({"made": 1})));
    assert_eq!(home.requests_to("/new")[0].json().unwrap(), json!({"n": 1}));
    for (path, error) in [
        ("/away", Some(CallErrorKind::UpstreamRejected)),
        ("/found", Some(CallErrorKind::UpstreamRejected)),
        ("/see", None),
    ] {
        let outcome = call(path).await;
        assert_eq!(outcome.error, error, "{path}: {}", text(&outcome));
        assert!(
            text(&outcome).contains("it is not followed"),
            "{path}: {}",
            text(&outcome)
        );
    }
    assert_eq!((home.requests_to("/new").len(), away.requests().len()), (1, 0));
}

#[tokio::test]
async fn a_loop_of_redirects_ends() {
    let upstream = Upstream::start().await.unwrap();
    upstream.on("GET", "/loop", Reply::redirect(302, "/loop"));
    let outcome = Mesh::reaching(&upstream)
        .call(&tool("GET", "/loop"), json!({}))
        .await;
    assert_eq!(outcome.error, Some(CallErrorKind::UpstreamInvalid));
    assert_eq!(upstream.requests().len(), 6, "the call and five redirects");
}
