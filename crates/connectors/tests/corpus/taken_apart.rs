//! A request read again as an upstream reads it, and compared with the arguments. What a style writes in a way of its
//! own (lists and objects in a path, `deepObject`) is left to the tests of the styles.

use connectors::Rehearsed;
use domain::tool::{Body, BodyEncoding, BodySource, HttpBinding, Location, Parameter, Style};
use http::HeaderMap;
use serde_json::{Map, Value};
use url::Url;
use url::form_urlencoded;

type Arguments = Map<String, Value>;

/// Headers that a description must not be able to set.
const OURS: [&str; 5] = [
    "host",
    "content-length",
    "transfer-encoding",
    "proxy-authorization",
    "connection",
];

/// Fails where the request is not what was asked.
pub fn holds(binding: &HttpBinding, base: &str, request: &Rehearsed, arguments: &Arguments) {
    let base = Url::parse(base).expect("an imported base URL");
    let url = &request.url;
    assert_eq!(url.origin(), base.origin(), "{url}");
    assert!(url.username().is_empty() && url.password().is_none(), "{url}");
    assert_eq!(url.fragment(), None, "{url}");
    path(binding, &base, url, arguments);
    query(binding, url, arguments);
    headers(binding, &request.headers, arguments);
    if let Some(body) = &binding.body {
        written(body, request, arguments);
    }
}

fn given<'a>(
    binding: &'a HttpBinding,
    location: Location,
    arguments: &'a Arguments,
) -> impl Iterator<Item = (&'a Parameter, &'a Value)> {
    let at_place = move |parameter: &&Parameter| parameter.location == location;
    let parameters = binding.parameters.iter().filter(at_place);
    parameters.filter_map(|parameter| Some((parameter, arguments.get(&parameter.argument)?)))
}

