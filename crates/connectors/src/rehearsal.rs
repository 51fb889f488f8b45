//! A call up to the point where its request would leave: for tests.

use bytes::Bytes;
use domain::tool::Binding;
use domain::{Provider, Tool};
use http::{HeaderMap, Method};
use serde_json::Value;
use url::Url;

use crate::arguments::Schemas;
use crate::failure::CallFailure;
use crate::http_api;

/// The request that a call would send, without credential.
#[derive(Debug)]
pub struct Rehearsed {
    /// Method.
    pub method: Method,
    /// Where it would go; the guard has not seen it.
    pub url: Url,
    /// What the arguments and the body say.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// Checks the arguments and builds the request with the same functions as a call; nothing leaves.
///
/// # Errors
/// What the caller of the tool would be told.
pub fn rehearse(provider: &Provider, tool: &Tool, arguments: Value) -> Result<Rehearsed, CallFailure> {
    let arguments = Schemas::new().check_arguments(tool, arguments)?;
    let Binding::Http(binding) = &tool.binding;
    let base = url::Url::parse(&provider.base_url).ok();
    let outgoing = http_api::build(provider, base.as_ref(), tool, binding, &arguments)?;
    Ok(Rehearsed {
        method: outgoing.method,
        url: outgoing.url,
        headers: outgoing.headers,
        body: outgoing.body,
    })
}
