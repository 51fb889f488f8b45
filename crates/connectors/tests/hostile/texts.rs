//! Texts that are no description, or not only one.

use crate::case::{Case, case, getting, operation};
use serde_json::json;

pub fn cases() -> Vec<Case> {
    let good = getting("/a", json!([])).to_string();
    let mut cases = vec![
        case("nothing", ""),
        case("blanks", " \n\t\r\n "),
        case("a NUL", "\0"),
        case("null", "null"),
        case("a number", "1e999"),
        case("NaN", r#"{"openapi": NaN}"#),
        case(
            "infinity in YAML",
            "openapi: 3.1.0\npaths: {}\nservers: [{url: 'https://api.acme.test/v1'}]\nx: .inf",
        ),
        case("NaN in YAML", "openapi: .nan\npaths: {}"),
        case(
            "a number as large as a book",
            format!("{{\"openapi\": 1{}}}", "0".repeat(100_000)),
        ),
        case("a byte order mark", format!("\u{feff}{good}")),
        case("two byte order marks", format!("\u{feff}\u{feff}{good}")),
        case(
            "UTF-16 read as UTF-8",
            good.chars().flat_map(|c| ['\0', c]).collect::<String>(),
        ),
        case(
            "bytes that were not UTF-8, replaced",
            good.replace("Acme", "\u{fffd}\u{fffd}"),
        ),
        case("a lone surrogate", good.replace("Acme", "\\ud800")),
        case("an escaped NUL in the title", good.replace("Acme", "\\u0000")),
        case("a trailing comma", good.replace("\"1\"}", "\"1\",}")),
        case("a comment", format!("// mine\n{good}")),
        case("two values", format!("{good}{good}")),
        case(
            "rubbish after the end",
            format!("{good} <script>alert(1)</script>"),
        ),
        case("a string without end", "{\"openapi\": \"3.1.0"),
        case("an object without end", "{".repeat(500)),
        case("HTML", "<!DOCTYPE html><html><body>Sign in</body></html>"),
        case(
            "XML with an entity bomb",
            "<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><x>&b;</x>",
        ),
        case(
            "a key twice in JSON",
            good.replacen(
                "\"openapi\":\"3.1.0\"",
                "\"openapi\":\"4\",\"openapi\":\"3.1.0\"",
                1,
            ),
        ),
        case(
            "a path twice in JSON",
            good.replacen("\"paths\":{", "\"paths\":{\"/a\":{\"get\":5},", 1),
        ),
        case("a key twice in YAML", "openapi: 3.1.0\npaths: {}\npaths: {}"),
        case(
            "two documents in YAML",
            "openapi: 3.1.0\npaths: {}\n---\nopenapi: 3.1.0\npaths: {}",
        ),
        case("tabs in YAML", "openapi: 3.1.0\n\tpaths: {}"),
        case(
            "numbers as keys in YAML",
            yaml("paths: {/a: {get: {operationId: get, responses: {200: {}, 404: {}}}}}"),
        ),
        case("a number as a path in YAML", yaml("paths: {1: {}}")),
        case("null as a key in YAML", yaml("paths: {~: {}}")),
        case("a list as a key in YAML", yaml("paths: {? [a, b] : {}}")),
        case("truth as keys in YAML", yaml("paths: {true: {}, yes: {}}")),
        case("an alias without anchor", yaml("paths: *nothing")),
        case("an anchor inside itself", yaml("paths: &me {/a: *me}")),
        case("a merge of itself", yaml("paths: &me {<<: *me}")),
        case(
            "a merge key",
            yaml("x: &d {operationId: get, responses: {204: {}}}\npaths: {/a: {get: {<<: *d}}}"),
        ),
        case(
            "a tag that makes objects",
            yaml("paths: !!python/object/apply:os.system ['id']"),
        ),
        case("binary in YAML", yaml("paths: !!binary aGVsbG8=")),
        case("an include", yaml("paths: !include /etc/passwd")),
        case("a billion laughs", laughs(12, 10)),
        case(
            "a quadratic blow-up",
            format!("a: &a {}\nb: [{}]", "x".repeat(20_000), "*a, ".repeat(20_000)),
        ),
        case("ten thousand brackets", "[".repeat(10_000)),
        case(
            "ten thousand brackets in YAML",
            format!("a: {}", "[".repeat(10_000)),
        ),
        case("ten thousand levels of indentation", indented(2_000)),
        case(
            "an escape sequence in a title",
            operation(json!({"summary": "\u{1b}[2J\u{1b}]0;owned\u{7}Lists"})),
        ),
    ];
    cases.push(case(
        "braces that YAML would take",
        "{openapi: 3.1.0, paths: {}, servers: [{url: 'https://api.acme.test/v1'}]}",
    ));
    cases
}

fn yaml(rest: &str) -> String {
    format!("openapi: 3.1.0\nservers: [{{url: 'https://api.acme.test/v1'}}]\n{rest}\n")
}

fn laughs(levels: usize, each: usize) -> String {
    let mut text = String::from("a0: &a0 [x]\n");
    for level in 1..levels {
        let below = vec![format!("*a{}", level - 1); each].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{below}]\n"));
    }
    text
}

fn indented(levels: usize) -> String {
    (0..levels)
        .map(|level| format!("{}a:\n", " ".repeat(level)))
        .collect()
}
