//! The newest events of a log that is read from its beginning: windows before its end, until there are enough.

use serde::Deserialize;
use serde_json::Value;

use crate::api::Api;
use crate::failure::Failure;

/// The most that a page has.
const PAGE: u16 = 200;

/// What the API answers.
#[derive(Deserialize)]
pub(super) struct Page {
    pub(super) items: Vec<Value>,
    /// The `after` of the next page.
    pub(super) next: u64,
    last: u64,
    pruned: u64,
}

/// What happened after this number.
pub(super) async fn page(
    api: &Api,
    query: &[(&str, String)],
    after: u64,
    limit: u16,
) -> Result<Page, Failure> {
    let mut query = query.to_vec();
    query.extend([("after", after.to_string()), ("limit", limit.to_string())]);
    let page = api.get(&["events"], &query).await?;
    serde_json::from_value(page).map_err(|error| Failure::of("events", error))
}

/// The newest that fit, at most `limit`, and where the log ends.
pub(super) async fn newest(api: &Api, query: &[(&str, String)], limit: u16) -> Result<Page, Failure> {
    let bounds = page(api, query, 0, 1).await?;
    let mut window = u64::from(limit);
    loop {
        let from = bounds.last.saturating_sub(window).max(bounds.pruned);
        let mut found = page(api, query, from, PAGE).await?;
        while found.next < found.last {
            let more = page(api, query, found.next, PAGE).await?;
            let before = std::mem::replace(&mut found, more).items;
            found.items.splice(0..0, before);
        }
        let too_many = found.items.len().saturating_sub(limit.into());
        if too_many > 0 || found.items.len() == usize::from(limit) || from <= bounds.pruned {
            found.items.drain(..too_many);
            return Ok(found);
        }
        window = window.saturating_mul(10);
    }
}
