//! Reads an answer's body, within a bound.

use std::io::Write;

use domain::CallErrorKind;
use flate2::write::MultiGzDecoder;
use http::header::{CONTENT_ENCODING, HeaderMap};
use http_body_util::BodyExt;
use hyper::body::Body as _;

use super::exchange::failure;
use crate::egress_client::Response;
use crate::failure::CallFailure;

/// Compressed bytes that are decoded at once: they become a thousand times as many at most.
const SIP: usize = 1 << 10;

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
pub(crate) async fn read(response: Response, cap: u64) -> Result<Body, CallFailure> {
    let is_gzip = is_gzip(response.headers())?;
    let mut body = response.into_body();
    let declared = body.size_hint().exact().filter(|_| !is_gzip);
    let cap = usize::try_from(cap).unwrap_or(usize::MAX);
    let room = usize::try_from(declared.unwrap_or(0)).unwrap_or(cap).min(cap);
    let mut sink = match is_gzip {
        true => Sink::Gzip(None),
        false => Sink::Plain(Vec::with_capacity(room)),
    };
    let mut more = true;
    while more && let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| failure(&error))?;
        if let Ok(chunk) = frame.into_data() {
            more = sink.take(&chunk, cap)? <= cap;
        }
    }
    let mut bytes = if more { sink.end()? } else { sink.into_bytes() };
    let (seen, cut) = (bytes.len() as u64, bytes.len() > cap);
    bytes.truncate(cap);
    let total = if cut {
        declared.unwrap_or(0).max(seen)
    } else {
        seen
    };
    Ok(Body { bytes, cut, total })
}

/// Whether the body is compressed, in the one way that was asked for.
fn is_gzip(headers: &HeaderMap) -> Result<bool, CallFailure> {
    let mut codings = headers.get_all(CONTENT_ENCODING).iter();
    let coding = codings
        .next()
        .map_or(&b"identity"[..], |coding| coding.as_bytes());
    match coding {
        _ if codings.next().is_some() => {}
        b"identity" => return Ok(false),
        _ if coding.eq_ignore_ascii_case(b"gzip") => return Ok(true),
        _ => {}
    }
    let coding = String::from_utf8_lossy(coding)
        .chars()
        .take(32)
        .collect::<String>();
    let message = format!("the upstream's answer is encoded as `{coding}`, which was not asked for");
    Err(CallFailure::new(CallErrorKind::UpstreamInvalid, message))
}

/// Where the bytes go.
enum Sink {
    Plain(Vec<u8>),
    /// None before the first byte: a body that is empty is not compressed.
    Gzip(Option<MultiGzDecoder<Vec<u8>>>),
}

impl Sink {
    /// Takes more, and answers how many bytes there are. Once these are more than `cap` the rest is left.
    fn take(&mut self, chunk: &[u8], cap: usize) -> Result<usize, CallFailure> {
        match self {
            Self::Plain(bytes) => {
                bytes.extend_from_slice(chunk);
                Ok(bytes.len())
            }
            Self::Gzip(decoder) => {
                let decoder = decoder.get_or_insert_with(|| MultiGzDecoder::new(Vec::new()));
                for sip in chunk.chunks(SIP) {
                    decoder.write_all(sip).map_err(|_| undecodable())?;
                    if decoder.get_ref().len() > cap {
                        break;
                    }
                }
                Ok(decoder.get_ref().len())
            }
        }
    }

    /// All of them, whether or not there should be more.
    fn into_bytes(self) -> Vec<u8> {
        match self {
            Self::Plain(bytes) => bytes,
            Self::Gzip(None) => Vec::new(),
            Self::Gzip(Some(mut decoder)) => std::mem::take(decoder.get_mut()),
        }
    }

    /// All of them; there should be no more.
    fn end(self) -> Result<Vec<u8>, CallFailure> {
        match self {
            Self::Plain(bytes) => Ok(bytes),
            Self::Gzip(None) => Ok(Vec::new()),
            Self::Gzip(Some(decoder)) => decoder.finish().map_err(|_| undecodable()),
        }
    }
}

fn undecodable() -> CallFailure {
    CallFailure::new(
        CallErrorKind::UpstreamInvalid,
        "the upstream's answer cannot be decoded: its Content-Encoding does not fit its bytes",
    )
}
