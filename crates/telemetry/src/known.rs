//! What is worked out once for each thing that lives as long as the program, and is found by its address: a call site, the
//! name of a field. Nobody waits for anybody to look.

use std::sync::OnceLock;

/// Room for so many things; whose there is none for are worked out anew each time.
const SLOTS: usize = 1 << 10;
/// How far the place of a thing may be from the one that its address asks for.
const STEPS: usize = 16;

/// The results, by address.
pub(crate) struct Known<T>([OnceLock<(usize, T)>; SLOTS]);

impl<T> Known<T> {
    pub(crate) const fn new() -> Self {
        Self([const { OnceLock::new() }; SLOTS])
    }

    /// Shows what belongs to `key`, which `make` works out where nobody has yet.
    #[inline]
    pub(crate) fn with<R>(&self, key: usize, make: impl Fn() -> T, read: impl FnOnce(&T) -> R) -> R {
        let spread = key.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as usize);
        let wanted = spread >> (usize::BITS - SLOTS.trailing_zeros());
        for step in 0..STEPS {
            let Some(slot) = self.0.get((wanted + step) % SLOTS) else {
                continue;
            };
            let (owner, known) = slot.get_or_init(|| (key, make()));
            if *owner == key {
                return read(known);
            }
        }
        read(&make())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_finds_its_own_also_when_there_are_more_than_fit() {
        static KNOWN: Known<usize> = Known::new();
        for _ in 0..2 {
            for key in (0..3 * SLOTS).map(|number| number * 8) {
                assert_eq!(KNOWN.with(key, || key + 1, |known| *known), key + 1);
            }
        }
    }
}
