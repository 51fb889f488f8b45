//! Compression of single payloads, and unpacking that stops at a limit.

use std::io::Read;

use flate2::Compression;
use flate2::bufread::{GzDecoder, GzEncoder};

use crate::fault::Fault;

/// Compresses; none when that saves nothing.
#[must_use]
pub fn pack(plain: &[u8]) -> Option<Vec<u8>> {
    let mut packed = Vec::with_capacity(plain.len() / 3);
    // The fastest level: an agent waits for the message, and text shrinks to a fifth all the same.
    GzEncoder::new(plain, Compression::fast())
        .read_to_end(&mut packed)
        .ok()?;
    (packed.len() < plain.len()).then_some(packed)
}

/// Unpacks at most `most` bytes.
///
/// # Errors
/// [`Fault::Inflated`] when there are more, as soon as that is known; [`Fault::Gzip`] for what is not one whole member.
pub fn unpack(packed: &[u8], most: usize) -> Result<Vec<u8>, Fault> {
    let mut decoder = GzDecoder::new(packed);
    let mut plain = Vec::new();
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    decoder
        .by_ref()
        .take(limit)
        .read_to_end(&mut plain)
        .map_err(|_| Fault::Gzip)?;
    if plain.len() > most {
        return Err(Fault::Inflated(most));
    }
    // What follows a member is hidden from every reader that stops there, so there may be nothing.
    if decoder.into_inner().is_empty() {
        Ok(plain)
    } else {
        Err(Fault::Gzip)
    }
}
