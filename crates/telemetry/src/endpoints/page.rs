//! `/metrics`.

use std::io::Write as _;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;

use super::{Endpoints, problem};
use crate::metrics::{Format, takes_gzip};

/// The page, in the format and the coding that the scraper likes best. It is put together on a thread for blocking work:
/// a large one would hold up those that serve requests.
pub(super) async fn metrics(State(endpoints): State<Endpoints>, headers: HeaderMap) -> Response {
    let (format, gzip) = (Format::wanted(&headers), takes_gzip(&headers));
    let write = move || {
        let page = endpoints.telemetry.render_as(format).into_bytes();
        let packed = gzip.then(|| packed(&page)).flatten();
        (packed.is_some(), packed.unwrap_or(page))
    };
    let Ok((is_packed, page)) = tokio::task::spawn_blocking(write).await else {
        return problem(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the metrics page could not be written",
        );
    };
    let mut response = page.into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(format.content_type()),
    );
    headers.insert(header::VARY, HeaderValue::from_static("accept, accept-encoding"));
    if is_packed {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// The page in gzip, quickly rather than small: labels repeat, and even so a tenth is left.
fn packed(page: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(page.len() / 8), Compression::fast());
    encoder.write_all(page).ok()?;
    encoder.finish().ok()
}
