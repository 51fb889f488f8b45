//! More of everything than anybody needs.

use serde_json::{Map, Value, json};

use crate::case::{Case, case, described, operation, posting};

pub fn cases() -> Vec<Case> {
    let string = json!({"type": "string"});
    let properties = |count: usize| -> Value {
        Value::Object((0..count).map(|i| (format!("p{i}"), string.clone())).collect())
    };
    let deep = |levels: usize| {
        (0..levels).fold(
            string.clone(),
            |inner, _| json!({"type": "object", "properties": {"p": inner}}),
        )
    };
    let paths = |count: usize| -> Value {
        Value::Object(
            (0..count)
                .map(|i| {
                    (
                        format!("/p{i}"),
                        json!({"get": {"operationId": format!("get{i}")}}),
                    )
                })
                .collect(),
        )
    };
    let wrong: Map<String, Value> = (0..2_000).map(|i| (format!("/p{i}"), json!(7))).collect();
    let parameters: Vec<Value> = (0..3_000)
        .map(|i| json!({"name": format!("q{i}"), "in": "query"}))
        .collect();
    let named: Vec<Value> = (0..2_000)
        .map(|i| json!({"name": format!("q{}", "/".repeat(i % 50)), "in": "query"}))
        .collect();
    let components: Map<String, Value> = (0..5_000)
        .map(|i| {
            (
                format!("S{i}"),
                json!({"properties": {"p": {"$ref": "#/components/schemas/S0"}}}),
            )
        })
        .collect();
    vec![
        case(
            "two hundred thousand properties",
            posting(
                json!({"type": "object", "properties": properties(200_000)}),
                json!({}),
            ),
        ),
        case(
            "twenty thousand properties one level down",
            posting(
                json!({"type": "object", "properties": {"p": {"type": "object", "properties": properties(20_000)}}}),
                json!({}),
            ),
        ),
        case("twenty levels of objects", posting(deep(20), json!({}))),
        case("too many levels of objects", posting(deep(70), json!({}))),
        case("five thousand operations", described(paths(5_000), json!({}))),
        case("one operation too many", described(paths(5_001), json!({}))),
        case("two thousand faults", described(Value::Object(wrong), json!({}))),
        case(
            "three thousand parameters",
            operation(json!({"parameters": parameters})),
        ),
        case(
            "two thousand parameters whose names are alike",
            operation(json!({"parameters": named})),
        ),
        case(
            "five thousand schemas that nobody needs",
            posting(json!({"type": "object"}), Value::Object(components)),
        ),
        case(
            "twenty thousand tags",
            operation(json!({"tags": (0..20_000).map(|i| format!("t{i}")).collect::<Vec<_>>()})),
        ),
        case(
            "twenty thousand responses",
            operation(
                json!({"responses": Value::Object((0..20_000).map(|i| (format!("{i}"), json!({}))).collect())}),
            ),
        ),
        case("33 megabytes", " ".repeat(33 << 20)),
        case("a megabyte of brackets", "[".repeat(1 << 20)),
        case(
            "a hundred thousand values in YAML",
            format!("a: [{}]", "1,".repeat(100_000)),
        ),
        case(
            "eight thousand members in a circle of schemas",
            posting(json!({"$ref": "#/components/schemas/S0"}), circle(400)),
        ),
    ]
}

/// Schemas that each have the next ones as properties, the last the first.
fn circle(count: usize) -> Value {
    let next = |i: usize| json!({"$ref": format!("#/components/schemas/S{}", i % count)});
    let schema = |i: usize| {
        let properties: Map<String, Value> = (1..20)
            .map(|step| (format!("p{step}"), next(i + step * step)))
            .collect();
        (
            format!("S{i}"),
            json!({"type": "object", "properties": properties}),
        )
    };
    Value::Object((0..count).map(schema).collect())
}
