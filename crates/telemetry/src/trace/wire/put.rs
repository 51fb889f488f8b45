//! Protocol Buffers, as far as telemetry writes them.

/// The wire types.
pub(crate) const VARINT: u8 = 0;
pub(crate) const FIXED64: u8 = 1;
pub(crate) const BYTES: u8 = 2;
const FIXED32: u8 = 5;

/// What a field of so many bytes takes, with its key and length.
pub(crate) fn sized(length: usize) -> usize {
    let bits = usize::BITS - (length | 1).leading_zeros();
    1 + bits.div_ceil(7) as usize + length
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Numbers of fields are below 16 but for one, so that nearly every key is a constant byte.
fn key(out: &mut Vec<u8>, tag: u8, wire: u8) {
    varint(out, (u64::from(tag) << 3) | u64::from(wire));
}

pub(crate) fn number(out: &mut Vec<u8>, tag: u8, value: u64) {
    key(out, tag, VARINT);
    varint(out, value);
}

/// A number that is left out where it is zero.
pub(crate) fn count(out: &mut Vec<u8>, tag: u8, value: u32) {
    if value > 0 {
        number(out, tag, value.into());
    }
}

pub(crate) fn fixed64(out: &mut Vec<u8>, tag: u8, value: u64) {
    key(out, tag, FIXED64);
    out.extend_from_slice(&value.to_le_bytes());
}

pub(crate) fn fixed32(out: &mut Vec<u8>, tag: u8, value: u32) {
    key(out, tag, FIXED32);
    out.extend_from_slice(&value.to_le_bytes());
}

/// Key and length of a field; so many bytes have to follow.
#[inline]
pub(crate) fn begin(out: &mut Vec<u8>, tag: u8, length: usize) {
    if length < 0x80 && tag < 0x10 {
        // By far the most are so short.
        out.extend_from_slice(&[tag << 3 | BYTES, length as u8]);
    } else {
        key(out, tag, BYTES);
        varint(out, length as u64);
    }
}

#[inline]
pub(crate) fn bytes(out: &mut Vec<u8>, tag: u8, value: &[u8]) {
    begin(out, tag, value.len());
    out.extend_from_slice(value);
}

/// A text that is left out where it is empty.
pub(crate) fn text(out: &mut Vec<u8>, tag: u8, value: &str) {
    if !value.is_empty() {
        bytes(out, tag, value.as_bytes());
    }
}

/// Its length is put before it when it is known, in four bytes whatever it is, which every reader takes.
pub(crate) fn nested(out: &mut Vec<u8>, tag: u8, content: impl FnOnce(&mut Vec<u8>)) {
    key(out, tag, BYTES);
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    content(out);
    let length = out.len() - start - 4;
    for (place, byte) in out[start..start + 4].iter_mut().enumerate() {
        let more = if place < 3 { 0x80 } else { 0 };
        *byte = ((length >> (7 * place)) & 0x7f) as u8 | more;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_a_field_is_known_before_it_is_written() {
        for length in [0, 1, 127, 128, 16_383, 16_384, 3_000_000] {
            let mut out = Vec::new();
            bytes(&mut out, 1, &vec![7; length]);
            assert_eq!(out.len(), sized(length), "{length}");
        }
    }
}
