//! Imports API descriptions: OpenAPI 3.0 and 3.1 (3.2 as far as it is the same) and Swagger 2.0, as JSON or YAML.
//!
//! Pure: text in, tools out; nothing is fetched. Four steps, each in a module of its own: the text becomes a JSON
//! value ([`text`]), the whole description is checked and every fault is reported at once ([`check`]), each
//! operation is read into one model whatever the version ([`operation`]), and the model becomes a tool ([`draft`]).
//!
//! Two rules decide what happens to what is not perfect. A description that is wrong in structure is refused as a
//! whole. An operation that is right but cannot be a tool is left out with its reason, and the others work.

mod arguments;
mod check;
mod document;
mod draft;
mod limits;
mod media;
mod name;
mod operation;
mod output;
mod pointer;
mod prose;
mod schema;
mod selection;
mod server;
mod shape;
mod site;
mod text;

use domain::provider::{Fault, Selection, Skipped};
use domain::tool::{Annotations, Binding, Schema};
use url::Url;

use self::document::Document;
use self::draft::Drafter;
use self::pointer::Faults;
use self::selection::Globs;

pub use self::limits::Limits;

/// What to import, and within which bounds.
#[derive(Debug, Clone)]
pub struct ImportRequest<'a> {
    /// The provider's name; tool names begin with it.
    pub provider_name: &'a str,
    /// Where calls go, instead of the servers that the description names.
    pub base_url: Option<String>,
    /// Where the description was fetched from; relative servers are resolved against it.
    pub description_url: Option<Url>,
    /// Which operations become tools.
    pub selection: &'a Selection,
    /// Bounds of the import.
    pub limits: Limits,
}

/// What a description gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// Where calls go: scheme, host, and a path prefix without trailing slash.
    pub base_url: String,
    /// The description's title; empty where it has none.
    pub title: String,
    /// The tools, by name.
    pub tools: Vec<ToolDraft>,
    /// The operations that cannot be tools, by path and method.
    pub skipped: Vec<Skipped>,
    /// How many operations the selection leaves out.
    pub deselected: usize,
}

/// A tool before it is stored: everything of [`domain::tool::Tool`] except the identifiers.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolDraft {
    /// Unique in the import, `[A-Za-z0-9_-]{1,64}`; depends on the provider's name, the operation's id, method and
    /// path, so that it stays the same over refreshes.
    pub name: String,
    /// Title for people.
    pub title: Option<String>,
    /// What it does, at most 1,024 characters.
    pub description: String,
    /// The operation's tags.
    pub tags: Vec<String>,
    /// JSON Schema 2020-12 of the arguments, `type: object`.
    pub input_schema: Schema,
    /// JSON Schema 2020-12 of `structuredContent`, `type: object`. Loose on purpose: it holds for answers with
    /// missing members, nulls and new enumeration values too, since clients refuse an answer that does not match.
    pub output_schema: Option<Schema>,
    /// Hints from the HTTP method.
    pub annotations: Annotations,
    /// How a call becomes an upstream request.
    pub binding: Binding,
}

/// Reads a description and returns its tools.
///
/// # Errors
/// Every fault of the description, each with its JSON pointer (or line and column where the text does not parse).
pub fn import(text: &str, request: &ImportRequest<'_>) -> Result<Imported, Vec<Fault>> {
    let root = text::parse(text, &request.limits).map_err(|fault| vec![fault])?;
    let mut faults = Faults::default();
    let document = Document::new(root, &mut faults);
    check::check(&document, &mut faults);
    let sites = site::list(&document);
    site::check_count(&sites, request.limits.max_operations, &mut faults);
    let globs = Globs::new(request.selection, &mut faults);
    let base_url = server::base_url(&document, request, &mut faults);
    let (Some(globs), Some(base_url)) = (globs, base_url) else {
        return Err(faults.into_vec());
    };
    faults.into_result()?;

    let names = name::assign(request.provider_name, &sites);
    let mut drafter = Drafter::new(&document, &base_url, request);
    let (mut tools, mut skipped, mut deselected) = (Vec::new(), site::elsewhere(&document), 0);
    for (site, name) in sites.iter().zip(names) {
        if !globs.selects(site) {
            deselected += 1;
            continue;
        }
        match drafter.draft(site, name) {
            Ok(tool) => tools.push(tool),
            Err(reason) => skipped.push(Skipped {
                operation: site.label(),
                reason: reason.0,
            }),
        }
    }
    tools.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Imported {
        base_url,
        title: document.title().to_owned(),
        tools,
        skipped,
        deselected,
    })
}
