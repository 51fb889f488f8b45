//! The arguments of a tool: its input schema, and where each argument goes.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use domain::tool::{Body, BodyEncoding, BodySource, Location, Parameter, Part, Style};
use serde_json::{Map, Value, json};

use super::document::Document;
use super::media::{self, Choice};
use super::operation::{Input, Operation, RequestBody, Skip};
use super::pointer::Pointer;
use super::prose;
use super::schema::Schemas;
use super::shape;

/// Longest name of an argument; the vendors of models accept no longer one.
const MAX_NAME: usize = 64;

/// Most arguments of one tool: no model reads more, and no real operation has a tenth of it.
const MAX_ARGUMENTS: usize = 2_000;

/// The arguments of one operation.
pub(super) struct Arguments {
    /// The input schema, before it is closed.
    pub(super) schema: Value,
    /// Where the arguments outside the body go.
    pub(super) parameters: Vec<Parameter>,
    /// Which arguments make up the body.
    pub(super) body: Option<Body>,
}

/// Gathers the arguments of an operation.
///
/// # Errors
/// Why the operation cannot be a tool.
pub(super) fn gather(
    document: &Document,
    schemas: &mut Schemas<'_>,
    operation: &Operation<'_>,
) -> Result<Arguments, Skip> {
    let body = match &operation.body {
        Some(body) => Some((body, choice(document, body)?)),
        None => None,
    };
    let mut gatherer = Gatherer {
        document,
        schemas,
        list: List::default(),
    };
    let parameters = gatherer.parameters(&operation.parameters);
    let body = body.map(|(body, choice)| gatherer.body(body, &choice));
    let found = gatherer.list.properties.len();
    if found > MAX_ARGUMENTS {
        return Err(Skip(format!(
            "it has {found} arguments, more than {MAX_ARGUMENTS}"
        )));
    }
    Ok(Arguments {
        schema: gatherer.list.into_schema(),
        parameters,
        body,
    })
}

fn choice<'m, 'd>(document: &Document, body: &'m RequestBody<'d>) -> Result<Choice<'m, 'd>, Skip> {
    media::choose(document, &body.content).ok_or_else(|| {
        let names: Vec<&str> = body.content.iter().map(|media| media.name.as_str()).collect();
        Skip(format!(
            "its body is written as {}, which is not supported",
            names.join(" or ")
        ))
    })
}

/// The arguments so far.
#[derive(Default)]
struct List {
    names: HashSet<String>,
    /// The last number that was put behind a name, so that many that are alike are not counted through again.
    counted: HashMap<String, usize>,
    properties: Map<String, Value>,
    required: Vec<String>,
    dependent: Map<String, Value>,
}

impl List {
    /// Takes a name: that of upstream without what models' vendors refuse, with a suffix where it is taken.
    fn name(&mut self, upstream: &str, suffix: &str) -> String {
        let clean = clean(upstream);
        let with = |end: &str| {
            let room = MAX_NAME.saturating_sub(end.len() + 1);
            format!("{}_{end}", clean.get(..room).unwrap_or(&clean))
        };
        let mut name = [clean.clone(), with(suffix)]
            .into_iter()
            .find(|name| !self.names.contains(name));
        let last = self.counted.entry(with(suffix)).or_insert(1);
        while name.is_none() {
            *last += 1;
            name = Some(with(&format!("{suffix}_{last}"))).filter(|name| !self.names.contains(name));
        }
        let name = name.unwrap_or(clean);
        self.names.insert(name.clone());
        name
    }

    fn into_schema(self) -> Value {
        let mut schema = json!({
            "type": "object",
            "properties": self.properties,
            "additionalProperties": false,
        });
        if !self.required.is_empty() {
            schema["required"] = json!(self.required);
        }
        if !self.dependent.is_empty() {
            schema["dependentRequired"] = Value::Object(self.dependent);
        }
        schema
    }
}

fn clean(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            c if c.is_ascii_alphanumeric() || "_.-".contains(c) => out.push(c),
            _ if out.ends_with('_') || out.is_empty() => {}
            _ => out.push('_'),
        }
    }
    let cut = out.get(..MAX_NAME).unwrap_or(&out);
    let kept = if name.ends_with('_') {
        cut
    } else {
        cut.trim_end_matches('_')
    };
    if kept.is_empty() {
        "argument".to_owned()
    } else {
        kept.to_owned()
    }
}

struct Gatherer<'g, 'd> {
    document: &'g Document,
    schemas: &'g mut Schemas<'d>,
    list: List,
}

