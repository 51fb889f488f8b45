//! Requests that somebody looks at closely (`X-Debug-Trace: true`): exported whatever the ratio says, and logged at debug.
//!
//! That a request is one travels with its trace, as the entry `devmesh=debug` of `tracestate`. The entry counts only where
//! the carrier is the mesh's own; from outside it is the header that asks, and the caller has to be known first.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::config::DebugRequests;

/// The mesh's entry of `tracestate`.
const ENTRY: &str = "devmesh=debug";
const KEY: &str = "devmesh=";

/// Spans of such requests that are open in this process: where there are none, nobody has to look for one.
static OPEN: AtomicUsize = AtomicUsize::new(0);

/// Whether any such request may be running here.
pub(crate) fn any_open() -> bool {
    OPEN.load(Relaxed) > 0
}

/// How far a trace is looked at closely.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Debug {
    /// As any other.
    #[default]
    No,
    /// Asked for by somebody who is not known yet.
    Asked,
    /// So it is.
    Yes,
}

/// What a span that begins here goes by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Ask {
    /// By its parent in this process; a mark from outside is nobody's.
    #[default]
    Nothing,
    /// `X-Debug-Trace` at one of the doors.
    Header,
    /// The mark, once the peer has shown a service key.
    Peer,
    /// The mark: the carrier is the mesh's own (a job's row, a message).
    Ours,
}

impl Debug {
    /// What it is for a span whose parent has `self`.
    pub(crate) fn begin(self, ask: Ask, allowed: DebugRequests) -> Self {
        match (ask, self) {
            _ if allowed == DebugRequests::Nobody => Debug::No,
            (Ask::Header, _) if allowed == DebugRequests::Anyone => Debug::Yes,
            (_, Debug::Yes) | (Ask::Ours, Debug::Asked) => Debug::Yes,
            (Ask::Header, _) | (Ask::Peer, Debug::Asked) => Debug::Asked,
            _ => Debug::No,
        }
    }

    /// Takes the mesh's entry out of a `tracestate`: whether it was there, and what is left.
    pub(crate) fn take(state: &str) -> (Self, String) {
        let entries = state.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        let (mut found, mut rest) = (Debug::No, Vec::new());
        for entry in entries {
            match entry {
                ENTRY => found = Debug::Asked,
                entry if entry.starts_with(KEY) => {}
                entry => rest.push(entry),
            }
        }
        (found, rest.join(","))
    }

    /// The `tracestate` to send along.
    pub(crate) fn put(self, state: Option<&str>) -> Option<String> {
        match (self, state) {
            (Debug::Yes, Some(state)) => Some(format!("{ENTRY},{state}")),
            (Debug::Yes, None) => Some(ENTRY.to_owned()),
            (_, state) => state.map(str::to_owned),
        }
    }
}

/// An open span of such a request.
#[derive(Debug)]
pub(crate) struct Watched(());

impl Watched {
    pub(crate) fn new() -> Self {
        OPEN.fetch_add(1, Relaxed);
        Watched(())
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        OPEN.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_is_taken_out_and_put_in_front_of_others() {
        assert_eq!(
            Debug::take("a=1, devmesh=debug ,b=2"),
            (Debug::Asked, "a=1,b=2".to_owned())
        );
        assert_eq!(Debug::take("devmesh=else"), (Debug::No, String::new()));
        assert_eq!(Debug::Yes.put(Some("a=1")).as_deref(), Some("devmesh=debug,a=1"));
        assert_eq!(Debug::Asked.put(None), None, "nobody allowed it yet");
    }

    #[test]
    fn a_mark_from_outside_asks_for_nothing() {
        let begin = |parent: Debug, ask| parent.begin(ask, DebugRequests::Authenticated);
        assert_eq!(begin(Debug::Asked, Ask::Nothing), Debug::No);
        assert_eq!(begin(Debug::Asked, Ask::Header), Debug::Asked);
        assert_eq!(begin(Debug::Asked, Ask::Peer), Debug::Asked);
        assert_eq!(begin(Debug::Asked, Ask::Ours), Debug::Yes);
        assert_eq!(begin(Debug::Yes, Ask::Nothing), Debug::Yes);
        assert_eq!(Debug::Yes.begin(Ask::Ours, DebugRequests::Nobody), Debug::No);
    }
}
