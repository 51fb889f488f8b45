//! Parameters and bodies that reach for what is not theirs.

use serde_json::{Value, json};

use crate::case::{Case, case, described, getting, operation};

pub fn cases() -> Vec<Case> {
    let one = |name: &str, parameter: Value| case(name, getting("/a", json!([parameter])));
    let header = |header: &str| {
        one(
            &format!("the header {header:?}"),
            json!({"name": header, "in": "header", "schema": {"type": "string"}}),
        )
    };
    let body = |name: &str, content: Value| {
        case(
            name,
            described(
                json!({"/a": {"post": {"operationId": "post", "requestBody": {"content": content}, "responses": {}}}}),
                json!({}),
            ),
        )
    };
    let mut cases: Vec<Case> = [
        "Host",
        "Content-Length",
        "Transfer-Encoding",
        "Authorization",
        "Connection",
        "TE",
        "Upgrade",
        "Expect",
        "Proxy-Authorization",
        "Cookie",
        "Content-Type",
        "X-Forwarded-For",
        "Forwarded",
        "traceparent",
        "X-Bad\r\nHost: evil.test",
        "",
        "bad header",
        ":authority",
    ]
    .into_iter()
    .map(header)
    .collect();
    cases.extend([
        one(
            "a cookie that holds two",
            json!({"name": "a=1; admin", "in": "cookie"}),
        ),
        one("a parameter in no place", json!({"name": "a", "in": "nowhere"})),
        one(
            "a parameter in two places",
            json!({"name": "a", "in": ["query", "header"]}),
        ),
        one("a parameter without a name", json!({"in": "query"})),
        one("a parameter that is null", Value::Null),
        one("a parameter that is an operation", json!({"responses": {}})),
        one(
            "a path parameter that the path has not",
            json!({"name": "ghost", "in": "path", "required": true}),
        ),
        one(
            "a parameter with schema and content",
            json!({"name": "q", "in": "query", "schema": {}, "content": {"application/json": {}}}),
        ),
        one(
            "a parameter with content of two types",
            json!({"name": "q", "in": "query", "content": {"application/json": {}, "text/plain": {}}}),
        ),
        one(
            "a style that is none",
            json!({"name": "q", "in": "query", "style": "baroque"}),
        ),
        one(
            "a style that its place has not",
            json!({"name": "q", "in": "query", "style": "matrix"}),
        ),
        one(
            "a name with brackets",
            json!({"name": "filter[a][b]", "in": "query"}),
        ),
        one(
            "a name with what ends a query",
            json!({"name": "a&admin=1#", "in": "query"}),
        ),
        one(
            "a name of a megabyte",
            json!({"name": "n".repeat(1 << 20), "in": "query"}),
        ),
        case(
            "a parameter twice",
            getting(
                "/a",
                json!([{"name": "a", "in": "query"}, {"name": "a", "in": "query", "required": true}]),
            ),
        ),
        case(
            "a header twice in other letters",
            getting(
                "/a",
                json!([{"name": "X-A", "in": "header"}, {"name": "x-a", "in": "header"}]),
            ),
        ),
        case(
            "a variable twice in a path",
            getting("/{a}/{a}", json!([{"name": "a", "in": "path"}])),
        ),
        case(
            "variables without a name",
            getting("/{}/{ }", json!([{"name": "", "in": "path"}])),
        ),
        case(
            "variables inside variables",
            getting("/{a{b}}", json!([{"name": "a{b", "in": "path"}])),
        ),
        case(
            "a brace that is not closed",
            getting("/{a", json!([{"name": "a", "in": "path"}])),
        ),
        case("a brace that is not opened", getting("/a}", json!([]))),
        case(
            "a thousand variables",
            getting(
                &(0..1_000).map(|i| format!("/{{v{i}}}")).collect::<String>(),
                (0..1_000)
                    .map(|i| json!({"name": format!("v{i}"), "in": "path"}))
                    .collect(),
            ),
        ),
        case(
            "a path of a megabyte",
            getting(&format!("/{}", "p".repeat(1 << 20)), json!([])),
        ),
        case(
            "a GET with a body",
            operation(
                json!({"requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}}}),
            ),
        ),
        body("no media type", json!({})),
        body(
            "a media type with a line break",
            json!({"application/json\r\nHost: evil.test": {"schema": {"type": "object"}}}),
        ),
        body(
            "a media type of a megabyte",
            json!({format!("application/{}", "x".repeat(1 << 20)): {}}),
        ),
        body(
            "a media type that matches all",
            json!({"*/*": {"schema": {"type": "object"}}}),
        ),
        body(
            "XML only",
            json!({"application/xml": {"schema": {"type": "object"}}}),
        ),
        body(
            "JSON under another name",
            json!({"application/vnd.evil+json; charset=utf-7": {"schema": {"type": "object"}}}),
        ),
        body(
            "a part with a content type that has a line break",
            json!({"multipart/form-data": {
                "schema": {"type": "object", "properties": {"f": {"type": "string"}}},
                "encoding": {"f": {"contentType": "text/plain\r\nX-Evil: 1"}},
            }}),
        ),
        body(
            "a part of a name that ends the header",
            json!({"multipart/form-data": {
                "schema": {"type": "object", "properties": {"f\"; filename=\"x\r\n": {"type": "string"}}},
            }}),
        ),
        case(
            "TRACE",
            described(json!({"/a": {"trace": {"operationId": "trace"}}}), json!({})),
        ),
        case(
            "a method with a line break",
            described(
                json!({"/a": {"additionalOperations": {"GET / HTTP/1.1\r\nX: ": {"operationId": "x"}}}}),
                json!({}),
            ),
        ),
        case(
            "a method that is CONNECT",
            described(
                json!({"/a": {"additionalOperations": {"CONNECT": {"operationId": "x"}}}}),
                json!({}),
            ),
        ),
        case("a credential as a parameter", {
            let mut value = getting(
                "/a",
                json!([{"name": "api_key", "in": "query"}, {"name": "q", "in": "query"}]),
            );
            value["components"] =
                json!({"securitySchemes": {"k": {"type": "apiKey", "in": "query", "name": "api_key"}}});
            value
        }),
    ]);
    cases
}
