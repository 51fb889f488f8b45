//! The records of a file, and what is left of them when all are read.
//!
//! A record is its length (4 bytes), its kind (1) and its content. Of one span the last counts, and one of its end more
//! than one of its beginning; a span that is settled counts no more, wherever in the file that is said.

use std::collections::{HashMap, HashSet};

use opentelemetry::trace::SpanId;

use crate::trace::Ended;
use crate::trace::wire::{self, Known};

/// Who writes: an OTLP resource.
const HEADER: u8 = 1;
/// A span: its id, whether it has ended, and it in OTLP's encoding.
const SPAN: u8 = 2;
/// Ids of spans.
const SETTLED: u8 = 3;

/// Length and kind.
const HEAD: usize = 5;
const ID: usize = 8;

pub(super) fn header(resource: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEAD + resource.len());
    frame(&mut out, HEADER, |out| out.extend_from_slice(resource));
    out
}

pub(super) fn open(out: &mut Vec<u8>, span: &Known<'_>) {
    out.reserve(HEAD + ID + 1 + wire::room(span));
    frame(out, SPAN, |out| {
        out.extend_from_slice(&span.context.span_id.to_bytes());
        out.push(0);
        wire::write(out, span);
    });
}

pub(super) fn ended(out: &mut Vec<u8>, span: &Ended) {
    out.reserve(HEAD + ID + 1 + span.encoded.len());
    frame(out, SPAN, |out| {
        out.extend_from_slice(&span.span_id.to_bytes());
        out.push(1);
        out.extend_from_slice(&span.encoded);
    });
}

pub(super) fn settled(out: &mut Vec<u8>, spans: &[SpanId]) {
    frame(out, SETTLED, |out| {
        spans.iter().for_each(|id| out.extend_from_slice(&id.to_bytes()));
    });
}

fn frame(out: &mut Vec<u8>, kind: u8, content: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0, 0, 0, 0, kind]);
    content(out);
    let length = u32::try_from(out.len() - start - HEAD).unwrap_or(u32::MAX);
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
}

/// What files say when they are read.
#[derive(Default)]
pub(super) struct Replay {
    settled: HashSet<[u8; ID]>,
    spans: HashMap<[u8; ID], Noted>,
}

struct Noted {
    has_ended: bool,
    encoded: Vec<u8>,
}

impl Replay {
    pub(super) fn new(settled: HashSet<[u8; ID]>) -> Self {
        Replay {
            settled,
            spans: HashMap::new(),
        }
    }

    /// Reads a file up to its end, or to the record that was torn.
    pub(super) fn read(&mut self, mut bytes: &[u8]) {
        while let Some((kind, content, rest)) = next(bytes) {
            bytes = rest;
            match kind {
                SPAN => self.span(content),
                SETTLED => self.settled.extend(content.as_chunks::<ID>().0),
                _ => {}
            }
        }
    }

    fn span(&mut self, content: &[u8]) {
        let Some((id, [ended, encoded @ ..])) = content.split_first_chunk::<ID>() else {
            return;
        };
        let noted = Noted {
            has_ended: *ended == 1,
            encoded: encoded.to_vec(),
        };
        if self.spans.get(id).is_none_or(|known| !known.has_ended) {
            self.spans.insert(*id, noted);
        }
    }

    /// The spans that nobody has taken: whether each has ended, and its encoding.
    pub(super) fn left(self) -> impl Iterator<Item = (bool, Vec<u8>)> {
        let Replay { settled, spans } = self;
        let left = spans.into_iter().filter(move |(id, _)| !settled.contains(id));
        left.map(|(_, noted)| (noted.has_ended, noted.encoded))
    }

    /// The same, as records.
    pub(super) fn unsettled(self) -> Vec<u8> {
        let Replay { settled, spans } = self;
        let mut out = Vec::new();
        for (id, noted) in spans.into_iter().filter(|(id, _)| !settled.contains(id)) {
            frame(&mut out, SPAN, |out| {
                out.extend_from_slice(&id);
                out.push(u8::from(noted.has_ended));
                out.extend_from_slice(&noted.encoded);
            });
        }
        out
    }
}

/// How many records these are.
pub(super) fn count(mut records: &[u8]) -> u64 {
    let mut count = 0;
    while let Some((_, _, rest)) = next(records) {
        (count, records) = (count + 1, rest);
    }
    count
}

/// The resource that a file begins with.
pub(super) fn resource(bytes: &[u8]) -> Option<&[u8]> {
    let (kind, content, _) = next(bytes)?;
    (kind == HEADER).then_some(content)
}

fn next(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (length, [kind, rest @ ..]) = bytes.split_first_chunk::<4>()? else {
        return None;
    };
    let (content, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    Some((*kind, content, rest))
}
