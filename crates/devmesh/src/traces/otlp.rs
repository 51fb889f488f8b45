//! A trace as Tempo answers it: OTLP in JSON, of any of its versions.

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use super::span::{Span, Trace};

/// Reads `{"batches": …}`, `{"resourceSpans": …}` or `{"trace": {"resourceSpans": …}}`.
pub(super) fn read(id: &str, answer: &Value) -> Trace {
    let trace = answer.get("trace").unwrap_or(answer);
    let batches = list(trace, &["batches", "resourceSpans"]);
    let spans = batches.iter().flat_map(|batch| {
        let resource = attributes(&batch["resource"]["attributes"]);
        let service = resource.get("service.name").and_then(Value::as_str);
        let service = service.unwrap_or_default().to_owned();
        let scopes = list(batch, &["scopeSpans", "instrumentationLibrarySpans"]);
        let spans = scopes.iter().flat_map(|scope| list(scope, &["spans"]));
        spans.map(move |found| span(found, &service)).collect::<Vec<_>>()
    });
    Trace::of(id, spans.collect(), Vec::new())
}

fn list<'a>(value: &'a Value, names: &[&str]) -> &'a [Value] {
    let found = names.iter().find_map(|name| value.get(name)?.as_array());
    found.map_or(&[], Vec::as_slice)
}

fn span(span: &Value, service: &str) -> Span {
    let (start, end) = (nanos(&span["startTimeUnixNano"]), nanos(&span["endTimeUnixNano"]));
    let link = |link: &Value| (id(&link["traceId"]), id(&link["spanId"]));
    let mut read = Span {
        id: id(&span["spanId"]),
        parent: Some(id(&span["parentSpanId"])).filter(|parent| !parent.is_empty()),
        links: list(span, &["links"]).iter().map(link).collect(),
        service: service.to_owned(),
        name: span["name"].as_str().unwrap_or_default().to_owned(),
        kind: kind(&span["kind"]).to_owned(),
        start: start / 1_000,
        duration: end.saturating_sub(start) / 1_000,
        error: None,
        attributes: attributes(&span["attributes"]),
    };
    let status = &span["status"];
    if status["code"] == "STATUS_CODE_ERROR" || status["code"] == 2 {
        read.failed(status["message"].as_str());
    }
    read
}

/// Hexadecimal, which OTLP asks for, or base64, which Tempo writes.
fn id(value: &Value) -> String {
    let text = value.as_str().unwrap_or_default();
    let is_hex = matches!(text.len(), 16 | 32) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hex {
        return text.to_ascii_lowercase();
    }
    let bytes = BASE64_STANDARD.decode(text).unwrap_or_default();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn nanos(value: &Value) -> u64 {
    let text = value.as_str().and_then(|text| text.parse().ok());
    text.or(value.as_u64()).unwrap_or_default()
}

fn kind(value: &Value) -> &'static str {
    match (value.as_str(), value.as_u64()) {
        (Some("SPAN_KIND_SERVER"), _) | (_, Some(2)) => "server",
        (Some("SPAN_KIND_CLIENT"), _) | (_, Some(3)) => "client",
        (Some("SPAN_KIND_PRODUCER"), _) | (_, Some(4)) => "producer",
        (Some("SPAN_KIND_CONSUMER"), _) | (_, Some(5)) => "consumer",
        _ => "internal",
    }
}

fn attributes(pairs: &Value) -> BTreeMap<String, Value> {
    let pairs = pairs.as_array().map_or(&[][..], Vec::as_slice);
    let read = |pair: &Value| {
        let (name, value) = (pair["key"].as_str()?, pair["value"].as_object()?);
        let (kind, value) = value.iter().next()?;
        let value = match (kind.as_str(), value) {
            // 64-bit numbers are text in protobuf's JSON.
            ("intValue", Value::String(text)) => text.parse::<i64>().map_or(Value::Null, Value::from),
            (_, value) => value.clone(),
        };
        Some((name.to_owned(), value))
    };
    pairs.iter().filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn ids_are_read_in_base64_as_tempo_writes_them_and_in_hexadecimal() {
        let span = |span_id: &str, parent: &str| {
            json!({
                "spanId": span_id, "parentSpanId": parent, "name": "tools/call x", "kind": "SPAN_KIND_SERVER",
                "startTimeUnixNano": "1700000000000001000", "endTimeUnixNano": "1700000000000003000",
                "attributes": [{ "key": "n", "value": { "intValue": "7" } }],
                "status": { "code": "STATUS_CODE_ERROR", "message": "late" },
            })
        };
        let resource =
            json!({ "attributes": [{ "key": "service.name", "value": { "stringValue": "worker" } }] });
        let old = json!({ "batches": [{ "resource": resource, "scopeSpans": [{ "spans": [span("t61rcWkgMzE=", "")] }] }] });
        let new = json!({ "trace": { "resourceSpans": [
            { "resource": resource, "scopeSpans": [{ "spans": [span("b7ad6b7169203331", "b7ad6b7169203330")] }] }] } });
        for (answer, parent) in [(old, None), (new, Some("b7ad6b7169203330".to_owned()))] {
            let trace = read("id", &answer);
            let [span] = &trace.spans[..] else {
                panic!("{trace:?}")
            };
            assert_eq!((span.id.as_str(), &span.parent), ("b7ad6b7169203331", &parent));
            assert_eq!(
                (span.service.as_str(), span.kind.as_str(), span.duration),
                ("worker", "server", 2)
            );
            assert_eq!(
                (span.error.as_deref(), &span.attributes["n"]),
                (Some("late"), &json!(7))
            );
        }
    }
}
