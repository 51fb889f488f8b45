//! JSON and YAML, and texts that are neither or too much.

use connectors::openapi::Limits;
use domain::provider::Selection;

use crate::support::{check_tool, faults_of_text, http, import_with};

const YAML: &str = "
openapi: 3.0
info: {title: Acme, version: 1.0}
servers:
  - url: https://acme.test
x-shared: &page
  name: page
  in: query
  schema: {type: integer, default: 010}
paths:
  /on/{id}:
    get:
      operationId: on
      description: |
        Two
        lines.
      parameters:
        - *page
        - name: id
          in: path
          schema: {type: string, enum: [yes, 'no', 2020-01-01]}
      responses:
        200:
          description: ok
          content:
            application/json: {schema: {type: object, nullable: true}}
";

#[test]
fn yaml_is_read_with_anchors_numeric_keys_and_an_unquoted_version() {
    let imported = import_with(YAML, &Selection::default(), Limits::default()).unwrap();
    let tool = &imported.tools[0];
    check_tool(tool);
    assert_eq!(
        (tool.name.as_str(), tool.description.as_str()),
        ("acme_on", "Two\nlines.")
    );
    assert!(
        http(tool).wraps_result,
        "the answer under the numeric key 200 is read"
    );
    assert_eq!(http(tool).parameters.len(), 2);
    assert_eq!(
        tool.input_schema.value()["properties"]["id"]["enum"][2],
        "2020-01-01"
    );
}

#[test]
fn a_text_that_does_not_parse_says_line_and_column() {
    for (text, line) in [
        ("{\n  \"openapi\": \"3.0.0\",\n  \"paths\": {,}\n}", 3),
        ("openapi: 3.0.0\npaths:\n  /a: [\n  b: }", 3),
        ("openapi: 3.0.0\nopenapi: 3.1.0\n", 2),
    ] {
        let found = faults_of_text(text);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].0.starts_with(&format!("line {line}, column ")),
            "{found:?}"
        );
    }
}

#[test]
fn a_byte_order_mark_is_passed_over() {
    let text =
        "\u{feff}{\"openapi\": \"3.1.0\", \"servers\": [{\"url\": \"https://a.test\"}], \"paths\": {}}";
    assert!(import_with(text, &Selection::default(), Limits::default()).is_ok());
}

#[test]
fn aliases_that_multiply_are_stopped() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let below = format!("*a{}, ", level - 1).repeat(10);
        text.push_str(&format!(
            "a{level}: &a{level} [{}]\n",
            below.trim_end_matches(", ")
        ));
    }
    let found = faults_of_text(&text);
    assert_eq!(found.len(), 1);
    assert!(found[0].0.starts_with("line "), "{found:?}");
}

#[test]
fn nesting_and_length_are_bounded() {
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    assert_eq!(faults_of_text(&deep).len(), 1);
    let yaml = format!("a: {}{}", "[".repeat(10_000), "]".repeat(10_000));
    assert_eq!(faults_of_text(&yaml).len(), 1);
    let limits = Limits {
        max_bytes: 10,
        ..Limits::default()
    };
    let found = import_with(YAML, &Selection::default(), limits).unwrap_err();
    assert!(found[0].message.contains("at most 10 bytes"), "{found:?}");
    let limits = Limits {
        max_depth: 3,
        ..Limits::default()
    };
    let found = import_with(r#"{"a": {"b": {"c": {}}}}"#, &Selection::default(), limits).unwrap_err();
    assert_eq!(found[0].pointer, "/a/b/c");
}

#[test]
fn a_text_that_is_no_description_is_a_fault() {
    for text in ["", "null", "just words", "<html></html>", "[]"] {
        assert!(!faults_of_text(text).is_empty(), "{text}");
    }
}
