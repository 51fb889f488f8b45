//! The words of a tool, by where they stand.

use std::borrow::Cow;

use domain::Tool;
use domain::tool::{Binding, HttpBinding};
use serde_json::Value;

use super::words::Words;

/// Where a word stands.
#[derive(Clone, Copy)]
pub(super) struct Field {
    /// What one occurrence counts.
    pub(super) weight: f32,
    /// How much a long text makes each word count less, 0 to 1 (BM25's b).
    pub(super) length: f32,
}

/// How many fields there are.
pub(super) const COUNT: usize = 8;

/// Name, title, what the path ends in, the rest of the path, tags, the beginning of the description, the rest of it,
/// arguments. Names and titles are written to be recognised, and a path ends in the thing that it is about; a
/// description explains, and names other things on the way; arguments say only in passing what a tool deals with.
pub(super) const FIELDS: [Field; COUNT] = [
    Field {
        weight: 2.0,
        length: 0.6,
    },
    Field {
        weight: 2.5,
        length: 0.7,
    },
    Field {
        weight: 1.5,
        length: 0.3,
    },
    Field {
        weight: 0.6,
        length: 0.5,
    },
    Field {
        weight: 1.0,
        length: 0.3,
    },
    Field {
        weight: 1.0,
        length: 0.6,
    },
    Field {
        weight: 0.3,
        length: 0.7,
    },
    Field {
        weight: 0.2,
        length: 0.7,
    },
];

/// Words of a description that tell what the tool does; what follows are conditions and details.
const LEAD: usize = 40;

/// Most words of a first sentence that can stand for a title.
const SHORT: usize = 12;

/// Most words of one field: what follows is detail, and an index stays bounded whatever a description holds.
const LONGEST: usize = 160;

/// The stems of a tool, in the order of [`FIELDS`].
pub(super) fn of(tool: &Tool, words: &Words) -> [Vec<String>; COUNT] {
    let title = tool.title.as_deref().unwrap_or_default();
    let (thing, around) = path(tool);
    let text = tool.description.trim_start_matches("Deprecated. ");
    let text = text.strip_prefix(title).unwrap_or(text);
    let mut lead = words.of(&plain(text));
    let rest = lead.split_off(lead.len().min(LEAD));
    let mut fields = [
        words.of(&own_name(tool)),
        words.of(&headline(tool)),
        words.of(&thing),
        words.of(&around),
        tool.tags.iter().flat_map(|tag| words.of(tag)).collect(),
        lead,
        rest,
        arguments(&tool.input_schema.value())
            .flat_map(|name| words.of(name))
            .collect(),
    ];
    fields.iter_mut().for_each(|field| field.truncate(LONGEST));
    fields
}

/// The title; where there is none the first sentence, if it is short, else the name.
fn headline(tool: &Tool) -> Cow<'_, str> {
    if let Some(title) = tool.title.as_deref() {
        return title.into();
    }
    let line = tool.description.lines().next().unwrap_or_default();
    let sentence = line.split_once(". ").map_or(line, |(sentence, _)| sentence);
    if (1..=SHORT).contains(&sentence.split_whitespace().count()) {
        return sentence.into();
    }
    own_name(tool).into()
}

/// The distinct stems of the headline.
pub(super) fn title(tool: &Tool, words: &Words) -> Vec<String> {
    let mut stems = words.of(&headline(tool));
    stems.sort_unstable();
    stems.dedup();
    stems
}

/// The name without the provider's, which all of its tools share, and without the digest that keeps names apart.
fn own_name(tool: &Tool) -> String {
    let name = tool
        .name
        .split_once('_')
        .map_or(tool.name.as_str(), |(_, own)| own);
    match name.rsplit_once('_') {
        Some((kept, end)) if is_digest(end) => kept.to_owned(),
        _ => name.to_owned(),
    }
}

fn is_digest(text: &str) -> bool {
    text.len() == 8
        && text.bytes().all(|byte| byte.is_ascii_hexdigit())
        && text.bytes().any(|byte| byte.is_ascii_digit())
}

/// The last fixed segment of the path, and what stands before it.
fn path(tool: &Tool) -> (String, String) {
    let Binding::Http(HttpBinding { path, .. }) = &tool.binding;
    let mut fixed: Vec<&str> = path.split('/').filter(|segment| !segment.contains('{')).collect();
    let last = fixed.pop().unwrap_or_default();
    (last.to_owned(), fixed.join(" "))
}

/// A description without the addresses that it links to.
fn plain(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        let word = word.split_once("](").map_or(word, |(shown, _)| shown);
        if !word.contains("://") {
            kept.push_str(word);
            kept.push(' ');
        }
    }
    kept
}

fn arguments(schema: &Value) -> impl Iterator<Item = &str> {
    let properties = schema.get("properties").and_then(Value::as_object);
    properties
        .into_iter()
        .flat_map(|properties| properties.keys().map(String::as_str))
}
