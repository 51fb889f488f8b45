//! Pages of a sorted list, walked by an opaque cursor (MCP 2025-11-25, "Pagination").

use rmcp::ErrorData;
use rmcp::model::PaginatedRequestParams;

use super::method::Method;

/// One page and where the next one begins.
#[derive(Debug, PartialEq)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next_cursor: Option<String>,
}

/// The page of `items` (sorted by `key`) that `request` asks for, of at most `size` items.
///
/// The cursor is the name of the list and the last key of the page before, so that a list that changes meanwhile neither
/// repeats nor skips what stays in it, and the cursor of another list is not taken for one of this.
pub(crate) fn page<T: Clone>(
    list: Method,
    items: &[T],
    request: Option<PaginatedRequestParams>,
    size: usize,
    key: impl Fn(&T) -> &str,
) -> Result<Page<T>, ErrorData> {
    let start = match request.and_then(|request| request.cursor) {
        None => 0,
        Some(cursor) => {
            let last = decode(list, &cursor)?;
            items.partition_point(|item| key(item) <= last.as_str())
        }
    };
    let rest = items.get(start..).unwrap_or_default();
    let taken = rest.get(..size.max(1)).unwrap_or(rest);
    let next_cursor = (taken.len() < rest.len()).then(|| taken.last().map(|item| encode(list, key(item))));
    Ok(Page {
        items: taken.to_vec(),
        next_cursor: next_cursor.flatten(),
    })
}

fn encode(list: Method, last: &str) -> String {
    hex::encode(format!("{}\n{last}", list.as_str()))
}

fn decode(list: Method, cursor: &str) -> Result<String, ErrorData> {
    let read = || {
        let text = String::from_utf8(hex::decode(cursor).ok()?).ok()?;
        let last = text.strip_prefix(list.as_str())?.strip_prefix('\n')?;
        Some(last.to_owned())
    };
    read().ok_or_else(|| {
        let list = list.as_str();
        let message = format!("params of {list}: cursor: not one that this server gave for this list");
        ErrorData::invalid_params(message, None)
    })
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
            let page = page(Method::ListTools, &items, request(cursor), size, |item| item).unwrap();
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
        let (items, cursor) = (["a".to_owned(), "c".to_owned()], encode(Method::ListTools, "b"));
        let page = page(Method::ListTools, &items, request(Some(cursor)), 5, |item| item).unwrap();
        assert_eq!(page.items, ["c"]);
    }

    #[test]
    fn a_foreign_cursor_is_an_invalid_parameter() {
        let (items, others) = (["a".to_owned()], encode(Method::ListPrompts, "a"));
        for cursor in ["", "zz", "61", "made-up", &others] {
            let asked = request(Some(cursor.to_owned()));
            let error = page(Method::ListTools, &items, asked, 5, |item| item).unwrap_err();
            assert_eq!(error.code, rmcp::model::ErrorCode::INVALID_PARAMS);
            assert!(error.message.contains("cursor"), "{}", error.message);
        }
    }
}
