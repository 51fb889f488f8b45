use domain::CallErrorKind;
use domain::tool::{BodyEncoding, BodySource, Location, Part, Style};
use serde_json::{Value, json};
use test_support::{Recorded, Reply, Upstream};

use crate::support::{Build, Mesh, text, tool};

async fn sent(tool: domain::Tool, arguments: Value) -> Recorded {
    let upstream = Upstream::start().await.unwrap();
    upstream.on("*", "/*", Reply::json(200, &json!({})));
    let outcome = Mesh::reaching(&upstream).call(&tool, arguments).await;
    assert_eq!(outcome.error, None, "{}", text(&outcome));
    upstream.requests().remove(0)
}

#[tokio::test]
async fn every_argument_arrives_at_its_place() {
    let tool = tool("PUT", "/repos/{owner}/issues{id}")
        .parameter("owner", Location::Path, Style::Simple, false)
        .parameter("id", Location::Path, Style::Matrix, false)
        .parameter("labels", Location::Query, Style::Form, false)
        .parameter("filter", Location::Query, Style::DeepObject, true)
        .parameter("X-Mode", Location::Header, Style::Simple, false)
        .parameter("session", Location::Cookie, Style::Form, true)
        .parameter("theme", Location::Cookie, Style::Form, true)
        .body(BodyEncoding::Json, "application/merge-patch+json");
    let request = sent(
        tool,
        json!({
            "owner": "a/b", "id": [1, 2], "labels": ["x,y", "z"], "filter": {"state": "open", "n": {"gt": 1}},
            "X-Mode": ["fast", "safe"], "session": "a;b", "theme": "dark", "body": {"title": null, "n": [1]},
        }),
    )
    .await;
    assert_eq!(request.method, "PUT");
    assert_eq!(request.path, "/repos/a%2Fb/issues;id=1,2");
    assert_eq!(
        request.query.as_deref(),
        Some("labels=x%2Cy,z&filter%5Bstate%5D=open&filter%5Bn%5D%5Bgt%5D=1")
    );
    assert_eq!(request.header("x-mode"), Some("fast,safe"));
    assert_eq!(request.header("cookie"), Some("session=a%3Bb; theme=dark"));
    assert_eq!(
        request.header("content-type"),
        Some("application/merge-patch+json")
    );
    assert_eq!(request.json().unwrap(), json!({"title": null, "n": [1]}));
    assert!(request.header("user-agent").unwrap().starts_with("devmesh/"));
}

#[tokio::test]
async fn the_path_prefix_of_the_base_url_stays() {
    let upstream = Upstream::start().await.unwrap();
    upstream.on("GET", "/api/v3/x", Reply::json(200, &json!({})));
    let mut mesh = Mesh::reaching(&upstream);
    mesh.provider.base_url = format!("{}/api/v3", upstream.url());
    assert_eq!(mesh.call(&tool("GET", "/x"), json!({})).await.error, None);
    let mut elsewhere = tool("GET", "/x");
    elsewhere.http().base_url = Some(format!("{}/uploads/", upstream.url()));
    mesh.call(&elsewhere, json!({})).await;
    assert_eq!(upstream.requests()[1].path, "/uploads/x");
}

#[tokio::test]
async fn bodies_are_written_as_their_encoding_says() {
    let form = tool("POST", "/").body(BodyEncoding::Form, "application/x-www-form-urlencoded");
    let request = sent(form, json!({"body": {"a": "x y", "b": [1, 2]}})).await;
    assert_eq!(request.text(), "a=x+y&b=1&b=2");

    let plain = tool("POST", "/").body(BodyEncoding::Text, "text/plain");
    let request = sent(plain, json!({"body": "héllo\n"})).await;
    assert_eq!(request.text(), "héllo\n");

    let bytes = tool("POST", "/").body(BodyEncoding::Binary, "application/octet-stream");
    let request = sent(bytes, json!({"body": "AP/+"})).await;
    assert_eq!(request.body.as_ref(), [0, 0xff, 0xfe]);
    assert_eq!(request.header("content-type"), Some("application/octet-stream"));
}

