//! Which hosts and origins are answered: the settings of `/mcp`, with the same meaning.

use axum::http::header::{HOST, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, Uri};

use crate::transport::TransportConfig;

/// The hosts and origins that are answered.
pub(super) struct Hosts {
    hosts: Vec<(String, Option<u16>)>,
    origins: Vec<Origin>,
}

/// An origin; every port of it where `port` is none.
#[derive(Debug, PartialEq, Eq)]
struct Origin {
    scheme: String,
    host: String,
    port: Option<u16>,
}

impl Hosts {
    pub(super) fn new(config: &TransportConfig) -> Self {
        let host = |text: &String| {
            parse_host(text).unwrap_or_else(|| (text.trim_matches(['[', ']']).to_ascii_lowercase(), None))
        };
        Self {
            hosts: config.allowed_hosts.iter().map(host).collect(),
            origins: config
                .allowed_origins
                .iter()
                .filter_map(|text| Origin::allowed(text))
                .collect(),
        }
    }

    /// What is wrong with the address that a browser, or who claims to be one, came by.
    pub(super) fn refuse(&self, headers: &HeaderMap) -> Option<&'static str> {
        let host = only(headers, &HOST).and_then(parse_host);
        let is_ours = |(name, port): &(String, Option<u16>)| {
            host.as_ref()
                .is_some_and(|host| host.0 == *name && (port.is_none() || host.1 == *port))
        };
        if !self.hosts.is_empty() && !self.hosts.iter().any(is_ours) {
            return Some("Host: this name is not answered here (http.allowed_hosts)");
        }
        if !headers.contains_key(ORIGIN) {
            return None;
        }
        let origin = only(headers, &ORIGIN).and_then(Origin::sent);
        let is_allowed =
            origin.is_some_and(|origin| self.origins.iter().any(|allowed| allowed.admits(&origin)));
        (!is_allowed).then_some("Origin: pages of this origin are not answered here (http.allowed_origins)")
    }
}

impl Origin {
    /// As the settings have it: `:*` is any port, none the scheme's own.
    fn allowed(text: &str) -> Option<Self> {
        match text.trim().strip_suffix(":*") {
            Some(base) => Self::parse(base),
            None => Self::sent(text),
        }
    }

    fn sent(text: &str) -> Option<Self> {
        let mut origin = Self::parse(text)?;
        let usual = if origin.scheme == "https" { 443 } else { 80 };
        origin.port = origin.port.or(Some(usual));
        Some(origin)
    }

    fn parse(text: &str) -> Option<Self> {
        let uri: Uri = text.trim().parse().ok()?;
        let authority = uri.authority()?;
        Some(Self {
            scheme: uri.scheme_str()?.to_ascii_lowercase(),
            host: authority.host().to_ascii_lowercase(),
            port: authority.port_u16(),
        })
    }

    fn admits(&self, sent: &Self) -> bool {
        self.scheme == sent.scheme
            && self.host == sent.host
            && (self.port.is_none() || self.port == sent.port)
    }
}

fn parse_host(text: &str) -> Option<(String, Option<u16>)> {
    let authority = Authority::try_from(text).ok()?;
    let name = authority.host().trim_matches(['[', ']']).to_ascii_lowercase();
    (!name.is_empty()).then(|| (name, authority.port_u16()))
}

/// The value of a header that is there exactly once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    values.next().is_none().then(|| value.to_str().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(hosts: &Hosts, host: &str, origin: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(ORIGIN, origin.parse().unwrap());
        }
        hosts.refuse(&headers).is_some()
    }

    #[test]
    fn only_allowed_hosts_and_the_pages_of_allowed_origins_are_answered() {
        let local = Hosts::new(&TransportConfig::default());
        for (host, origin, is_refused) in [
            ("localhost:8080", None, false),
            ("127.0.0.1", None, false),
            ("[::1]:8080", None, false),
            ("evil.example", None, true),
            ("localhost.evil.example", None, true),
            ("localhost", Some("http://localhost:3000"), false),
            ("localhost", Some("http://LOCALHOST"), false),
            ("localhost", Some("https://localhost"), true),
            ("localhost", Some("http://evil.example"), true),
            ("localhost", Some("http://localhost.evil.example:80"), true),
            ("localhost", Some("null"), true),
            ("localhost", Some("file://"), true),
        ] {
            assert_eq!(refused(&local, host, origin), is_refused, "{host} {origin:?}");
        }
        let config = TransportConfig {
            allowed_hosts: Vec::new(),
            allowed_origins: vec!["https://mesh.example".to_owned()],
            ..TransportConfig::default()
        };
        let public = Hosts::new(&config);
        assert!(!refused(&public, "any.example", Some("https://mesh.example:443")));
        assert!(refused(&public, "any.example", Some("https://mesh.example:8443")));
    }
}
