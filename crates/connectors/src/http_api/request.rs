//! A tool call as a request: every argument at its place, encoded so that it stays there.

use domain::tool::{HttpBinding, Location, Parameter};
use domain::{CallErrorKind, Provider, Tool};
use http::header::{CONTENT_TYPE, COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};
use url::Url;

use super::{Outgoing, body, style};
use crate::failure::CallFailure;

type Arguments = Map<String, Value>;

/// Headers that belong to the connection; a description cannot set them.
const OURS: [&str; 11] = [
    "host",
    "connection",
    "content-length",
    "transfer-encoding",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
];

/// The request of a call, without credential. `base` is the provider's base URL.
pub(crate) fn build(
    provider: &Provider,
    base: Option<&Url>,
    tool: &Tool,
    binding: &HttpBinding,
    arguments: &Arguments,
) -> Result<Outgoing, CallFailure> {
    let broken = |what: &str| {
        CallFailure::new(
            CallErrorKind::Internal,
            format!("the binding of `{}` has {what}", tool.name),
        )
    };
    let method: Method = binding
        .method
        .parse()
        .map_err(|_| broken("a method that is none"))?;
    let mut target = path(binding, arguments)?;
    let text = binding.base_url.as_ref().unwrap_or(&provider.base_url);
    let has_query = text.contains('?') || target.contains('?');
    add_query(&mut target, has_query, binding, arguments);
    let known = base.filter(|_| binding.base_url.is_none());
    let url = known
        .and_then(|base| below(base, &target))
        .map_or_else(
            || Url::parse(&format!("{}{target}", text.trim_end_matches('/'))),
            Ok,
        )
        .map_err(|_| broken("an address that is no URL"))?;

    let mut headers = headers(binding, arguments)?;
    let body = body::build(binding, arguments)?;
    if let Some(body) = &body {
        let media_type =
            HeaderValue::from_str(&body.media_type).map_err(|_| broken("a media type that is none"))?;
        headers.insert(CONTENT_TYPE, media_type);
    }
    Ok(Outgoing {
        method,
        url,
        headers,
        body: body.map(|body| body.bytes).unwrap_or_default(),
    })
}

/// `target`, a path with its query, below `base`: what parsing the one text after the other gives, without looking at the
/// host once more. None where that is not certain.
fn below(base: &Url, target: &str) -> Option<Url> {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'#');
    if base.query().is_some() || base.fragment().is_some() || !target.bytes().all(is_plain) {
        return None;
    }
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let mut url = base.clone();
    url.set_path(&format!("{}{path}", base.path().trim_end_matches('/')));
    url.set_query(query);
    Some(url)
}

fn given<'a>(
    binding: &'a HttpBinding,
    arguments: &'a Arguments,
    location: Location,
) -> impl Iterator<Item = (&'a Parameter, &'a Value)> {
    binding
        .parameters
        .iter()
        .filter(move |parameter| parameter.location == location)
        .filter_map(|parameter| Some((parameter, arguments.get(&parameter.argument)?)))
}

/// The path with its parameters. What an argument puts there stays within its segment and cannot climb.
fn path(binding: &HttpBinding, arguments: &Arguments) -> Result<String, CallFailure> {
    let mut path = binding.path.replace('#', "%23");
    if !path.starts_with('/') {
        path.insert(0, '/');
    }
    for (parameter, value) in given(binding, arguments, Location::Path) {
        let refused = |why: &str| CallFailure::arguments(format!("`{}`: {why}", parameter.argument));
        let written = style::in_path(parameter, value)
            .filter(|written| !written.is_empty())
            .ok_or_else(|| refused("must not be empty, it is part of the path"))?;
        if climbs(&written) {
            return Err(refused("must not have `.` or `..` as a path segment"));
        }
        path = fill(&path, &parameter.name, &written);
    }
    if let Some(name) = unfilled(&path) {
        return Err(CallFailure::arguments(format!(
            "`{name}`: required, but missing; it is part of the path"
        )));
    }
    // Two arguments side by side may make up what neither is.
    let template = path.split('?').next().unwrap_or_default();
    if climbs(template) {
        return Err(CallFailure::arguments(
            "the arguments make up a path with `.` or `..` in it",
        ));
    }
    Ok(path)
}

fn fill(path: &str, name: &str, written: &str) -> String {
    path.replace(&format!("{{{name}}}"), written)
}

/// The name of a placeholder that nothing was put into. Values cannot bring braces: those are encoded.
fn unfilled(path: &str) -> Option<&str> {
    let (_, rest) = path.split_once('{')?;
    Some(rest.split_once('}')?.0)
}

/// Whether a server that decodes this text before it splits it, even twice, would see a dot segment.
fn climbs(text: &str) -> bool {
    let mut text = text.to_owned();
    for _ in 0..4 {
        if text.split(['/', '\\']).any(|part| matches!(part, "." | "..")) {
            return true;
        }
        if !text.contains('%') {
            return false;
        }
        text = percent_decode_str(&text).decode_utf8_lossy().into_owned();
    }
    false
}

fn add_query(url: &mut String, has_query: bool, binding: &HttpBinding, arguments: &Arguments) {
    let mut separator = if has_query { '&' } else { '?' };
    for (parameter, value) in given(binding, arguments, Location::Query) {
        for (name, value) in style::pairs(parameter, value) {
            url.push(separator);
            url.push_str(&name);
            url.push('=');
            url.push_str(&value);
            separator = '&';
        }
    }
}

