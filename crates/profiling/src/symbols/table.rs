//! The symbol table of this program: whole names of functions.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};

use object::read::ReadCache;
use object::{Object, ObjectKind, ObjectSymbol, SymbolKind};

/// Names as they were linked, for those addresses that lie in a function of this program's own file. None when there is no
/// table, as in a stripped file.
pub(super) fn functions(addresses: &HashSet<usize>) -> Option<HashMap<usize, String>> {
    let cache = ReadCache::new(File::open("/proc/self/exe").ok()?);
    let program = object::File::parse(&cache).ok()?;
    let base = match program.kind() {
        ObjectKind::Dynamic => loaded_at()?,
        _ => 0,
    };
    let mut functions: Vec<(u64, u64, &str)> = program
        .symbols()
        .filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.size() > 0)
        .filter_map(|symbol| Some((symbol.address(), symbol.size(), symbol.name().ok()?)))
        .collect();
    functions.sort_unstable_by_key(|(start, ..)| *start);
    let name_of = |address: usize| {
        // Behind the call, which may be the function's last instruction.
        let at = (address as u64).checked_sub(base)?.checked_sub(1)?;
        let after = functions.partition_point(|(start, ..)| *start <= at);
        let (start, size, name) = functions.get(after.checked_sub(1)?)?;
        (at < start + size).then(|| (*name).to_owned())
    };
    let named = addresses
        .iter()
        .filter_map(|address| Some((*address, name_of(*address)?)));
    Some(named.collect())
}

/// Where the program's file begins in memory.
fn loaded_at() -> Option<u64> {
    let path = fs::read_link("/proc/self/exe").ok()?;
    let maps = fs::read_to_string("/proc/self/maps").ok()?;
    // START-END RIGHTS OFFSET DEVICE INODE PATH
    let is_first = |line: &&str| {
        let mut words = line.split_whitespace();
        words.nth(2) == Some("00000000") && words.nth(2).is_some_and(|file| path.as_os_str() == file)
    };
    let line = maps.lines().find(is_first)?;
    u64::from_str_radix(line.split('-').next()?, 16).ok()
}
