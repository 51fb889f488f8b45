//! Reads operations of OpenAPI 3.0 and 3.1.

use std::borrow::Cow;

use domain::tool::{Location, Style};
use serde_json::{Map, Value, json};

use super::{Answer, Input, Media, Operation, RequestBody, Skip, flag, media_name, member, successes, text};
use crate::openapi::document::Document;
use crate::openapi::media;
use crate::openapi::pointer::Pointer;
use crate::openapi::site::Site;

/// Reads an operation with its merged parameters.
pub(super) fn read<'d>(
    document: &'d Document,
    site: &Site<'d>,
    parameters: &[&'d Map<String, Value>],
) -> Result<Operation<'d>, Skip> {
    let parameters = parameters
        .iter()
        .map(|parameter| input(parameter))
        .collect::<Result<_, _>>()?;
    let body = match site.operation.get("requestBody") {
        Some(body) => request_body(document, body)?,
        None => None,
    };
    Ok(Operation {
        parameters,
        body,
        answers: answers(document, site),
    })
}

fn input<'d>(parameter: &'d Map<String, Value>) -> Result<Input<'d>, Skip> {
    let location = match member(parameter, "in") {
        "path" => Location::Path,
        "header" => Location::Header,
        "cookie" => Location::Cookie,
        _ => Location::Query,
    };
    let style = style(text(parameter, "style"), location);
    let content = parameter
        .get("content")
        .and_then(Value::as_object)
        .and_then(|types| types.iter().next());
    let (schema, json) = match content {
        Some((name, media)) => {
            let name = media_name(name);
            let json = media::is_json(&name);
            if !json && !name.starts_with("text/") {
                return Err(Skip(format!(
                    "its parameter `{}` is written as {name}, which is not supported",
                    member(parameter, "name")
                )));
            }
            (media.get("schema"), json)
        }
        None => (parameter.get("schema"), false),
    };
    let explode = parameter
        .get("explode")
        .and_then(Value::as_bool)
        .unwrap_or(style == Style::Form);
    Ok(Input {
        name: member(parameter, "name"),
        location,
        required: location == Location::Path || flag(parameter, "required"),
        schema: schema.map_or_else(|| Cow::Owned(json!({})), Cow::Borrowed),
        description: text(parameter, "description"),
        deprecated: flag(parameter, "deprecated"),
        style,
        explode: explode || style == Style::DeepObject,
        allow_reserved: location == Location::Query && flag(parameter, "allowReserved"),
        json,
    })
}

/// The style, or the location's own where none or one that cannot be there is given.
fn style(name: Option<&str>, location: Location) -> Style {
    match (location, name) {
        (Location::Path, Some("matrix")) => Style::Matrix,
        (Location::Path, Some("label")) => Style::Label,
        (Location::Path | Location::Header, _) => Style::Simple,
        (Location::Query, Some("spaceDelimited")) => Style::SpaceDelimited,
        (Location::Query, Some("pipeDelimited")) => Style::PipeDelimited,
        (Location::Query, Some("deepObject")) => Style::DeepObject,
        (Location::Query | Location::Cookie, _) => Style::Form,
    }
}

fn request_body<'d>(document: &'d Document, body: &'d Value) -> Result<Option<RequestBody<'d>>, Skip> {
    let body = document.follow(body, &Pointer::Text(""))?.value;
    let Some(members) = body.as_object() else {
        return Ok(None);
    };
    let content = content(members);
    if content.is_empty() {
        return Ok(None);
    }
    Ok(Some(RequestBody {
        required: flag(members, "required"),
        description: text(members, "description"),
        content,
    }))
}

fn content(members: &Map<String, Value>) -> Vec<Media<'_>> {
    let types = members.get("content").and_then(Value::as_object);
    types
        .into_iter()
        .flatten()
        .filter(|(name, _)| !name.starts_with("x-"))
        .map(|(name, media)| Media {
            name: media_name(name),
            schema: media.get("schema").map(Cow::Borrowed),
            encoding: media
                .get("encoding")
                .and_then(Value::as_object)
                .map(Cow::Borrowed),
        })
        .collect()
}

/// The answers; one that is described elsewhere says nothing about its content.
fn answers<'d>(document: &'d Document, site: &Site<'d>) -> Vec<Answer<'d>> {
    let responses = site.operation.get("responses").and_then(Value::as_object);
    let of = |code: String| {
        let response = responses?.get(&code)?;
        let response = document
            .follow(response, &Pointer::Text(""))
            .ok()?
            .value
            .as_object()?;
        Some(Answer {
            content: content(response),
        })
    };
    successes(site).into_iter().filter_map(of).collect()
}
