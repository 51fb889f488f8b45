//! Identifiers in lower-case hexadecimal. They are in every answer, line and request: through `fmt` one costs as much as
//! the rest of its header.

/// Both digits of every byte.
const PAIRS: [[u8; 2]; 256] = {
    let digits = b"0123456789abcdef";
    let (mut pairs, mut byte) = ([[0; 2]; 256], 0);
    while byte < 256 {
        pairs[byte] = [digits[byte >> 4], digits[byte & 15]];
        byte += 1;
    }
    pairs
};

/// Writes `bytes` to the beginning of `out`, two digits each, as far as there is room.
pub(crate) fn put(bytes: &[u8], out: &mut [u8]) {
    for (byte, pair) in bytes.iter().zip(out.as_chunks_mut().0) {
        *pair = PAIRS[usize::from(*byte)];
    }
}

/// As a text.
pub(crate) fn text(bytes: &[u8]) -> String {
    let mut out = vec![0; 2 * bytes.len()];
    put(bytes, &mut out);
    String::from_utf8(out).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_those_of_the_standard_library() {
        let bytes: Vec<u8> = (0..=255).collect();
        let expected: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(text(&bytes), expected);
        assert_eq!(text(&[]), "");
    }
}
