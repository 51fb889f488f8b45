//! Which format a scraper gets.

use http::HeaderMap;
use http::header::{ACCEPT, ACCEPT_ENCODING};

const OPENMETRICS: &str = "application/openmetrics-text";

/// A format of the metrics page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Prometheus' own, 0.0.4: for whoever does not ask for another.
    #[default]
    Text,
    /// OpenMetrics 1.0: with exemplars.
    OpenMetrics,
}

impl Format {
    /// What the caller's `Accept` likes best; OpenMetrics only where it is named.
    #[must_use]
    pub fn wanted(headers: &HeaderMap) -> Self {
        let (mut open, mut text) = (0.0_f32, 0.0_f32);
        for (range, parameters) in ranges(headers, ACCEPT) {
            let weight = weight(parameters);
            match range {
                OPENMETRICS if is_version_one(parameters) => open = open.max(weight),
                "text/plain" | "text/*" | "*/*" => text = text.max(weight),
                _ => {}
            }
        }
        if open > 0.0 && open >= text {
            Format::OpenMetrics
        } else {
            Format::Text
        }
    }

    /// The `Content-Type` of the page.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Format::Text => "text/plain; version=0.0.4; charset=utf-8",
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// Whether the caller takes gzip.
pub(crate) fn takes_gzip(headers: &HeaderMap) -> bool {
    ranges(headers, ACCEPT_ENCODING)
        .any(|(coding, parameters)| coding.eq_ignore_ascii_case("gzip") && weight(parameters) > 0.0)
}

/// The items of a list header with their parameters.
fn ranges(headers: &HeaderMap, name: http::HeaderName) -> impl Iterator<Item = (&str, &str)> {
    let values = headers.get_all(name).into_iter();
    let items = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(','));
    items.map(|item| {
        let (range, parameters) = item.split_once(';').unwrap_or((item, ""));
        (range.trim(), parameters)
    })
}

/// The `q` of an item; one that is no number wants nothing.
fn weight(parameters: &str) -> f32 {
    let given = parameter(parameters, "q");
    given.map_or(1.0, |given| given.parse().unwrap_or(0.0))
}

fn is_version_one(parameters: &str) -> bool {
    parameter(parameters, "version").is_none_or(|version| version.trim_matches('"') == "1.0.0")
}

fn parameter<'a>(parameters: &'a str, name: &str) -> Option<&'a str> {
    let pairs = parameters.split(';').filter_map(|pair| pair.split_once('='));
    let mut values = pairs.filter(|(key, _)| key.trim().eq_ignore_ascii_case(name));
    values.next().map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(accept: &str) -> Format {
        Format::wanted(&HeaderMap::from_iter([(ACCEPT, accept.parse().unwrap())]))
    }

    #[test]
    fn who_names_openmetrics_gets_it_and_nobody_else() {
        let prometheus = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                          text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        for accept in [
            prometheus,
            "application/openmetrics-text",
            "text/plain;q=0.5, application/openmetrics-text; version=1.0.0; q=0.6",
        ] {
            assert_eq!(wanted(accept), Format::OpenMetrics, "{accept}");
        }
        for accept in [
            "",
            "*/*",
            "text/html,application/xhtml+xml,*/*;q=0.8",
            "text/plain;version=0.0.4",
            "application/openmetrics-text;version=0.0.1",
            "application/openmetrics-text;q=0",
            "application/openmetrics-text;q=much",
            "application/openmetrics-text;version=1.0.0;q=0.3,text/plain;q=0.9",
        ] {
            assert_eq!(wanted(accept), Format::Text, "{accept}");
        }
        assert_eq!(Format::wanted(&HeaderMap::new()), Format::Text);
    }

    #[test]
    fn gzip_is_sent_to_those_who_take_it() {
        let takes =
            |text: &str| takes_gzip(&HeaderMap::from_iter([(ACCEPT_ENCODING, text.parse().unwrap())]));
        assert!(takes("gzip") && takes("deflate, GZIP;q=0.5"));
        assert!(!takes("identity") && !takes("gzip;q=0") && !takes_gzip(&HeaderMap::new()));
    }
}