impl Gatherer<'_, '_> {
    /// The path's arguments take their names first: they are the ones that everybody knows.
    fn parameters(&mut self, inputs: &[Input<'_>]) -> Vec<Parameter> {
        let mut ordered: Vec<&Input<'_>> = inputs.iter().collect();
        ordered.sort_by_key(|input| input.location != Location::Path);
        ordered.into_iter().map(|input| self.parameter(input)).collect()
    }

    fn parameter(&mut self, input: &Input<'_>) -> Parameter {
        let suffix = match input.location {
            Location::Path => "path",
            Location::Query => "query",
            Location::Header => "header",
            Location::Cookie => "cookie",
        };
        let argument = self.list.name(input.name, suffix);
        let mut schema = self.schemas.convert(&input.schema);
        describe(&mut schema, input.description);
        if let Some(members) = schema.as_object_mut().filter(|_| input.deprecated) {
            members.insert("deprecated".to_owned(), json!(true));
        }
        if input.required {
            self.list.required.push(argument.clone());
        }
        self.list.properties.insert(argument.clone(), schema);
        Parameter {
            argument,
            name: input.name.to_owned(),
            location: input.location,
            style: input.style,
            explode: input.explode,
            allow_reserved: input.allow_reserved,
            json: input.json,
        }
    }

    fn body(&mut self, body: &RequestBody<'_>, choice: &Choice<'_, '_>) -> Body {
        let schema = choice.media.schema.as_deref();
        let by_property = matches!(
            choice.encoding,
            BodyEncoding::Json | BodyEncoding::Form | BodyEncoding::Multipart
        );
        let shape = schema
            .filter(|_| by_property)
            .and_then(|schema| shape::of(self.document, schema));
        let parts = match shape.as_ref().filter(|_| choice.encoding != BodyEncoding::Json) {
            Some(shape) => parts(self.document, shape, choice),
            None => Vec::new(),
        };
        let source = match shape {
            Some(shape) => self.properties(&shape, body.required),
            None => self.whole(body, schema, choice.encoding),
        };
        Body {
            source,
            encoding: choice.encoding,
            media_type: choice.media_type.clone(),
            required: body.required,
            parts,
        }
    }

    /// Each property is an argument. Those that a body needs are needed with the call where the body is, else with
    /// any other property of it.
    fn properties(&mut self, shape: &shape::Shape<'_>, body_required: bool) -> BodySource {
        let mut pairs = Vec::new();
        for (name, property) in &shape.properties {
            if self.schemas.is_hidden(property) {
                continue;
            }
            let argument = self.list.name(name, "body");
            let schema = self.schemas.convert(property);
            self.list.properties.insert(argument.clone(), schema);
            pairs.push((argument, (*name).to_owned()));
        }
        let required: Vec<String> = pairs
            .iter()
            .filter(|(_, name)| shape.required.contains(&name.as_str()))
            .map(|(argument, _)| argument.clone())
            .collect();
        if body_required {
            self.list.required.extend(required);
        } else {
            for (argument, _) in &pairs {
                let others: Vec<&String> = required.iter().filter(|other| *other != argument).collect();
                if !others.is_empty() {
                    self.list.dependent.insert(argument.clone(), json!(others));
                }
            }
        }
        BodySource::Properties { properties: pairs }
    }

    /// One argument is the whole body.
    fn whole(
        &mut self,
        body: &RequestBody<'_>,
        schema: Option<&Value>,
        encoding: BodyEncoding,
    ) -> BodySource {
        let argument = self.list.name("body", "whole");
        let mut converted = match encoding {
            BodyEncoding::Text => json!({"type": "string"}),
            BodyEncoding::Binary => json!({"type": "string", "contentEncoding": "base64"}),
            _ => schema.map_or_else(|| json!({}), |schema| self.schemas.convert(schema)),
        };
        let bytes = (encoding == BodyEncoding::Binary).then_some("The content, as base64.");
        describe(&mut converted, body.description.or(bytes));
        if body.required {
            self.list.required.push(argument.clone());
        }
        self.list.properties.insert(argument.clone(), converted);
        BodySource::Argument { argument }
    }
}

fn describe(schema: &mut Value, description: Option<&str>) {
    let text = description
        .map(|text| prose::trim(text, prose::ARGUMENT))
        .filter(|text| !text.is_empty());
    if let (Some(members), Some(text)) = (schema.as_object_mut(), text) {
        members.insert("description".to_owned(), Value::String(text));
    }
}

/// How the properties of a form are written, where the description says more than their names.
fn parts(document: &Document, shape: &shape::Shape<'_>, choice: &Choice<'_, '_>) -> Vec<Part> {
    let encoding = choice.media.encoding.as_ref().map(Cow::as_ref);
    let multipart = choice.encoding == BodyEncoding::Multipart;
    let part = |(name, property): (&&str, &&Value)| {
        let given = encoding
            .and_then(|encoding| encoding.get(*name))
            .and_then(Value::as_object);
        let text = |key| given.and_then(|given| given.get(key)).and_then(Value::as_str);
        let binary = multipart && is_file(document, property);
        let style = match text("style") {
            Some("spaceDelimited") => Style::SpaceDelimited,
            Some("pipeDelimited") => Style::PipeDelimited,
            Some("deepObject") => Style::DeepObject,
            _ => Style::Form,
        };
        let explode = given
            .and_then(|given| given.get("explode"))
            .and_then(Value::as_bool);
        (binary || given.is_some()).then(|| Part {
            name: (*name).to_owned(),
            binary,
            content_type: text("contentType").filter(|_| multipart).and_then(first_type),
            style,
            explode: explode.unwrap_or(matches!(style, Style::Form | Style::DeepObject)),
        })
    };
    shape.properties.iter().filter_map(part).collect()
}

/// The first of a list of media types that is no range.
fn first_type(list: &str) -> Option<String> {
    list.split(',')
        .map(str::trim)
        .find(|name| !name.is_empty() && !name.contains('*'))
        .map(str::to_owned)
}

fn is_file(document: &Document, property: &Value) -> bool {
    let Ok(property) = document.follow(property, &Pointer::Text("")) else {
        return false;
    };
    let Some(members) = property.value.as_object() else {
        return false;
    };
    media::is_binary(members) || members.get("items").is_some_and(|items| is_file(document, items))
}