#[tokio::test]
async fn multipart_parts_are_bytes_where_the_description_says_so() {
    let mut upload = tool("POST", "/").body(BodyEncoding::Multipart, "multipart/form-data");
    let body = upload.http().body.as_mut().unwrap();
    body.parts = vec![Part {
        name: "up_file".to_owned(),
        binary: true,
        content_type: Some("image/png".to_owned()),
        style: Style::Form,
        explode: true,
    }];
    body.source = BodySource::Properties {
        properties: ["file", "note", "meta"]
            .map(|name| (name.to_owned(), format!("up_{name}")))
            .to_vec(),
    };
    let request = sent(upload, json!({"file": "AP8=", "note": "hi", "meta": {"k": 1}})).await;
    let media_type = request.header("content-type").unwrap();
    let boundary = media_type.strip_prefix("multipart/form-data; boundary=").unwrap();
    let part = |name: &str, more: &str, bytes: &[u8]| {
        let head =
            format!("--{boundary}\r\nContent-Disposition: form-data; name=\"up_{name}\"{more}\r\n\r\n");
        [head.as_bytes(), bytes, b"\r\n"].concat()
    };
    let expected = [
        part(
            "file",
            "; filename=\"up_file\"\r\nContent-Type: image/png",
            &[0, 0xff],
        ),
        part("note", "", b"hi"),
        part("meta", "\r\nContent-Type: application/json", br#"{"k":1}"#),
        format!("--{boundary}--\r\n").into_bytes(),
    ]
    .concat();
    assert_eq!(
        String::from_utf8_lossy(&request.body),
        String::from_utf8_lossy(&expected)
    );
    assert_eq!(request.body, expected);
}

#[tokio::test]
async fn nothing_is_sent_when_the_arguments_do_not_fit() {
    let upstream = Upstream::start().await.unwrap();
    let mesh = Mesh::reaching(&upstream);
    let mut strict = tool("GET", "/x/{id}").parameter("id", Location::Path, Style::Simple, false);
    strict.input_schema = json!({
        "type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"], "additionalProperties": false,
    })
    .into();
    for arguments in [
        json!({}),
        json!({"id": 5}),
        json!({"id": "..", }),
        json!({"id": "x", "idd": 1}),
        json!([]),
    ] {
        let outcome = mesh.call(&strict, arguments.clone()).await;
        assert_eq!(
            outcome.error,
            Some(CallErrorKind::InvalidArguments),
            "{arguments}: {}",
            text(&outcome)
        );
    }
    assert_eq!(upstream.requests().len(), 0);
}

#[tokio::test]
async fn the_idempotency_key_goes_where_the_operation_takes_one() {
    let upstream = Upstream::start().await.unwrap();
    upstream.on("*", "/*", Reply::json(200, &json!({})));
    let mesh = Mesh::reaching(&upstream);
    let mut takes = tool("POST", "/").parameter("idempotency-key", Location::Header, Style::Simple, false);
    takes.input_schema = json!({"type": "object", "required": ["idempotency-key"]}).into();
    for (tool, arguments) in [
        (&takes, json!(null)),
        (&takes, json!({"idempotency-key": "the agent's own"})),
        (&tool("POST", "/"), json!({})),
    ] {
        let context = connectors::CallContext {
            idempotency_key: Some("job-7".to_owned()),
            ..connectors::CallContext::default()
        };
        let outcome = mesh
            .connectors
            .call(&mesh.provider, tool, arguments, &context)
            .await;
        assert_eq!(outcome.error, None, "{}", text(&outcome));
    }
    let keys: Vec<_> = upstream
        .requests()
        .iter()
        .map(|request| request.header("idempotency-key").map(str::to_owned))
        .collect();
    assert_eq!(
        keys,
        [Some("job-7".to_owned()), Some("the agent's own".to_owned()), None]
    );
}
