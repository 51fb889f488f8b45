//! Reads operations of Swagger 2.0 into the model of OpenAPI 3.

use std::borrow::Cow;

use domain::tool::{Location, Style};
use serde_json::{Map, Value, json};

use super::{Answer, Input, Media, Operation, RequestBody, Skip, flag, media_name, member, successes, text};
use crate::openapi::document::Document;
use crate::openapi::pointer::Pointer;
use crate::openapi::site::Site;

/// Members of a parameter that are not of its schema.
const NOT_SCHEMA: [&str; 7] = [
    "name",
    "in",
    "description",
    "required",
    "collectionFormat",
    "allowEmptyValue",
    "schema",
];

/// Reads an operation with its merged parameters.
pub(super) fn read<'d>(
    document: &'d Document,
    site: &Site<'d>,
    parameters: &[&'d Map<String, Value>],
) -> Result<Operation<'d>, Skip> {
    let of = |place: &'static str| {
        parameters
            .iter()
            .copied()
            .filter(move |p| member(p, "in") == place)
    };
    let plain = parameters
        .iter()
        .filter(|p| !matches!(member(p, "in"), "body" | "formData"));
    let fields: Vec<_> = of("formData").collect();
    let body = match of("body").next() {
        Some(body) => Some(json_body(document, site, body)),
        None if !fields.is_empty() => Some(form_body(document, site, &fields)?),
        None => None,
    };
    Ok(Operation {
        parameters: plain
            .map(|parameter| input(parameter))
            .collect::<Result<_, _>>()?,
        body,
        answers: answers(document, site),
    })
}

fn input<'d>(parameter: &'d Map<String, Value>) -> Result<Input<'d>, Skip> {
    let location = match member(parameter, "in") {
        "path" => Location::Path,
        "header" => Location::Header,
        _ => Location::Query,
    };
    let (style, explode) = collection(parameter, location == Location::Query)?;
    Ok(Input {
        name: member(parameter, "name"),
        location,
        required: location == Location::Path || flag(parameter, "required"),
        schema: Cow::Owned(schema_of(parameter)),
        description: text(parameter, "description"),
        deprecated: flag(parameter, "deprecated"),
        style,
        explode,
        allow_reserved: false,
        json: false,
    })
}

/// A parameter is its own schema.
fn schema_of(parameter: &Map<String, Value>) -> Value {
    let members = parameter
        .iter()
        .filter(|(key, _)| !NOT_SCHEMA.contains(&key.as_str()));
    Value::Object(members.map(|(key, value)| (key.clone(), value.clone())).collect())
}

/// How an array is written: `collectionFormat` in the words of OpenAPI 3.
fn collection(parameter: &Map<String, Value>, named: bool) -> Result<(Style, bool), Skip> {
    let format = text(parameter, "collectionFormat").unwrap_or("csv");
    match (format, named) {
        ("multi", true) => Ok((Style::Form, true)),
        ("ssv", true) => Ok((Style::SpaceDelimited, false)),
        ("pipes", true) => Ok((Style::PipeDelimited, false)),
        ("csv", true) => Ok((Style::Form, false)),
        ("csv" | "multi", false) => Ok((Style::Simple, false)),
        (other, _) => Err(Skip(format!(
            "its parameter `{}` has the collectionFormat `{other}`, which is not supported",
            member(parameter, "name")
        ))),
    }
}

fn json_body<'d>(document: &'d Document, site: &Site<'d>, body: &'d Map<String, Value>) -> RequestBody<'d> {
    let types = media_types(document, site, "consumes");
    let types = if types.is_empty() {
        vec!["application/json".to_owned()]
    } else {
        types
    };
    let schema = body.get("schema");
    let media = |name| Media {
        name,
        schema: schema.map(Cow::Borrowed),
        encoding: None,
    };
    RequestBody {
        required: flag(body, "required"),
        description: text(body, "description"),
        content: types.into_iter().map(media).collect(),
    }
}

/// Form fields become the properties of one object, as OpenAPI 3 has them.
fn form_body<'d>(
    document: &'d Document,
    site: &Site<'d>,
    fields: &[&'d Map<String, Value>],
) -> Result<RequestBody<'d>, Skip> {
    const FORMS: [&str; 2] = ["multipart/form-data", "application/x-www-form-urlencoded"];
    let (mut properties, mut required, mut encoding) = (Map::new(), Vec::new(), Map::new());
    for field in fields {
        let name = member(field, "name");
        let mut schema = schema_of(field);
        if let (Some(schema), Some(description)) = (schema.as_object_mut(), text(field, "description")) {
            schema.insert("description".to_owned(), json!(description));
        }
        if text(field, "type") == Some("array") {
            let (style, explode) = collection(field, true)?;
            encoding.insert(name.to_owned(), json!({"style": style, "explode": explode}));
        }
        if flag(field, "required") {
            required.push(name);
        }
        properties.insert(name.to_owned(), schema);
    }
    let has_file = fields.iter().any(|field| text(field, "type") == Some("file"));
    let consumes = media_types(document, site, "consumes");
    let name = FORMS
        .into_iter()
        .find(|form| consumes.iter().any(|name| name == form));
    let name = if has_file {
        FORMS[0]
    } else {
        name.unwrap_or(FORMS[1])
    };
    Ok(RequestBody {
        required: !required.is_empty(),
        description: None,
        content: vec![Media {
            name: name.to_owned(),
            schema: Some(Cow::Owned(
                json!({"type": "object", "properties": properties, "required": required}),
            )),
            encoding: Some(Cow::Owned(encoding)),
        }],
    })
}

fn media_types(document: &Document, site: &Site<'_>, key: &str) -> Vec<String> {
    let list = site.operation.get(key).or_else(|| document.root().get(key));
    list.and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(media_name)
        .collect()
}

fn answers<'d>(document: &'d Document, site: &Site<'d>) -> Vec<Answer<'d>> {
    let responses = site.operation.get("responses").and_then(Value::as_object);
    let types = media_types(document, site, "produces");
    // Without any, the description says nothing; JSON is what such an interface speaks.
    let json = types.is_empty() || types.iter().any(|name| crate::openapi::media::is_json(name));
    let of = |code: String| {
        let response = document
            .follow(responses?.get(&code)?, &Pointer::Text(""))
            .ok()?
            .value;
        let schema = response
            .get("schema")
            .filter(|schema| json && schema.get("type") != Some(&json!("file")));
        let media = |schema| Media {
            name: "application/json".to_owned(),
            schema: Some(Cow::Borrowed(schema)),
            encoding: None,
        };
        Some(Answer {
            content: schema.map(media).into_iter().collect(),
        })
    };
    successes(site).into_iter().filter_map(of).collect()
}
