//! Where calls go: servers with variables, relative servers, Swagger's host and base path.

use serde_json::{Map, Value};
use url::Url;

use super::ImportRequest;
use super::document::{Document, Version};
use super::operation::Skip;
use super::pointer::{Faults, Pointer};
use super::site::Site;

/// Longest URL of a server, in bytes: what every browser and proxy takes.
const MAX_URL: usize = 2_048;

/// The provider's base URL, without trailing slash; a fault where there is none.
pub(super) fn base_url(
    document: &Document,
    request: &ImportRequest<'_>,
    faults: &mut Faults,
) -> Option<String> {
    if let Some(given) = &request.base_url {
        return match parse(given, None) {
            Ok(url) => Some(url),
            Err(message) => {
                faults.add("base_url", message);
                None
            }
        };
    }
    match document.version() {
        Version::Swagger2 => swagger(document, request.description_url.as_ref(), faults),
        Version::V30 | Version::V31 => first(document, request.description_url.as_ref(), faults),
    }
}

/// The first of the description's servers that can be called.
fn first(document: &Document, base: Option<&Url>, faults: &mut Faults) -> Option<String> {
    let servers = document.root().get("servers").and_then(Value::as_array);
    let Some(servers) = servers.filter(|servers| !servers.is_empty()) else {
        let Some(base) = base else {
            faults.add(
                "/servers",
                "expected a server, or a base URL with the request, found neither",
            );
            return None;
        };
        return relative("/", Some(base), "/servers", faults);
    };
    let mut failed = Vec::new();
    for (index, server) in servers.iter().enumerate() {
        match expand(server).and_then(|url| parse(&url, base)) {
            Ok(url) => return Some(url),
            Err(message) => failed.push((format!("/servers/{index}/url"), message)),
        }
    }
    failed
        .into_iter()
        .for_each(|(pointer, message)| faults.add(pointer, message));
    None
}

fn swagger(document: &Document, base: Option<&Url>, faults: &mut Faults) -> Option<String> {
    let root = document.root();
    let path = root.get("basePath").and_then(Value::as_str).unwrap_or("/");
    let schemes: Vec<&str> = root
        .get("schemes")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let scheme = ["https", "http"]
        .into_iter()
        .find(|scheme| schemes.contains(scheme));
    match root.get("host").and_then(Value::as_str) {
        Some(host) => {
            let scheme = scheme.unwrap_or_else(|| base.map_or("https", Url::scheme));
            relative(
                &format!("{scheme}://{host}/{}", path.trim_start_matches('/')),
                None,
                "/host",
                faults,
            )
        }
        None if base.is_none() => {
            faults.add(
                "/host",
                "expected a host, or a base URL with the request, found neither",
            );
            None
        }
        None => relative(path, base, "/basePath", faults),
    }
}

fn relative(url: &str, base: Option<&Url>, pointer: &str, faults: &mut Faults) -> Option<String> {
    parse(url, base)
        .map_err(|message| faults.add(pointer, message))
        .ok()
}

/// The operation's own server, where it or its path has one.
///
/// # Errors
/// Why that server cannot be called.
pub(super) fn of_operation(
    site: &Site<'_>,
    base_url: &str,
    described_at: Option<&Url>,
) -> Result<Option<String>, Skip> {
    let servers = [site.operation, site.item].into_iter().find_map(|level| {
        level
            .get("servers")
            .and_then(Value::as_array)
            .filter(|list| !list.is_empty())
    });
    let Some(servers) = servers else { return Ok(None) };
    let fallback = Url::parse(base_url).ok();
    let base = described_at.or(fallback.as_ref());
    let mut last = String::new();
    for server in servers {
        match expand(server).and_then(|url| parse(&url, base)) {
            Ok(url) => return Ok(Some(url).filter(|url| url != base_url)),
            Err(message) => last = message,
        }
    }
    Err(Skip(format!("its own server cannot be called: {last}")))
}

/// A server's URL with its variables replaced by their defaults.
fn expand(server: &Value) -> Result<String, String> {
    let template = server
        .get("url")
        .and_then(Value::as_str)
        .ok_or("expected a URL, found none")?;
    let variables = server.get("variables").and_then(Value::as_object);
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, tail) = after
            .split_once('}')
            .ok_or_else(|| format!("expected `}}` after `{{`, found `{template}`"))?;
        out.push_str(before);
        out.push_str(&default_of(variables, name)?);
        rest = tail;
    }
    out.push_str(rest);
    if out.contains(['{', '}']) {
        return Err(format!(
            "expected no braces once variables have their defaults, found `{out}`"
        ));
    }
    Ok(out)
}

fn default_of(variables: Option<&Map<String, Value>>, name: &str) -> Result<String, String> {
    let variable = variables
        .and_then(|variables| variables.get(name))
        .ok_or_else(|| format!("expected the variable `{name}` to be declared, found no such variable"))?;
    let value = variable
        .get("default")
        .or_else(|| variable.get("enum").and_then(|values| values.get(0)));
    match value {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Number(number)) => Ok(number.to_string()),
        _ => Err(format!("expected a default of the variable `{name}`, found none")),
    }
}

/// An `http` or `https` URL without credentials, query, fragment and trailing slash.
fn parse(text: &str, base: Option<&Url>) -> Result<String, String> {
    if text.len() > MAX_URL {
        return Err(format!(
            "expected a URL of at most {MAX_URL} bytes, found {}",
            text.len()
        ));
    }
    let url = match Url::parse(text) {
        Ok(url) => url,
        Err(url::ParseError::RelativeUrlWithoutBase) => base
            .ok_or_else(|| {
                format!("expected an absolute URL, found `{text}`; give a base URL with the request")
            })?
            .join(text)
            .map_err(|error| format!("expected a URL, found `{text}`: {error}"))?,
        Err(error) => return Err(format!("expected a URL, found `{text}`: {error}")),
    };
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("expected an http or https URL, found `{text}`"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("expected a URL without user and password, found one with them".to_owned());
    }
    let mut url = url;
    url.set_query(None);
    url.set_fragment(None);
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// Notes what is wrong with a list of servers, whichever level it stands on.
pub(super) fn check(servers: Option<&Value>, at: &Pointer<'_>, faults: &mut Faults) {
    let Some(servers) = servers else { return };
    let Some(list) = servers.as_array() else {
        faults.expected(at, "an array of servers", Some(servers));
        return;
    };
    for (index, server) in list.iter().enumerate() {
        let at = at.index(index);
        match server.get("url") {
            Some(Value::String(_)) => {}
            found => faults.expected(at.key("url"), "a URL as a string", found),
        }
    }
}
