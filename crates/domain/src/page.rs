//! Pages of a list, walked by a cursor.

use serde::{Deserialize, Serialize};

/// Where a page begins: everything after the row with this sort key. Opaque to clients.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(pub String);

/// Which page is asked for.
#[derive(Debug, Clone)]
pub struct PageRequest {
    /// At most this many rows, 1 to [`PageRequest::MAX`].
    pub limit: u32,
    /// After this cursor; the first page when absent.
    pub after: Option<Cursor>,
}

impl PageRequest {
    /// The largest page: it keeps one answer below about a megabyte.
    pub const MAX: u32 = 200;

    /// The first page of at most `limit` rows (clamped to 1..=[`Self::MAX`]).
    #[must_use]
    pub fn first(limit: u32) -> Self {
        Self {
            limit: limit.clamp(1, Self::MAX),
            after: None,
        }
    }
}

/// One page of rows.
#[derive(Debug, Clone, Serialize)]
pub struct Page<T> {
    /// The rows, in the list's order.
    pub items: Vec<T>,
    /// Ask for the next page with this; absent on the last one.
    pub next: Option<Cursor>,
}
