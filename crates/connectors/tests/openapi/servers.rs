//! Where calls go.

use connectors::openapi::{ImportRequest, Limits, import};
use domain::provider::Selection;
use serde_json::{Value, json};
use url::Url;

use crate::support::{http, imported, only_tool};

fn with(servers: Value) -> Value {
    json!({"openapi": "3.0.0", "info": {"title": "Acme", "version": "1"}, "servers": servers, "paths": {}})
}

fn base(
    description: &Value,
    base_url: Option<&str>,
    described_at: Option<&str>,
) -> Result<String, Vec<String>> {
    let request = ImportRequest {
        provider_name: "acme",
        base_url: base_url.map(str::to_owned),
        description_url: described_at.map(|url| Url::parse(url).unwrap()),
        selection: &Selection::default(),
        limits: Limits::default(),
    };
    import(&description.to_string(), &request)
        .map(|imported| imported.base_url)
        .map_err(|faults| faults.into_iter().map(|fault| fault.pointer).collect())
}

#[test]
fn variables_take_their_defaults() {
    let server = json!({
        "url": "https://{region}.acme.test:{port}/{base}/",
        "variables": {"region": {"default": "eu"}, "port": {"enum": ["8443"]}, "base": {"default": "v2"}},
    });
    assert_eq!(
        imported(&with(json!([server]))).base_url,
        "https://eu.acme.test:8443/v2"
    );
}

#[test]
fn a_relative_server_stands_beside_the_description() {
    let at = Some("https://acme.test/docs/openapi.json");
    let cases = [
        ("/v1", "https://acme.test/v1"),
        ("../api", "https://acme.test/api"),
        ("//x.test", "https://x.test"),
    ];
    for (url, want) in cases {
        assert_eq!(base(&with(json!([{"url": url}])), None, at).unwrap(), want);
    }
    assert_eq!(base(&with(json!([])), None, at).unwrap(), "https://acme.test");
    assert_eq!(
        base(&with(json!([{"url": "/v1"}])), None, None),
        Err(vec!["/servers/0/url".to_owned()])
    );
}

#[test]
fn the_first_server_that_can_be_called_is_taken() {
    let servers =
        json!([{"url": "ws://acme.test"}, {"url": "https://{unknown}.test"}, {"url": "http://acme.test"}]);
    assert_eq!(base(&with(servers), None, None).unwrap(), "http://acme.test");
    assert_eq!(
        base(
            &with(json!([{"url": "ws://acme.test"}, {"url": "https://{x}.test"}])),
            None,
            None
        ),
        Err(vec!["/servers/0/url".to_owned(), "/servers/1/url".to_owned()])
    );
}

#[test]
fn a_given_base_url_comes_first_and_is_checked() {
    let servers = with(json!([{"url": "https://acme.test"}]));
    assert_eq!(
        base(&servers, Some("http://localhost:9/x/"), None).unwrap(),
        "http://localhost:9/x"
    );
    for bad in ["ftp://acme.test", "acme", "https://user:pw@acme.test"] {
        assert_eq!(
            base(&servers, Some(bad), None),
            Err(vec!["base_url".to_owned()]),
            "{bad}"
        );
    }
}

#[test]
fn without_any_server_the_description_says_too_little() {
    let none = json!({"openapi": "3.1.0", "paths": {}});
    assert_eq!(base(&none, None, None), Err(vec!["/servers".to_owned()]));
    let swagger = json!({"swagger": "2.0", "paths": {}});
    assert_eq!(base(&swagger, None, None), Err(vec!["/host".to_owned()]));
    assert_eq!(
        base(&swagger, None, Some("http://acme.test/a/b.json")).unwrap(),
        "http://acme.test"
    );
}

#[test]
fn servers_of_an_operation_or_its_path_come_before_those_of_the_description() {
    let done = json!({"204": {"description": "done"}});
    let mut description = with(json!([{"url": "https://acme.test/v1"}]));
    for (operation, item, want) in [
        (
            json!([{"url": "https://upload.acme.test"}]),
            json!([{"url": "https://x.test"}]),
            Some("https://upload.acme.test"),
        ),
        (json!([]), json!([{"url": "/v2"}]), Some("https://acme.test/v2")),
        (json!([{"url": "https://acme.test/v1/"}]), json!([]), None),
    ] {
        description["paths"] =
            json!({"/a": {"servers": item, "get": {"servers": operation, "responses": done}}});
        assert_eq!(http(&only_tool(&description)).base_url.as_deref(), want);
    }
    description["paths"] = json!({"/a": {"get": {"servers": [{"url": "ws://x.test"}], "responses": done}}});
    let imported = imported(&description);
    assert!(
        imported.skipped[0].reason.contains("ws://x.test"),
        "{:?}",
        imported.skipped
    );
}
