//! Which redirects are followed.

use http::{Method, StatusCode};
use url::Url;

/// What becomes of an answer that may be a redirect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    /// It is the answer.
    Stay,
    /// Ask there, with this method.
    Follow(Url, Method),
    /// It is a redirect that is not followed, for this reason.
    Refuse(&'static str),
}

/// Reads are followed anywhere the guard allows. A write is sent again only where the upstream said that it did not
/// take it (307, 308) and only to the same origin: another one was never meant to get it.
pub(super) fn next(method: &Method, status: StatusCode, from: &Url, location: Option<&str>) -> Next {
    if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Next::Stay;
    }
    let Some(to) = location.and_then(|location| from.join(location).ok()) else {
        return Next::Refuse("it has no usable Location");
    };
    if from.scheme() == "https" && to.scheme() != "https" {
        return Next::Refuse("it leads from https to http");
    }
    let keeps_method = matches!(status.as_u16(), 307 | 308);
    match *method {
        Method::GET | Method::HEAD => Next::Follow(to, method.clone()),
        _ if !keeps_method => Next::Refuse("the call may change something and is not made again"),
        _ if to.origin() == from.origin() => Next::Follow(to, method.clone()),
        _ => Next::Refuse("the call may change something and is not sent to another origin"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_are_followed_only_where_nothing_can_be_done_twice_or_elsewhere() {
        let from = Url::parse("https://api.example.com/v1/things").unwrap();
        // method, status, location, followed
        let table = [
            ("GET", 200, None, None),
            ("GET", 304, Some("/x"), None),
            ("GET", 300, Some("/x"), None),
            ("GET", 301, Some("/v2"), Some("https://api.example.com/v2")),
            (
                "GET",
                302,
                Some("other"),
                Some("https://api.example.com/v1/other"),
            ),
            (
                "GET",
                307,
                Some("https://elsewhere.example/x"),
                Some("https://elsewhere.example/x"),
            ),
            ("HEAD", 308, Some("/v2"), Some("https://api.example.com/v2")),
            ("GET", 302, Some("http://api.example.com/v2"), None),
            ("GET", 302, Some("ftp://api.example.com/v2"), None),
            ("GET", 302, None, None),
            ("GET", 302, Some("https://[bad"), None),
            ("POST", 301, Some("/v2"), None),
            ("POST", 302, Some("/v2"), None),
            ("POST", 303, Some("/v2"), None),
            ("POST", 307, Some("/v2"), Some("https://api.example.com/v2")),
            ("DELETE", 308, Some("/v2"), Some("https://api.example.com/v2")),
            ("POST", 307, Some("https://elsewhere.example/x"), None),
            ("PUT", 308, Some("https://api.example.com:8443/v2"), None),
        ];
        for (method, status, location, followed) in table {
            let method: Method = method.parse().unwrap();
            let next = next(&method, StatusCode::from_u16(status).unwrap(), &from, location);
            match followed {
                Some(url) => assert_eq!(next, Next::Follow(Url::parse(url).unwrap(), method)),
                None => assert!(
                    !matches!(next, Next::Follow(..)),
                    "{method} {status} {location:?}: {next:?}"
                ),
            }
        }
    }
}
