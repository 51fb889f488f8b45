//! What may be written where a provider names hosts, headers and secrets. The edge reads the same forms when it calls.

use std::net::IpAddr;

use domain::provider::AuthScheme;
use url::{Host, Url};

use crate::error::Check;

/// Notes entries that are no host name, `*.suffix`, address or CIDR block, each with an optional `:port`.
pub(super) fn check_hosts(check: &mut Check, hosts: &[String]) {
    for host in hosts {
        check.that(
            is_host_entry(host.trim()),
            "allowed_hosts",
            format!(
                "a host name, `*.suffix`, address or CIDR block, each with an optional `:port`, not `{host}`"
            ),
        );
    }
}

/// Notes a header that cannot be sent or is the transport's own, and a secret that a header cannot carry.
pub(super) fn check_auth(check: &mut Check, auth: &AuthScheme, secret: &str) {
    match auth {
        AuthScheme::Header { name } => check.that(
            is_free_header(name),
            "auth.name",
            "the name of a header, and of none that the transport sets itself",
        ),
        AuthScheme::Query { name } => {
            check.that(!name.is_empty(), "auth.name", "the name of a query parameter")
        }
        AuthScheme::None | AuthScheme::Bearer | AuthScheme::Basic => {}
    }
    if matches!(auth, AuthScheme::Bearer | AuthScheme::Header { .. }) {
        let fits = !secret.chars().any(char::is_control);
        check.that(
            fits,
            "secret",
            "no line breaks or control characters, since a header carries it",
        );
    }
}

/// Whether `text` is an http or https address without user name and fragment.
pub(super) fn is_web_address(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.fragment().is_none()
    })
}

fn is_host_entry(text: &str) -> bool {
    if is_block(text) {
        return true;
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => (host, port.parse::<u16>().is_ok()),
        None => (text, true),
    };
    port && match host.strip_prefix("*.") {
        Some(suffix) => is_name(suffix),
        None => is_block(host) || is_name(host),
    }
}

/// `10.0.0.0/8`, `10.1.2.3`, `fd00::/8`, `::1`, `[::1]`.
fn is_block(text: &str) -> bool {
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .unwrap_or(text);
    let (address, bits) = match bare.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (bare, None),
    };
    let Ok(address) = address.parse::<IpAddr>() else {
        return false;
    };
    let most = if address.is_ipv4() { 32 } else { 128 };
    bits.is_none_or(|bits| bits.parse::<u8>().is_ok_and(|bits| bits <= most))
}

fn is_name(text: &str) -> bool {
    matches!(Host::parse(text), Ok(Host::Domain(name))
        if name.len() <= 253 && !name.contains(['*', '/']) && !name.trim_end_matches('.').is_empty())
}

/// Whether `name` is a token (RFC 9110, section 5.6.2) that the connection does not need for itself.
fn is_free_header(name: &str) -> bool {
    const OWN: [&str; 5] = [
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "upgrade",
    ];
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !name.is_empty() && name.bytes().all(token) && !OWN.iter().any(|own| name.eq_ignore_ascii_case(own))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_entry_is_a_name_a_suffix_an_address_or_a_block() {
        for good in [
            "grafana.internal",
            "grafana.internal:3000",
            "*.svc.cluster.local",
            "10.0.0.0/8",
            "10.1.2.3",
            "10.1.2.3:80",
            "fd00::/8",
            "::1",
            "[::1]",
            "[::1]:8080",
            "localhost",
            "b\u{fc}cher.example",
            "under_score.internal",
        ] {
            assert!(is_host_entry(good), "{good}");
        }
        for bad in [
            "",
            "*",
            "*.",
            "a b",
            "http://127.0.0.1/",
            "a/b",
            "10.0.0.0/33",
            "fd00::/129",
            "a:99999",
            "a:",
            "a*b.c",
            "user@host",
        ] {
            assert!(!is_host_entry(bad), "{bad}");
        }
    }

    #[test]
    fn the_transport_keeps_its_headers() {
        assert!(is_free_header("X-Api-Key") && is_free_header("Authorization"));
        for bad in ["", "a b", "Host", "content-length", "a\r\nb", "\u{e9}"] {
            assert!(!is_free_header(bad), "{bad}");
        }
    }
}
