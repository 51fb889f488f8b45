//! Schemas that explode, contradict themselves, or are none.

use serde_json::{Map, Value, json};

use crate::case::{Case, case, posting};

pub fn cases() -> Vec<Case> {
    let body = |name: &str, property: Value| {
        case(
            name,
            posting(
                json!({"type": "object", "properties": {"p": property}}),
                json!({}),
            ),
        )
    };
    let whole = |name: &str, schema: Value| case(name, posting(schema, json!({})));
    let pattern = |name: &str, text: &str| body(name, json!({"type": "string", "pattern": text}));
    vec![
        whole("true", json!(true)),
        whole("false", json!(false)),
        whole("an empty object", json!({})),
        body("an empty enumeration", json!({"enum": []})),
        body(
            "an enumeration of everything",
            json!({"enum": [null, true, 0, "", [], {}]}),
        ),
        body("an enumeration with repeats", json!({"enum": ["a", "a", "a"]})),
        body(
            "ten thousand values",
            json!({"enum": (0..10_000).map(|i| format!("value-{i}")).collect::<Vec<_>>()}),
        ),
        body("one value of a megabyte", json!({"enum": ["x".repeat(1 << 20)]})),
        body("a type that is none", json!({"type": "sting"})),
        body(
            "all types",
            json!({"type": ["string", "number", "integer", "boolean", "array", "object", "null"]}),
        ),
        body("a type twice", json!({"type": ["string", "string"]})),
        body("no types", json!({"type": []})),
        body("nullable null", json!({"type": "null", "nullable": true})),
        body(
            "bounds that cross",
            json!({"type": "integer", "minimum": 10, "maximum": 1}),
        ),
        body(
            "a minimum that is no number",
            json!({"type": "integer", "minimum": "1"}),
        ),
        body(
            "a bound beyond 64 bits",
            json!({"type": "integer", "maximum": 1e300}),
        ),
        body("a negative length", json!({"type": "string", "maxLength": -1})),
        body("a fractional length", json!({"type": "string", "minLength": 1.5})),
        body("a multiple of zero", json!({"type": "integer", "multipleOf": 0})),
        body(
            "required that is a boolean",
            json!({"type": "object", "required": true}),
        ),
        body(
            "required of what is not there",
            json!({"type": "object", "required": ["ghost"], "additionalProperties": false}),
        ),
        body(
            "a required name twice",
            json!({"type": "object", "required": ["a", "a"]}),
        ),
        pattern("a pattern that explodes", "^(a+)+$"),
        pattern("a pattern that explodes with alternatives", "^(a|aa)+$"),
        pattern("a pattern that explodes behind a look-ahead", "^(?=(a+)+$).*b"),
        pattern("a pattern that refers back", "^(a+)\\1+$"),
        pattern("a pattern that is none", "(["),
        pattern(
            "a pattern with a thousand repeats of a thousand",
            "(a{1000}){1000}",
        ),
        pattern(
            "a pattern nested in itself",
            &format!("{}a{}", "(".repeat(1_000), ")".repeat(1_000)),
        ),
        pattern("a pattern of a hundred kilobytes", &"[a-z]?".repeat(17_000)),
        pattern("a pattern of Perl's", "(?{ system('id') })"),
        pattern("a pattern with properties", "^\\p{L}+$"),
        body(
            "a pattern that is a number",
            json!({"type": "string", "pattern": 5}),
        ),
        body(
            "pattern properties that explode",
            json!({"type": "object", "patternProperties": {"^(x+)+$": {"type": "string"}, "([": {}}}),
        ),
        body(
            "property names that explode",
            json!({"type": "object", "propertyNames": {"pattern": "^(x+)+$"}}),
        ),
        body(
            "a format that is none",
            json!({"type": "string", "format": "../../etc/passwd"}),
        ),
        body(
            "content that is encoded twice",
            json!({"type": "string", "contentEncoding": "base64", "contentMediaType": "application/json"}),
        ),
        body(
            "a default that does not fit",
            json!({"type": "integer", "default": {"$ref": "file:///etc/passwd"}}),
        ),
        body(
            "an example with a reference",
            json!({"type": "object", "example": {"$ref": "https://evil.test/"}}),
        ),
        body(
            "a constant object with a reference in it",
            json!({"const": {"$ref": "#/nowhere"}}),
        ),
        body(
            "items that are a list",
            json!({"type": "array", "items": [{"type": "string"}, {"type": "integer"}]}),
        ),
        body("items that are false", json!({"type": "array", "items": false})),
        body(
            "contains that never ends",
            json!({"type": "array", "contains": {}, "minContains": 1_000_000_000}),
        ),
        body(
            "unique items of many",
            json!({"type": "array", "uniqueItems": true, "minItems": 1_000_000_000}),
        ),
        body(
            "unknown keywords",
            json!({"type": "string", "__proto__": {"admin": true}, "constructor": 1, "$comment": "x"}),
        ),
        body("anyOf that is empty", json!({"anyOf": []})),
        body(
            "allOf that contradicts itself",
            json!({"allOf": [{"type": "string"}, {"type": "integer"}]}),
        ),
        whole(
            "a body of allOf that contradicts itself",
            json!({"allOf": [{"type": "object"}, {"type": "array"}]}),
        ),
        whole(
            "a ladder of allOf that doubles",
            json!({"$ref": "#/components/schemas/A"}),
        ),
        ladder("a ladder of allOf that doubles at every rung", "allOf"),
        ladder("a ladder of anyOf that doubles at every rung", "anyOf"),
        ladder("a ladder of properties that doubles at every rung", "properties"),
        body("a hundred levels of arrays", nested(40)),
        body(
            "dependent schemas in a circle",
            json!({"type": "object", "dependentSchemas": {"a": {"dependentSchemas": {"a": {"required": ["b"]}}}}}),
        ),
        whole(
            "everything read-only",
            json!({"type": "object", "required": ["id"], "properties": {"id": {"readOnly": true}}}),
        ),
        whole(
            "a property of each name that JavaScript trips over",
            json!({"type": "object", "properties": {
                "__proto__": {}, "constructor": {}, "toString": {}, "hasOwnProperty": {}, "": {}, "$ref": {}, "a.b": {}, "a/b~c": {},
            }}),
        ),
    ]
}

/// Forty schemas, each twice made of the next.
fn ladder(name: &str, keyword: &str) -> Case {
    let mut schemas = Map::new();
    for i in 0..40 {
        let next = json!({"$ref": format!("#/components/schemas/S{}", i + 1)});
        let twice = match keyword {
            "properties" => json!({"a": next, "b": next}),
            _ => json!([next, next]),
        };
        schemas.insert(format!("S{i}"), json!({"type": "object", keyword: twice}));
    }
    schemas.insert("S40".to_owned(), json!({"type": "object"}));
    let whole = json!({"type": "object", "properties": {"p": {"$ref": "#/components/schemas/S0"}}});
    case(name, posting(whole, Value::Object(schemas)))
}

fn nested(levels: usize) -> Value {
    (0..levels).fold(
        json!({"type": "string"}),
        |inner, _| json!({"type": "array", "items": inner}),
    )
}
