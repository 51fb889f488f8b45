//! Mutations that keep JSON whole: of bytes changed at random nearly all end in the parser.

mod tree;

use libfuzzer_sys::fuzzer_mutate;

/// What stands between a description and the arguments of a call.
const LINE: &str = "\n---\n";

/// Changes an input that is JSON, or a description and arguments; a quarter of the time its bytes instead.
pub fn mutate(data: &mut [u8], size: usize, most: usize, seed: u32) -> usize {
    let mut dice = Dice::new(seed);
    let bytes = dice.below(4) == 0;
    let changed = (!bytes).then(|| changed(&data[..size], &mut dice)).flatten();
    match changed.filter(|text| text.len() <= most) {
        Some(text) => {
            data[..text.len()].copy_from_slice(text.as_bytes());
            text.len()
        }
        None => fuzzer_mutate(data, size, most),
    }
}

fn changed(data: &[u8], dice: &mut Dice) -> Option<String> {
    let text = std::str::from_utf8(data).ok()?;
    let Some((before, after)) = text.split_once(LINE) else {
        return tree::changed(text, dice);
    };
    if dice.below(2) == 0 {
        Some(format!("{}{LINE}{after}", tree::changed(before, dice)?))
    } else {
        Some(format!("{before}{LINE}{}", tree::changed(after, dice)?))
    }
}

/// Numbers from a seed (SplitMix64): the same seed gives the same mutation, as libFuzzer asks for.
pub(crate) struct Dice(u64);

impl Dice {
    fn new(seed: u32) -> Self {
        Self(seed.into())
    }

    /// A number below `bound`, which is not 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }

    /// One of a list that is not empty.
    pub(crate) fn one_of<'l, T>(&mut self, list: &'l [T]) -> &'l T {
        &list[self.below(list.len())]
    }
}
