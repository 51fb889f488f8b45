//! From an operation to a tool.

use domain::tool::{Annotations, Binding, HttpBinding};
use serde_json::Value;

use super::document::Document;
use super::operation::{self, Skip};
use super::schema::{Schemas, Side};
use super::site::Site;
use super::{ImportRequest, ToolDraft, arguments, output, prose, server};

/// Makes the tools of one description.
pub(super) struct Drafter<'d> {
    document: &'d Document,
    base_url: &'d str,
    request: &'d ImportRequest<'d>,
    inputs: Schemas<'d>,
    outputs: Schemas<'d>,
}

impl<'d> Drafter<'d> {
    /// A drafter for operations below `base_url`.
    pub(super) fn new(document: &'d Document, base_url: &'d str, request: &'d ImportRequest<'d>) -> Self {
        let limits = &request.limits;
        Self {
            document,
            base_url,
            request,
            inputs: Schemas::new(document, Side::Input, limits.max_input_schema_bytes),
            outputs: Schemas::new(document, Side::Output, limits.max_output_schema_bytes),
        }
    }

    /// The tool of one operation.
    ///
    /// # Errors
    /// Why it cannot be one.
    pub(super) fn draft(&mut self, site: &Site<'_>, name: String) -> Result<ToolDraft, Skip> {
        let described_at = self.request.description_url.as_ref();
        let base_url = server::of_operation(site, self.base_url, described_at)?;
        let operation = operation::read(self.document, site)?;
        let arguments = arguments::gather(self.document, &mut self.inputs, &operation)?;
        let input = self.inputs.close(arguments.schema);
        if let Some(reference) = input.foreign {
            return Err(operation::foreign(&reference));
        }
        let output = output::of(self.document, &mut self.outputs, &operation);
        let text = |key| site.operation.get(key).and_then(Value::as_str);
        let deprecated = site.operation.get("deprecated") == Some(&Value::Bool(true));
        Ok(ToolDraft {
            name,
            title: prose::title(text("summary")),
            description: prose::tool(text("summary"), text("description"), deprecated, &site.label()),
            tags: site.tags().map(prose::visible).collect(),
            input_schema: input.schema.into(),
            annotations: annotations(&site.method),
            binding: Binding::Http(HttpBinding {
                method: site.method.clone(),
                path: site.path.to_owned(),
                base_url,
                parameters: arguments.parameters,
                body: arguments.body,
                wraps_result: output.as_ref().is_some_and(|output| output.wraps_result),
            }),
            output_schema: output.map(|output| output.schema.into()),
        })
    }
}

/// What a method promises (RFC 9110, section 9.2).
fn annotations(method: &str) -> Annotations {
    let read_only = matches!(method, "GET" | "HEAD" | "OPTIONS");
    Annotations {
        read_only,
        destructive: matches!(method, "PUT" | "PATCH" | "DELETE"),
        idempotent: read_only || matches!(method, "PUT" | "DELETE"),
        open_world: true,
    }
}
