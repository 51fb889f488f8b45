//! `Idempotency-Key`: how an upstream that knows it is told that two requests are one.

use domain::Tool;
use domain::tool::{Binding, Location};
use serde_json::{Map, Value};

const HEADER: &str = "Idempotency-Key";

/// Puts the call's key into the arguments, where the operation declares the header and the caller gave no key.
pub(crate) fn add_key(tool: &Tool, arguments: &mut Value, key: Option<&str>) {
    let Binding::Http(binding) = &tool.binding;
    let declared = binding.parameters.iter().find(|parameter| {
        parameter.location == Location::Header && parameter.name.eq_ignore_ascii_case(HEADER)
    });
    let (Some(parameter), Some(key)) = (declared, key) else {
        return;
    };
    if arguments.is_null() {
        *arguments = Value::Object(Map::new());
    }
    if let Value::Object(map) = arguments
        && !map.contains_key(&parameter.argument)
    {
        map.insert(parameter.argument.clone(), Value::String(key.to_owned()));
    }
}
