//! The content of an export: spans that are already encoded, with who sends them.

use bytes::{Buf, BufMut};
use opentelemetry::Value;
use opentelemetry_sdk::Resource;
use prost::encoding::{DecodeContext, WireType, skip_field};
use prost::{DecodeError, Message};

use super::put::{begin, bytes, fixed64, nested, number, text};

/// Appends a span that is already encoded to the spans of a [`Batch`].
pub(in crate::trace) fn append(spans: &mut Vec<u8>, span: &[u8]) {
    bytes(spans, 2, span);
}

/// `ExportTraceServiceRequest`
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    head: Vec<u8>,
    spans: Vec<u8>,
}

impl Batch {
    /// Of spans from [`append`], of a sender from [`resource`].
    pub(in crate::trace) fn new(resource: &[u8], spans: Vec<u8>) -> Self {
        let mut scope = Vec::new();
        nested(&mut scope, 1, |out| text(out, 1, "telemetry"));
        let mut inner = Vec::new();
        bytes(&mut inner, 1, resource);
        begin(&mut inner, 2, scope.len() + spans.len());
        inner.extend_from_slice(&scope);
        let mut head = Vec::new();
        begin(&mut head, 1, inner.len() + spans.len());
        head.extend_from_slice(&inner);
        Self { head, spans }
    }
}

impl Message for Batch {
    fn encode_raw(&self, out: &mut impl BufMut) {
        out.put_slice(&self.head);
        out.put_slice(&self.spans);
    }

    fn encoded_len(&self) -> usize {
        self.head.len() + self.spans.len()
    }

    /// It is only ever sent.
    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        from: &mut impl Buf,
        context: DecodeContext,
    ) -> Result<(), DecodeError> {
        skip_field(wire_type, tag, from, context)
    }

    fn clear(&mut self) {
        self.head.clear();
        self.spans.clear();
    }
}

/// A resource in OTLP's encoding.
pub(in crate::trace) fn resource(resource: &Resource) -> Vec<u8> {
    let mut out = Vec::new();
    for (key, is) in resource {
        nested(&mut out, 1, |out| {
            text(out, 1, key.as_str());
            nested(out, 2, |out| value(out, is));
        });
    }
    out
}

fn value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Bool(value) => number(out, 2, u64::from(*value)),
        Value::I64(value) => number(out, 3, value.cast_unsigned()),
        Value::F64(value) => fixed64(out, 4, value.to_bits()),
        // A resource has no lists.
        other => bytes(out, 1, other.as_str().as_bytes()),
    }
}
