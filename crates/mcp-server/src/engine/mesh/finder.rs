//! The mesh's own tools: `search_tools`, `describe_tool` and `call_tool` stand for all others where those are too many
//! to list.

mod shape;

use domain::tool::RESERVED;
use domain::{CallErrorKind, Scope, Tool as MeshTool};
use rmcp::model::{CallToolRequestParams, CallToolResult, ContentBlock, JsonObject, Tool};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::shelves::Shelf;
use crate::engine::backend::{Answer, Refusal, ToolCall};
use shape::{Call, Describe, MOST_RESULTS, Search};

pub(super) use shape::CALL;
pub use shape::{all, found};

/// How many names are proposed for one that is not known.
const PROPOSED: usize = 3;

/// Whether this is the name of one of them.
pub(super) fn is_own(name: &str) -> bool {
    RESERVED.contains(&name)
}

/// Whether this is the name of one that only looks at what there is.
pub(super) fn looks(name: &str) -> bool {
    is_own(name) && name != CALL
}

/// One of them.
pub(super) fn own(name: &str) -> Option<Tool> {
    all().iter().find(|tool| tool.name == name).cloned()
}

/// The call that a `call_tool` stands for. What is no call of a known tool stays as it is, and is refused when it is run.
pub(super) fn meant(mut request: CallToolRequestParams, has: impl Fn(&str) -> bool) -> CallToolRequestParams {
    let called = request.arguments.as_ref().and_then(|given| {
        let name = given.get("name")?.as_str().filter(|name| has(name))?;
        let only = given.keys().all(|key| key == "name" || key == "arguments");
        let arguments = match given.get("arguments") {
            None | Some(Value::Null) => Some(None),
            Some(Value::Object(arguments)) => Some(Some(arguments.clone())),
            Some(_) => None,
        };
        only.then_some((name.to_owned(), arguments?))
    });
    if let Some((name, arguments)) = called {
        request.name = name.into();
        request.arguments = arguments;
    }
    request
}

/// Runs one of the mesh's own tools.
pub(super) async fn call(shelf: &Shelf, call: ToolCall<'_>) -> Result<Answer, Refusal> {
    let looks = call.caller.principal.may(Scope::ToolsRead);
    match call.name {
        shape::SEARCH => match understood(call.arguments) {
            Ok(wanted) => search(shelf, &wanted).await,
            Err(message) => Ok(mend(message)),
        },
        shape::DESCRIBE => match understood(call.arguments) {
            Ok(wanted) => describe(shelf, &wanted).await,
            Err(message) => Ok(mend(message)),
        },
        _ => match understood::<Call>(call.arguments) {
            Ok(wanted) if looks => unknown(shelf, &wanted.name).await,
            Ok(wanted) => Ok(failure(
                CallErrorKind::UnknownTool,
                format!("there is no tool `{}`", wanted.name),
            )),
            Err(message) => Ok(mend(message)),
        },
    }
}

/// The arguments, or what is wrong with them.
fn understood<T: DeserializeOwned>(arguments: JsonObject) -> Result<T, String> {
    serde_json::from_value(Value::Object(arguments)).map_err(|error| error.to_string())
}

async fn search(shelf: &Shelf, wanted: &Search) -> Result<Answer, Refusal> {
    if wanted.query.trim().is_empty() {
        return Ok(mend("query: say what the tool should do"));
    }
    if !(1..=MOST_RESULTS).contains(&wanted.limit) {
        return Ok(mend(format!("limit: 1 to {MOST_RESULTS}")));
    }
    let index = shelf.index().await?;
    let admits = |place: usize| {
        shelf
            .of
            .get(place)
            .is_some_and(|tool| admits(wanted, tool, shelf))
    };
    let hits = index.search(&wanted.query, wanted.limit, admits);
    let tools = hits.iter().filter_map(|hit| shelf.of.get(hit.place));
    Ok(shown(&found(tools.map(|tool| &**tool), index.len())))
}

fn admits(wanted: &Search, tool: &MeshTool, shelf: &Shelf) -> bool {
    let same = |wanted: &Option<String>, own: &str| {
        wanted
            .as_ref()
            .is_none_or(|wanted| wanted.eq_ignore_ascii_case(own))
    };
    same(&wanted.provider, shelf.provider_of(tool))
        && (wanted.tag.is_none() || tool.tags.iter().any(|tag| same(&wanted.tag, tag)))
        && wanted
            .read_only
            .is_none_or(|wanted| wanted == tool.annotations.read_only)
}

async fn describe(shelf: &Shelf, wanted: &Describe) -> Result<Answer, Refusal> {
    let Some(mut tool) = own(&wanted.name).or_else(|| shelf.tool(&wanted.name)) else {
        return unknown(shelf, &wanted.name).await;
    };
    if !wanted.with_output {
        tool.output_schema = None;
    }
    Ok(shown(&tool))
}

/// No tool has this name: proposes some that might be meant.
async fn unknown(shelf: &Shelf, name: &str) -> Result<Answer, Refusal> {
    let index = shelf.index().await?;
    let near = index.search(&name.replace(['_', '-'], " "), PROPOSED, |_| true);
    let mut places: Vec<usize> = near.iter().map(|hit| hit.place).collect();
    if places.is_empty() {
        places.extend(shelf.beside(name));
    }
    let tools = places.iter().filter_map(|place| shelf.of.get(*place));
    let names: Vec<&str> = tools.map(|tool| tool.name.as_str()).collect();
    let proposal = match names.as_slice() {
        [] => "search_tools finds tools by what they do".to_owned(),
        names => format!("did you mean {}?", names.join(", ")),
    };
    let text = format!("there is no tool `{name}`; {proposal}");
    Ok(failure(CallErrorKind::UnknownTool, text))
}

fn shown(value: &impl Serialize) -> Answer {
    let value = serde_json::to_value(value).unwrap_or_else(|_| json!({}));
    let response_bytes = value.to_string().len() as u64;
    Answer {
        response_bytes,
        ..Answer::of(CallToolResult::structured(value))
    }
}

fn mend(message: impl Into<String>) -> Answer {
    failure(CallErrorKind::InvalidArguments, message)
}

fn failure(kind: CallErrorKind, message: impl Into<String>) -> Answer {
    let result = CallToolResult::error(vec![ContentBlock::text(message.into())]);
    Answer {
        error: Some(kind),
        ..Answer::of(result)
    }
}
