//! Reads an answer's body, within a bound.

use domain::CallErrorKind;
use http::header::CONTENT_ENCODING;
use reqwest::Response;

use super::exchange::failure;
use crate::failure::CallFailure;

/// A body, or the first part of it.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) bytes: Vec<u8>,
    /// Whether there was more.
    pub(crate) cut: bool,
    /// Bytes in all as far as that is known, after decompression.
    pub(crate) total: u64,
}

/// Reads at most `cap` bytes, counted after decompression, so that a small answer cannot become a large one.
/// What is beyond is not read; the connection is closed.
pub(crate) async fn read(mut response: Response, cap: u64) -> Result<Body, CallFailure> {
    if let Some(coding) = response
        .headers()
        .get(CONTENT_ENCODING)
        .filter(|coding| *coding != "identity")
    {
        let coding = String::from_utf8_lossy(coding.as_bytes())
            .chars()
            .take(32)
            .collect::<String>();
        let message = format!("the upstream's answer is encoded as `{coding}`, which was not asked for");
        return Err(CallFailure::new(CallErrorKind::UpstreamInvalid, message));
    }
    let declared = response.content_length();
    let cap = usize::try_from(cap).unwrap_or(usize::MAX);
    let mut bytes = Vec::with_capacity(usize::try_from(declared.unwrap_or(0)).unwrap_or(cap).min(cap));
    while let Some(chunk) = response.chunk().await.map_err(|error| failure(&error))? {
        let room = cap - bytes.len();
        if let Some(fitting) = chunk.get(..room)
            && chunk.len() > room
        {
            bytes.extend_from_slice(fitting);
            let seen = (bytes.len() + chunk.len() - room) as u64;
            return Ok(Body {
                bytes,
                cut: true,
                total: declared.unwrap_or(0).max(seen),
            });
        }
        bytes.extend_from_slice(&chunk);
    }
    let total = bytes.len() as u64;
    Ok(Body {
        bytes,
        cut: false,
        total,
    })
}
