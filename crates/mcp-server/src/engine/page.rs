//! Pages of a sorted list, walked by an opaque cursor (MCP 2025-11-25, "Pagination").

use rmcp::ErrorData;
use rmcp::model::PaginatedRequestParams;

/// One page and where the next one begins.
#[derive(Debug, PartialEq)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next_cursor: Option<String>,
}

/// The page of `items` (sorted by `key`) that `request` asks for, of at most `size` items.
///
/// The cursor is the last key of the page before, so that a list that changes meanwhile neither repeats nor skips
/// what stays in it.
pub(crate) fn page<T: Clone>(
    items: &[T],
    request: Option<PaginatedRequestParams>,
    size: usize,
    key: impl Fn(&T) -> &str,
) -> Result<Page<T>, ErrorData> {
    let start = match request.and_then(|request| request.cursor) {
        None => 0,
        Some(cursor) => {
            let last = decode(&cursor)?;
            items.partition_point(|item| key(item) <= last.as_str())
        }
    };
    let rest = items.get(start..).unwrap_or_default();
    let taken = rest.get(..size.max(1)).unwrap_or(rest);
    let next_cursor = (taken.len() < rest.len()).then(|| taken.last().map(|item| hex::encode(key(item))));
    Ok(Page {
        items: taken.to_vec(),
        next_cursor: next_cursor.flatten(),
    })
}

fn decode(cursor: &str) -> Result<String, ErrorData> {
    hex::decode(cursor)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| ErrorData::invalid_params("cursor: not one that this server gave", None))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(cursor: Option<String>) -> Option<PaginatedRequestParams> {
        Some(PaginatedRequestParams::default().with_cursor(cursor))
    }

    fn walk(items: &[&str], size: usize) -> Vec<Vec<String>> {
        let items: Vec<String> = items.iter().map(ToString::to_string).collect();
        let mut pages = Vec::new();
        let mut cursor = None;
        loop {
            let page = page(&items, request(cursor), size, |item| item).unwrap();
            pages.push(page.items);
            cursor = page.next_cursor;
            if cursor.is_none() {
                return pages;
            }
        }
    }

    #[test]
    fn every_item_is_on_exactly_one_page_and_the_last_page_has_no_cursor() {
        assert_eq!(
            walk(&["a", "b", "c", "d", "e"], 2),
            [vec!["a", "b"], vec!["c", "d"], vec!["e"]]
        );
        assert_eq!(walk(&["a", "b"], 2), [vec!["a", "b"]]);
        assert_eq!(walk(&[], 2), [Vec::<String>::new()]);
    }

    #[test]
    fn an_item_that_vanished_does_not_shift_the_next_page() {
        let cursor = Some(hex::encode("b"));
        let page = page(&["a".to_owned(), "c".to_owned()], request(cursor), 5, |item| item).unwrap();
        assert_eq!(page.items, ["c"]);
    }

    #[test]
    fn a_foreign_cursor_is_an_invalid_parameter() {
        let error = page(&["a".to_owned()], request(Some("zz".to_owned())), 5, |item| item).unwrap_err();
        assert_eq!(error.code, rmcp::model::ErrorCode::INVALID_PARAMS);
    }
}