fn headers(binding: &HttpBinding, arguments: &Arguments) -> Result<HeaderMap, CallFailure> {
    let mut headers = HeaderMap::new();
    for (parameter, value) in given(binding, arguments, Location::Header) {
        let refused = |why: &str| CallFailure::arguments(format!("`{}`: {why}", parameter.argument));
        let Some(text) = style::in_header(parameter, value) else {
            continue;
        };
        let name: HeaderName = parameter
            .name
            .parse()
            .map_err(|_| refused("its header name is not valid, it cannot be sent"))?;
        if OURS.contains(&name.as_str()) {
            return Err(refused("this header belongs to the connection and cannot be set"));
        }
        let value = HeaderValue::from_str(&text)
            .or_else(|_| HeaderValue::from_bytes(text.as_bytes()))
            .map_err(|_| {
                refused("must not have line breaks or control characters, it is sent as a header")
            })?;
        headers.insert(name, value);
    }
    let cookies: Vec<String> = given(binding, arguments, Location::Cookie)
        .flat_map(|(parameter, value)| style::pairs(parameter, value))
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    if !cookies.is_empty() {
        let value = HeaderValue::from_str(&cookies.join("; "))
            .map_err(|_| CallFailure::arguments("the cookies cannot be sent as a header"))?;
        headers.insert(COOKIE, value);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use domain::tool::Style;
    use serde_json::json;

    use super::*;

    fn binding(path: &str) -> HttpBinding {
        let parameters = [
            ("id", Location::Path),
            ("other", Location::Path),
            ("X-Trace", Location::Header),
        ];
        HttpBinding {
            method: "GET".to_owned(),
            path: path.to_owned(),
            base_url: None,
            body: None,
            wraps_result: false,
            parameters: parameters
                .map(|(name, location)| Parameter {
                    argument: name.to_owned(),
                    name: name.to_owned(),
                    location,
                    style: Style::Simple,
                    explode: false,
                    allow_reserved: false,
                    json: false,
                })
                .to_vec(),
        }
    }

    fn arguments(value: Value) -> Arguments {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn an_address_below_a_base_is_what_the_whole_text_would_be() {
        let bases = [
            "http://h",
            "http://h/",
            "https://h:8443/api/",
            "http://h//",
            "http://[::1]:80/a/./b/..",
            "https://user:x@h/v1%2F",
        ];
        let targets = [
            "/",
            "/x/7",
            "//evil.example/x",
            "/a//b/",
            "/x?y=1&z=%20",
            "/x?",
            "/x?a?b",
            "/%7Bid%7D/.github/v1..v2",
            "/a:b@c;d=e,f",
            "/'<>\"^`{|}?'<>\"^`{|}",
            "/a/./b/../c",
            "/%2e%2E/x",
        ];
        for (base, target) in bases
            .iter()
            .flat_map(|base| targets.map(|target| (*base, target)))
        {
            let whole = Url::parse(&format!("{}{target}", base.trim_end_matches('/'))).unwrap();
            let short = below(&Url::parse(base).unwrap(), target).unwrap();
            assert_eq!(short, whole, "{base} {target}");
        }
        for unsure in ["/a\\b", "/a#b", "/a b", "/ü", "/a\tb"] {
            assert!(
                below(&Url::parse("http://h").unwrap(), unsure).is_none(),
                "{unsure}"
            );
        }
        assert!(below(&Url::parse("http://h?a").unwrap(), "/x").is_none());
    }

    #[test]
    fn a_path_argument_stays_within_its_segment() {
        let table = [
            (json!({"id": "a/b"}), Some("/x/a%2Fb")),
            (json!({"id": "a?b#c"}), Some("/x/a%3Fb%23c")),
            (json!({"id": "v1..v2"}), Some("/x/v1..v2")),
            (json!({"id": ".github"}), Some("/x/.github")),
            (json!({"id": "{other}"}), Some("/x/%7Bother%7D")),
            (json!({"id": 7}), Some("/x/7")),
            (json!({"id": ".."}), None),
            (json!({"id": "."}), None),
            (json!({"id": "../admin"}), None),
            (json!({"id": "a/../../admin"}), None),
            (json!({"id": "..\\admin"}), None),
            (json!({"id": "%2e%2e/admin"}), None),
            (json!({"id": "%252e%252e"}), None),
            (json!({"id": ""}), None),
            (json!({"id": null}), None),
            (json!({}), None),
        ];
        for (given, expected) in table {
            let written = path(&binding("/x/{id}"), &arguments(given.clone()));
            assert_eq!(written.ok().as_deref(), expected, "{given}");
        }
    }

    #[test]
    fn two_arguments_cannot_make_up_a_dot_segment_together() {
        let given = arguments(json!({"id": "a", "other": "b"}));
        assert_eq!(path(&binding("/{id}{other}"), &given).unwrap(), "/ab");
        let mut labels = binding("/{id}{other}");
        labels.parameters[0].style = Style::Label;
        labels.parameters[1].style = Style::Label;
        assert!(path(&labels, &arguments(json!({"id": "", "other": ""}))).is_err());
    }

    #[test]
    fn a_header_argument_cannot_add_a_header() {
        for text in ["a\r\nX-Evil: 1", "a\nb", "a\0b"] {
            let failure = headers(&binding("/"), &arguments(json!({"X-Trace": text}))).unwrap_err();
            assert_eq!(failure.kind, CallErrorKind::InvalidArguments);
            assert!(!failure.message.contains("Evil"), "{failure}");
        }
        let sent = headers(&binding("/"), &arguments(json!({"X-Trace": "ünï"}))).unwrap();
        assert_eq!(sent["X-Trace"].as_bytes(), "ünï".as_bytes());
    }

    #[test]
    fn headers_of_the_connection_cannot_be_set() {
        for name in OURS {
            let mut binding = binding("/");
            binding.parameters[2].name = name.to_uppercase();
            assert!(
                headers(&binding, &arguments(json!({"X-Trace": "x"}))).is_err(),
                "{name}"
            );
        }
    }
}
