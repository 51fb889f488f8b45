//! The mesh's own tools as agents see them: names, arguments, results.

use std::sync::{Arc, LazyLock};

use domain::Tool as MeshTool;
use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The tool that calls another.
pub(in crate::engine::mesh) const CALL: &str = "call_tool";
pub(super) const SEARCH: &str = "search_tools";
pub(super) const DESCRIBE: &str = "describe_tool";

/// Most results of one search.
pub(super) const MOST_RESULTS: usize = 20;
/// Longest line about a tool, in characters.
const LINE: usize = 160;

/// Arguments of `search_tools`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Search {
    /// What the tool should do, in plain English, for example `stop the build that is running`.
    pub(super) query: String,
    /// Most results.
    #[serde(default = "usual_results")]
    #[schemars(range(min = 1, max = 20))]
    pub(super) limit: usize,
    /// Only tools of this service.
    pub(super) provider: Option<String>,
    /// Only tools with this tag.
    pub(super) tag: Option<String>,
    /// Only tools that change nothing (true), or only those that may (false).
    pub(super) read_only: Option<bool>,
}

fn usual_results() -> usize {
    5
}

/// Result of `search_tools`.
#[derive(Serialize, JsonSchema)]
struct Found {
    /// The tools that fit, best first.
    tools: Vec<Line>,
    /// How many tools there are.
    searched: usize,
}

/// One tool in a line.
#[derive(Serialize, JsonSchema)]
struct Line {
    /// Its name, for `describe_tool` and `call_tool`.
    name: String,
    /// What it does.
    description: String,
    /// The arguments that it cannot do without.
    required: Vec<String>,
    /// It changes nothing.
    read_only: bool,
    /// It may destroy or overwrite something.
    destructive: bool,
    /// Calling it again changes nothing more.
    idempotent: bool,
}

/// Arguments of `describe_tool`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Describe {
    /// The tool's name.
    pub(super) name: String,
    /// Whether to show what its answers look like, too.
    #[serde(default)]
    pub(super) with_output: bool,
}

/// Arguments of `call_tool`. Those of a known tool never come as such: the call is made the tool's own before it is run.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Call {
    /// The tool's name.
    pub(super) name: String,
    /// Its arguments, as `describe_tool` shows them.
    #[serde(default, rename = "arguments")]
    _arguments: JsonObject,
}

/// The mesh's own tools, by name: what is listed instead of a large catalogue.
#[must_use]
pub fn all() -> &'static [Tool] {
    static ALL: LazyLock<[Tool; 3]> = LazyLock::new(|| [call_tool(), describe_tool(), search_tools()]);
    &*ALL
}

fn search_tools() -> Tool {
    let mut tool = Tool::new(
        SEARCH,
        "Finds tools by what they do. There are too many to list: begin here. Each result says what it needs; \
         describe_tool shows all of its arguments, call_tool calls it.",
        schema::<Search>(),
    );
    tool.output_schema = Some(schema::<Found>());
    looking(tool)
}

fn describe_tool() -> Tool {
    looking(Tool::new(
        DESCRIBE,
        "Shows how a tool is called: what it does and the JSON Schema of its arguments.",
        schema::<Describe>(),
    ))
}

fn call_tool() -> Tool {
    Tool::new(
        CALL,
        "Calls a tool that search_tools found, as if it were listed: it may change or destroy what that tool may.",
        schema::<Call>(),
    )
}

fn looking(mut tool: Tool) -> Tool {
    let hints = ToolAnnotations::new()
        .read_only(true)
        .idempotent(true)
        .open_world(false);
    tool.annotations = Some(hints);
    tool
}

fn schema<T: JsonSchema>() -> Arc<JsonObject> {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    let mut object = schema.as_object().cloned().unwrap_or_default();
    // They speak of our types, not of the tool.
    object.remove("title");
    object.remove("description");
    Arc::new(object)
}

/// What `search_tools` answers with these tools of `searched`.
pub fn found<'a>(tools: impl Iterator<Item = &'a MeshTool>, searched: usize) -> Value {
    let found = Found {
        tools: tools.map(Line::of).collect(),
        searched,
    };
    serde_json::to_value(found).unwrap_or_default()
}

impl Line {
    fn of(tool: &MeshTool) -> Self {
        let schema = tool.input_schema.value();
        let required = schema.get("required").and_then(Value::as_array);
        let names = required.into_iter().flatten().filter_map(Value::as_str);
        Self {
            name: tool.name.clone(),
            description: line(tool),
            required: names.map(str::to_owned).collect(),
            read_only: tool.annotations.read_only,
            destructive: tool.annotations.destructive,
            idempotent: tool.annotations.idempotent,
        }
    }
}

/// The title, or the first sentence of the description.
fn line(tool: &MeshTool) -> String {
    let text = tool.title.as_deref().unwrap_or(&tool.description);
    let first = text.lines().next().unwrap_or_default();
    let sentence = first.split_once(". ").map_or(first, |(sentence, _)| sentence);
    match sentence.char_indices().nth(LINE) {
        Some((end, _)) => format!("{}…", sentence.get(..end).unwrap_or(sentence)),
        None => sentence.to_owned(),
    }
}
