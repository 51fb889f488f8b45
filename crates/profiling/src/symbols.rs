//! Addresses of code to names.

use std::collections::{HashMap, HashSet};

use crate::profile::Frame;

mod names;
mod table;

/// Names for the addresses of stacks; each address is looked up once.
///
/// Lines and inlined functions come from the debug information, which is there with names that lack their path: the
/// function's own name is taken from the symbol table, and the path of an inlined one is guessed from its file. Reading
/// both takes some hundred milliseconds and some tens of megabytes, which are given back.
pub(crate) struct Symbols(HashMap<usize, Vec<Frame>>);

impl Symbols {
    /// Looks up every address of these stacks.
    pub(crate) fn of<'a>(stacks: impl IntoIterator<Item = &'a [usize]>) -> Self {
        let addresses: HashSet<usize> = stacks.into_iter().flatten().copied().collect();
        let functions = table::functions(&addresses).unwrap_or_default();
        let named = addresses.into_iter().map(|address| {
            let mut frames = described(address);
            if let (Some(outermost), Some(name)) = (frames.last_mut(), functions.get(&address)) {
                outermost.function = names::plain(&backtrace::SymbolName::new(name.as_bytes()));
            }
            (address, frames)
        });
        let symbols = Self(named.collect());
        backtrace::clear_symbol_cache();
        symbols
    }

    /// The stack with names, innermost first. Inlined functions have frames of their own.
    pub(crate) fn stack(&self, addresses: &[usize]) -> Vec<Frame> {
        let mut stack = Vec::with_capacity(addresses.len());
        for frames in addresses.iter().filter_map(|address| self.0.get(address)) {
            stack.extend_from_slice(frames);
        }
        stack
    }
}

/// What the debug information says, innermost first; a frame with the address where it says nothing.
fn described(address: usize) -> Vec<Frame> {
    let mut frames = Vec::new();
    // Addresses are as an unwinder gives them, behind the call; this looks one byte before by itself.
    backtrace::resolve(address as *mut _, |symbol| {
        let file = symbol
            .filename()
            .map_or_else(String::new, |path| path.display().to_string());
        let function = symbol.name().map_or_else(
            || unknown(address),
            |name| names::with_path(names::plain(&name), &file),
        );
        frames.push(Frame {
            function,
            file,
            line: symbol.lineno().unwrap_or_default(),
        });
    });
    if frames.is_empty() {
        frames.push(Frame {
            function: unknown(address),
            ..Frame::default()
        });
    }
    frames
}

fn unknown(address: usize) -> String {
    format!("0x{address:x}")
}
