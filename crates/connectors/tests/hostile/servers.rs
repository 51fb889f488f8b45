//! Servers that lead somewhere else.

use serde_json::{Value, json};

use crate::case::{Case, case, getting};

pub fn cases() -> Vec<Case> {
    let with = |name: &str, servers: Value| {
        let mut value = getting("/a", json!([]));
        value["servers"] = servers;
        case(name, value)
    };
    let url = |name: &str, url: &str| with(name, json!([{"url": url}]));
    let own = |name: &str, url: &str| {
        let mut value = getting("/a", json!([]));
        value["paths"]["/a"]["get"]["servers"] = json!([{"url": url}]);
        case(name, value)
    };
    let variable = |name: &str, variable: Value| {
        with(
            name,
            json!([{"url": "https://{v}.acme.test", "variables": {"v": variable}}]),
        )
    };
    vec![
        url("javascript", "javascript:alert(1)"),
        url("a file", "file:///etc/passwd"),
        url("data", "data:text/plain,hello"),
        url("gopher", "gopher://127.0.0.1:6379/_FLUSHALL"),
        url("a unix socket", "unix:///var/run/docker.sock"),
        url("credentials", "https://user:secret@api.acme.test/v1"),
        url("a user only", "https://user@api.acme.test/v1"),
        url("a query and a fragment", "https://api.acme.test/v1?key=secret#x"),
        url("no host", "https://"),
        url("a host that is a space", "https:// /"),
        url("a port beyond all", "https://api.acme.test:99999"),
        url("a host in numbers that hide loopback", "http://2130706433/"),
        url("a host in octal that hides loopback", "http://0177.0.0.1/"),
        url("a mapped address", "http://[::ffff:169.254.169.254]/"),
        url("a host in wide letters", "https://ａｐｉ.acme.test/v1"),
        url("a host that looks like another", "https://аpi.acme.test/v1"),
        url("a path that climbs", "https://api.acme.test/v1/../../admin"),
        url("a tab and a line break", "https://api.ac\tme.test/\nv1"),
        url("a backslash", "https:\\\\api.acme.test\\v1"),
        url("relative", "/v1"),
        url("empty", ""),
        url(
            "a megabyte",
            &format!("https://api.acme.test/{}", "x".repeat(1 << 20)),
        ),
        url("a variable that is not declared", "https://{v}.acme.test"),
        url("a brace that is not closed", "https://{v.acme.test"),
        variable("a variable with another host", json!({"default": "evil.test/?"})),
        variable("a variable with credentials", json!({"default": "user:pw@evil"})),
        variable("a variable that is a variable", json!({"default": "{v}"})),
        variable("a variable that is null", json!({"default": null})),
        variable("a variable that is an object", json!({"default": {}})),
        variable("a variable with a list of nothing", json!({"enum": []})),
        with(
            "servers that are an object",
            json!({"url": "https://api.acme.test"}),
        ),
        with("a server that is a text", json!(["https://api.acme.test"])),
        with(
            "ten thousand servers",
            (0..10_000).map(|_| json!({"url": "javascript:1"})).collect(),
        ),
        own("an operation's own javascript", "javascript:alert(1)"),
        own("an operation's own credentials", "https://user:secret@evil.test"),
        own("an operation's own metadata service", "http://169.254.169.254/"),
    ]
}
