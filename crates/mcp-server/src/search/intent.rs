//! What a request wants done, and what a tool does, in four kinds that every HTTP interface has.

use domain::Tool;
use domain::tool::{Binding, HttpBinding};

use super::synonyms::{self, Verb};
use super::words::spoken;

/// What a request wants, or a tool does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Intent {
    /// To know something.
    Ask,
    /// To make something new.
    Create,
    /// To change something, or have something done.
    Change,
    /// To take something away, or end it.
    Delete,
}

/// What a request asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Wish {
    /// What should be done, where the request says so.
    pub(super) intent: Option<Intent>,
    /// Whether it is about several things: `which branches`, `list …`, `all …`.
    pub(super) several: bool,
}

/// What a tool does.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deed {
    intent: Intent,
    /// Whether it reads a collection.
    lists: bool,
}

/// First words of requests that ask.
const ASKS: &[&str] = &[
    "am", "are", "check", "compare", "count", "describe", "did", "display", "do", "does", "download",
    "fetch", "find", "get", "has", "have", "how", "inspect", "is", "list", "look", "lookup", "read",
    "retrieve", "search", "see", "show", "tell", "was", "were", "what", "when", "where", "which", "who",
    "whom", "whose", "why", "view",
];

/// First words that ask for several things.
const SEVERAL: &[&str] = &["which", "who", "list", "all", "every", "everything"];

/// What the request wants, by its first words; most requests that order begin with their verb.
pub(super) fn of(request: &str) -> Wish {
    let words = spoken(request);
    let word = |at: usize| words.get(at).map_or("", String::as_str);
    let several = SEVERAL.contains(&word(0))
        || SEVERAL.contains(&word(1))
        || (word(0) == "what" && matches!(word(2), "are" | "were"));
    let intent = match synonyms::verb(&words) {
        Some(Verb::Create) => Some(Intent::Create),
        Some(Verb::Change) => Some(Intent::Change),
        Some(Verb::Delete) => Some(Intent::Delete),
        None if ASKS.contains(&word(0)) || (word(0), word(1)) == ("give", "me") => Some(Intent::Ask),
        None => None,
    };
    Wish { intent, several }
}

/// Whether a first word says that something is asked.
pub(super) fn asks(word: &str) -> bool {
    ASKS.contains(&word)
}

/// First words of names of tools that only read, whatever their method.
const READS: &[&str] = &[
    "get", "list", "read", "search", "find", "count", "fetch", "query", "describe", "view", "show",
];

impl Deed {
    pub(super) fn of(tool: &Tool) -> Self {
        let Binding::Http(HttpBinding { method, path, .. }) = &tool.binding;
        let title = spoken(tool.title.as_deref().unwrap_or_default());
        let reads =
            tool.annotations.read_only || title.first().is_some_and(|first| READS.contains(&first.as_str()));
        let intent = match method.as_str() {
            _ if reads => Intent::Ask,
            "DELETE" => Intent::Delete,
            "POST" => Intent::Create,
            _ => Intent::Change,
        };
        Self {
            intent,
            lists: reads && !path.ends_with('}'),
        }
    }

    /// How much the tool counts, given what the request wants.
    pub(super) fn fits(self, wish: Wish) -> f32 {
        use Intent::{Ask, Change, Create, Delete};
        let kind = match (wish.intent, self.intent) {
            (None, _) => 1.0,
            (Some(wanted), does) if wanted == does => 1.2,
            (Some(Ask), _) | (Some(_), Ask) => 0.5,
            (Some(Create | Change), Create | Change) => 1.1,
            (Some(Delete), Change | Create) => 1.0,
            (Some(Create | Change), Delete) | (Some(_), _) => 0.85,
        };
        if wish.several && self.lists {
            kind * 1.2
        } else {
            kind
        }
    }
}
