//! A JSON Schema as it is kept.

use std::fmt;
use std::sync::Arc;

use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

/// A JSON Schema, kept as its text: as a tree it takes about ten times the memory, and nearly all schemas of a large
/// catalogue only wait to be listed or called one day. Cheap to clone; equal when the texts are.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Schema(Arc<str>);

impl Schema {
    /// The JSON text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The tree, made anew each time.
    #[must_use]
    pub fn value(&self) -> Value {
        // The text was written by `From<Value>`.
        serde_json::from_str(&self.0).unwrap_or_default()
    }
}

impl From<Value> for Schema {
    fn from(schema: Value) -> Self {
        Self(schema.to_string().into())
    }
}

impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Schema {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text: &RawValue = serde_json::from_str(&self.0).map_err(S::Error::custom)?;
        text.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Schema {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Not `RawValue`, which cannot be read from within an enum with a tag.
        Value::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_schema_keeps_the_order_of_its_properties_on_every_way() {
        let tree = json!({ "type": "object", "properties": { "zebra": {}, "a": { "const": 1.5 } } });
        let schema = Schema::from(tree.clone());
        assert_eq!(schema.value(), tree);
        let text = serde_json::to_string(&schema).unwrap();
        assert_eq!(text, tree.to_string());
        assert_eq!(serde_json::from_str::<Schema>(&text).unwrap(), schema);
        assert_eq!(serde_json::to_value(&schema).unwrap(), tree);
        assert_eq!(serde_json::from_value::<Schema>(tree).unwrap(), schema);
    }
}
