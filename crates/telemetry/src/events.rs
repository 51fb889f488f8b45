//! The named events of the log, as each crate that writes them declares them: `docs/logs.md` is made of these.

use std::fmt::Write as _;

/// One named event (`event` in its line).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventDeclaration {
    /// The value of `event`.
    pub name: &'static str,
    /// The levels that it is written at.
    pub level: &'static str,
    /// When it is written.
    pub help: &'static str,
    /// Its own fields, beside the standard ones: name and meaning.
    pub fields: &'static [(&'static str, &'static str)],
}

/// `duration`, in every closing line.
pub const DURATION: (&str, &str) = ("duration", "Seconds it took.");
/// `duration_ms`, in every closing line.
pub const DURATION_MS: (&str, &str) = ("duration_ms", "The same in milliseconds.");

/// `duration_ms` of so many seconds, to the microsecond: a product in binary would end in a row of nines.
#[must_use]
pub fn milliseconds(seconds: f64) -> f64 {
    (seconds * 1_000_000.0).round() / 1_000.0
}

/// What the doors write.
const OWN: &[EventDeclaration] = &[
    EventDeclaration {
        name: "http_request_completed",
        level: "INFO; ERROR for 5xx; DEBUG for probes, scrapes, and where an MCP line has told it",
        help: "The closing line of an HTTP request, also of one whose caller went away.",
        fields: &[
            ("method", "The HTTP method."),
            (
                "path",
                "The route, never the raw path; `unmatched` where there is none.",
            ),
            (
                "status",
                "The status code; 499 where the caller went away before there was one.",
            ),
            (
                "outcome",
                "`completed`, `refused` (4xx), `failed` (5xx) or `aborted` (the answer was not read to its end).",
            ),
            DURATION,
            DURATION_MS,
            ("request_size", "Bytes of the request's body that were read."),
            ("response_size", "Bytes of the answer's body that were sent."),
        ],
    },
    EventDeclaration {
        name: "telemetry_export_failed",
        level: "WARN",
        help: "The collector does not take a signal: when that begins, and every five minutes while it lasts.",
        fields: &[
            ("signal", "`traces`, `metrics` or `logs`."),
            ("collector", "Its host and port."),
            (
                "exports",
                "Exports that failed since it began; what was in them is in `telemetry_dropped_total`.",
            ),
            ("error", "Why the last one failed."),
        ],
    },
    EventDeclaration {
        name: "telemetry_export_recovered",
        level: "INFO",
        help: "The collector takes a signal again.",
        fields: &[
            ("signal", "`traces`, `metrics` or `logs`."),
            ("collector", "Its host and port."),
            ("exports", "Exports that failed meanwhile."),
            ("downtime_seconds", "Seconds since the first of them."),
        ],
    },
    EventDeclaration {
        name: "grpc_request_completed",
        level: "INFO; ERROR where the server is to blame",
        help: "The closing line of a gRPC call, on the server's side.",
        fields: &[
            ("grpc_service", "The service, with its package."),
            ("grpc_method", "The method."),
            ("code", "The gRPC code's name."),
            DURATION,
            DURATION_MS,
        ],
    },
];

/// What this crate writes by itself.
#[must_use]
pub fn own_events() -> &'static [EventDeclaration] {
    OWN
}

const HEAD: &str = "\
# Log lines

Generated from the declarations in the code; do not edit.

One JSON object a line. Every line has the first seven fields of this table, the others where they are known, and then the
event's own. `monitoring.logging.fields` chooses among them; `LOG_FORMAT=pretty` shows people the same. A field that
is named as a secret is (`password`, `token`, `api_key` and the like) shows `***`.

| field | meaning |
|---|---|
| `time` | RFC 3339, UTC, to the microsecond |
| `level` | `DEBUG`, `INFO`, `WARN`, `ERROR` or `CRITICAL` |
| `msg` | What happened, for people; its wording may change |
| `service` | `mcp-server`, `rest-api` or `worker` |
| `version` | The release |
| `environment` | The installation's name |
| `caller` | File and line in the source |
| `trace_id`, `span_id` | The trace that the line belongs to |
| `correlation_id` | The request id |
| `tenant_id`, `user_id` | For whom: the tenant, and the name of the key |
| `event` | The name below; what machines look for |

A field of an event that has the name of a standard one gets the prefix `field_`. A text longer than 8 KiB is cut.
Names, fields and their meaning are an interface: they change with a major version only.

| event | level | when | fields |
|---|---|---|---|
";

/// The reference page, `docs/logs.md`: sorted by name.
#[must_use]
pub fn events_markdown(events: &[&EventDeclaration]) -> String {
    let mut sorted = events.to_vec();
    sorted.sort_by_key(|event| event.name);
    let mut page = HEAD.to_owned();
    for event in sorted {
        let fields = event.fields.iter();
        let fields: Vec<_> = fields
            .map(|(name, meaning)| format!("`{name}`: {meaning}"))
            .collect();
        let cells = [event.level, event.help, &fields.join("<br>")].map(|cell| cell.replace('|', "\\|"));
        let [level, help, fields] = cells;
        // Writing to a string does not fail.
        let _ = writeln!(page, "| `{}` | {level} | {help} | {fields} |", event.name);
    }
    page
}
