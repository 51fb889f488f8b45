//! The importer, from text to tools: one description for each thing that importers are known to get wrong.
//!
//! Every import here goes through `support`, which compiles all schemas of all tools as JSON Schema 2020-12 and
//! holds names to their form.
#![cfg(test)]

#[path = "openapi/answers.rs"]
mod answers;
#[path = "openapi/arguments.rs"]
mod arguments;
#[path = "openapi/bodies.rs"]
mod bodies;
#[path = "openapi/composition.rs"]
mod composition;
#[path = "openapi/faults.rs"]
mod faults;
#[path = "openapi/github.rs"]
mod github;
#[path = "openapi/mutation.rs"]
mod mutation;
#[path = "openapi/names.rs"]
mod names;
#[path = "openapi/parameters.rs"]
mod parameters;
#[path = "openapi/selection.rs"]
mod selection;
#[path = "openapi/servers.rs"]
mod servers;
#[path = "openapi/support.rs"]
mod support;
#[path = "openapi/swagger2.rs"]
mod swagger2;
#[path = "openapi/text.rs"]
mod text;
