//! W3C Trace Context: what identifies a span across processes.

use std::str::FromStr;
use std::sync::Arc;

use opentelemetry::trace::{SpanId, TraceId, TraceState};

use super::Debug;
use crate::digits;

/// Most of `tracestate` and `baggage` that is passed on, in bytes (the specifications' own bounds).
const MAX_STATE: usize = 512;
const MAX_BAGGAGE: usize = 8_192;

/// A span's identity and what travels with it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TraceContext {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) sampled: bool,
    pub(crate) debug: Debug,
    /// `tracestate` without the mesh's own entry, passed on as it is.
    pub(crate) state: Option<Arc<str>>,
    /// `baggage`, passed on unread.
    pub(crate) baggage: Option<Arc<str>>,
}

impl TraceContext {
    /// Reads a `traceparent`; none if it is not one. A version newer than ours is read by its first four parts.
    pub(crate) fn parse(traceparent: &str) -> Option<Self> {
        let mut parts = traceparent.trim().split('-');
        let version = hex(parts.next()?, 2)?;
        let trace_id = hex(parts.next()?, 32)?;
        let span_id = hex(parts.next()?, 16)?;
        let flags = hex(parts.next()?, 2)?;
        let extra = parts.next().is_some();
        if version == "ff" || (version == "00" && extra) {
            return None;
        }
        let trace_id = TraceId::from_hex(trace_id)
            .ok()
            .filter(|id| *id != TraceId::INVALID)?;
        let span_id = SpanId::from_hex(span_id)
            .ok()
            .filter(|id| *id != SpanId::INVALID)?;
        let sampled = u8::from_str_radix(flags, 16).ok()? & 1 == 1;
        Some(TraceContext {
            trace_id,
            span_id,
            sampled,
            debug: Debug::No,
            state: None,
            baggage: None,
        })
    }

    pub(crate) fn with_state(mut self, state: Option<&str>) -> Self {
        let fits = |text: &&str| !text.is_empty() && text.len() <= MAX_STATE;
        if let Some(state) = state.filter(fits) {
            let (debug, rest) = Debug::take(state);
            self.debug = debug;
            // One that is none is not passed on, as the specification asks.
            let is_one = |rest: &String| !rest.is_empty() && TraceState::from_str(rest).is_ok();
            self.state = Some(rest).filter(is_one).map(Arc::from);
        }
        self
    }

    pub(crate) fn with_baggage(mut self, baggage: Option<&str>) -> Self {
        self.baggage = baggage
            .filter(|text| !text.is_empty() && text.len() <= MAX_BAGGAGE)
            .map(Arc::from);
        self
    }

    /// This span as the parent of the next one.
    pub(crate) fn traceparent(&self) -> String {
        let mut text = *b"00-TTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTT-SSSSSSSSSSSSSSSS-00";
        digits::put(&self.trace_id.to_bytes(), &mut text[3..35]);
        digits::put(&self.span_id.to_bytes(), &mut text[36..52]);
        digits::put(&[u8::from(self.sampled)], &mut text[53..]);
        std::str::from_utf8(&text).unwrap_or_default().to_owned()
    }
}

/// Lower-case hexadecimal of exactly that length.
fn hex(text: &str, length: usize) -> Option<&str> {
    let fits = text.len() == length
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    fits.then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_traceparent_survives_the_round_trip() {
        assert_eq!(TraceContext::parse(GOOD).unwrap().traceparent(), GOOD);
    }

    #[test]
    fn what_the_specification_calls_invalid_is_ignored() {
        for bad in [
            "",
            "00",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-extra",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1",
        ] {
            assert_eq!(TraceContext::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_newer_version_is_read_as_far_as_it_is_known() {
        let newer = "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what-the-future-holds";
        assert_eq!(TraceContext::parse(newer).unwrap().traceparent(), GOOD);
    }
}