/// A value that every style writes alike.
fn plain(parameter: &Parameter, value: &Value) -> Option<String> {
    match value {
        _ if parameter.json => Some(value.to_string()),
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

/// As many segments as the template has, so none was left or opened; and in a segment that is one placeholder, its value.
fn path(binding: &HttpBinding, base: &Url, url: &Url, arguments: &Arguments) {
    let below = base.path().trim_end_matches('/');
    let rest = url.path().strip_prefix(below).expect("a path below the base's");
    let template = binding.path.split('?').next().unwrap_or_default();
    let wanted: Vec<&str> = template.trim_start_matches('/').split(['/', '\\']).collect();
    let found: Vec<&str> = rest.trim_start_matches('/').split('/').collect();
    assert_eq!(wanted.len(), found.len(), "{template} became {rest}");
    for (wanted, found) in wanted.iter().zip(found) {
        let name = wanted.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        let mut values = given(binding, Location::Path, arguments)
            .filter(|(parameter, _)| Some(parameter.name.as_str()) == name);
        let (Some((parameter, value)), None) = (values.next(), values.next()) else {
            continue;
        };
        if let (Style::Simple, Some(text)) = (parameter.style, plain(parameter, value)) {
            let found = percent_encoding::percent_decode_str(found).decode_utf8_lossy();
            assert_eq!(found, text, "{}", parameter.name);
        }
    }
}

/// Every value under its name, and, where nothing else was given, no further pair.
fn query(binding: &HttpBinding, url: &Url, arguments: &Arguments) {
    let (mut wanted, mut is_all) = (Vec::new(), !binding.path.contains('?'));
    for (parameter, value) in given(binding, Location::Query, arguments) {
        let texts = match (value, parameter.style) {
            (Value::Array(items), Style::Form) if parameter.explode && !parameter.json => {
                items.iter().map(|item| plain(parameter, item)).collect()
            }
            _ => vec![plain(parameter, value)],
        };
        for text in texts {
            match text.filter(|text| !(parameter.allow_reserved && text.contains('%'))) {
                Some(text) => wanted.push((parameter.name.clone(), text)),
                None => is_all = false,
            }
        }
    }
    let mut found: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    for pair in &wanted {
        assert!(found.contains(pair), "{pair:?} is not in {url}");
    }
    if is_all {
        wanted.sort();
        found.sort();
        assert_eq!(wanted, found, "{url}");
    }
}

fn headers(binding: &HttpBinding, headers: &HeaderMap, arguments: &Arguments) {
    for name in OURS {
        assert!(!headers.contains_key(name), "{name}");
    }
    let wanted: Vec<_> = given(binding, Location::Header, arguments).collect();
    assert!(headers.len() <= wanted.len() + 2, "{headers:?}");
    for (parameter, value) in &wanted {
        let alike = |(other, _): &&(&Parameter, &Value)| other.name.eq_ignore_ascii_case(&parameter.name);
        let is_replaced = ["content-type", "cookie"]
            .iter()
            .any(|name| parameter.name.eq_ignore_ascii_case(name));
        if wanted.iter().filter(alike).count() > 1 || is_replaced {
            continue;
        }
        if let Some(text) = plain(parameter, value) {
            assert_eq!(headers[parameter.name.as_str()].as_bytes(), text.as_bytes());
        }
    }
}

fn written(body: &Body, request: &Rehearsed, arguments: &Arguments) {
    let Some(wanted) = wanted(body, arguments) else {
        assert!(request.body.is_empty(), "a body that nobody gave");
        return;
    };
    let text = String::from_utf8_lossy(&request.body);
    match body.encoding {
        BodyEncoding::Json => {
            let found: Value = serde_json::from_slice(&request.body).expect("JSON");
            assert_eq!(found, wanted);
        }
        BodyEncoding::Text => {
            assert_eq!(Some(text.as_ref()), wanted.as_str());
        }
        BodyEncoding::Form => form(body, &text, &wanted),
        BodyEncoding::Multipart => pieces(request, &text, &wanted),
        BodyEncoding::Binary => {}
    }
}

fn wanted(body: &Body, arguments: &Arguments) -> Option<Value> {
    match &body.source {
        BodySource::Argument { argument } => arguments.get(argument).cloned(),
        BodySource::Properties { properties } => {
            let pairs = properties.iter();
            let object: Map<String, Value> = pairs
                .filter_map(|(argument, name)| Some((name.clone(), arguments.get(argument)?.clone())))
                .collect();
            (body.required || !object.is_empty()).then_some(Value::Object(object))
        }
    }
}

fn form(body: &Body, text: &str, wanted: &Value) {
    let found: Vec<(String, String)> = form_urlencoded::parse(text.as_bytes()).into_owned().collect();
    for (name, value) in wanted.as_object().into_iter().flatten() {
        let wanted = match value {
            _ if body.parts.iter().any(|part| part.name == *name) => continue,
            Value::String(text) => text.clone(),
            Value::Number(_) | Value::Bool(_) | Value::Object(_) => value.to_string(),
            _ => continue,
        };
        assert!(found.contains(&(name.clone(), wanted)), "{name} is not in {text}");
    }
}

/// A piece for each value; what a value holds opens no further one.
fn pieces(request: &Rehearsed, text: &str, wanted: &Value) {
    let media_type = request.headers["content-type"].to_str().expect("a media type");
    let boundary = media_type.rsplit_once("boundary=").expect("a boundary").1;
    assert!(boundary.len() <= 70, "{boundary}");
    let count: usize = wanted
        .as_object()
        .into_iter()
        .flat_map(Map::values)
        .map(|value| match value {
            Value::Null => 0,
            Value::Array(items) => items.len(),
            _ => 1,
        })
        .sum();
    assert_eq!(
        text.matches(&format!("--{boundary}")).count(),
        count + 1,
        "{text}"
    );
    assert!(text.ends_with(&format!("--{boundary}--\r\n")), "{text}");
}
