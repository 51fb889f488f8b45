//! Cursors: the sort key of a page's last row, in base64url so that nobody builds on its form.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{Cursor, Page, PageRequest, StoreError};
use uuid::Uuid;

/// The name after which the page begins.
pub fn after_name(page: &PageRequest) -> Result<Option<String>, StoreError> {
    page.after.as_ref().map(|cursor| decode(&cursor.0)).transpose()
}

/// The id after which the page begins.
pub fn after_id(page: &PageRequest) -> Result<Option<Uuid>, StoreError> {
    let key = after_name(page)?;
    key.map(|key| Uuid::parse_str(&key).map_err(|_| malformed()))
        .transpose()
}

/// How many rows to read: one more than asked for, which tells whether there is another page.
pub fn rows_to_read(page: &PageRequest) -> i64 {
    i64::from(page.limit.clamp(1, PageRequest::MAX)) + 1
}

/// The page made of rows that were read with [`rows_to_read`].
pub fn page<T, K: ToString>(mut items: Vec<T>, request: &PageRequest, key: impl Fn(&T) -> K) -> Page<T> {
    let limit = request.limit.clamp(1, PageRequest::MAX) as usize;
    let more = items.len() > limit;
    items.truncate(limit);
    let last = items.last().filter(|_| more);
    let next = last.map(|item| Cursor(encode(&key(item).to_string())));
    Page { items, next }
}

/// Hides a sort key.
pub fn encode(key: &str) -> String {
    URL_SAFE_NO_PAD.encode(key)
}

/// Shows the sort key of a cursor that a client sent.
pub fn decode(cursor: &str) -> Result<String, StoreError> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| malformed())?;
    let key = String::from_utf8(bytes).map_err(|_| malformed())?;
    if key.contains('\0') {
        Err(malformed())
    } else {
        Ok(key)
    }
}

/// The answer to a cursor that we did not make.
pub fn malformed() -> StoreError {
    StoreError::conflict("cursor", "must be a cursor of an earlier page of this list")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_last_page_has_no_next_one() {
        let page = page(vec!["a", "b"], &PageRequest::first(2), |name| *name);
        assert_eq!(page.items, ["a", "b"]);
        assert_eq!(page.next, None);
    }

    #[test]
    fn a_page_with_more_behind_it_points_after_its_last_row() {
        let page = page(vec!["a", "b", "c"], &PageRequest::first(2), |name| *name);
        assert_eq!(page.items, ["a", "b"]);
        assert_eq!(decode(&page.next.unwrap().0).unwrap(), "b");
    }

    #[test]
    fn a_made_up_cursor_is_refused_by_name() {
        for text in ["***", "4pyT4pyT=", &encode("a\0b")] {
            let refused = decode(text).unwrap_err();
            assert!(
                matches!(refused, StoreError::Conflict { field: "cursor", .. }),
                "{text}"
            );
        }
        let request = PageRequest {
            limit: 1,
            after: Some(Cursor(encode("no id"))),
        };
        assert!(after_id(&request).is_err());
    }
}
