//! The headers of exports, as `OTEL_EXPORTER_OTLP_HEADERS` spells them.

use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;

use crate::config::OtlpHeaders;
use crate::error::TelemetryError;

/// Reads `name=value,name=value`. The values are in no error.
pub(super) fn parse(headers: &OtlpHeaders) -> Result<HeaderMap, TelemetryError> {
    let pairs = headers
        .text()
        .split(',')
        .map(str::trim)
        .filter(|pair| !pair.is_empty());
    pairs.map(|pair| read(pair).ok_or_else(wrong)).collect()
}

fn read(pair: &str) -> Option<(HeaderName, HeaderValue)> {
    let (name, value) = pair.split_once('=')?;
    let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
    let mut value = HeaderValue::from_str(&value).ok()?;
    value.set_sensitive(true);
    Some((name.trim().to_ascii_lowercase().parse().ok()?, value))
}

fn wrong() -> TelemetryError {
    TelemetryError::Setting {
        key: "monitoring.otlp.headers",
        given: "***".to_owned(),
        expected: "name=value,name=value with percent-encoded values",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_and_never_shown() {
        let given = OtlpHeaders::new("Authorization=Bearer%20abc, x-scope=1");
        let headers = parse(&given).unwrap();
        assert_eq!(headers["authorization"], "Bearer abc");
        assert_eq!(headers["x-scope"], "1");
        assert!(!format!("{headers:?}{given:?}").contains("abc"));
        let error = parse(&OtlpHeaders::new("secret-without-a-name")).unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
