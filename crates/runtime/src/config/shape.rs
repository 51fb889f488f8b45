//! What a configuration may contain, read from its JSON Schema.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value as Json;

use super::secret::MASK;

/// The part of a schema that layering, unknown keys and the reference need.
#[derive(Clone, Debug)]
pub(super) enum Shape {
    /// A section with known keys, in the order of declaration.
    Table(Vec<Field>),
    /// A section whose keys the user chooses.
    Map(Box<Shape>),
    /// A list.
    List(Box<Shape>),
    /// A string, whatever it means. The label says which: `string`, `duration`, or the choices.
    Text(String),
    /// A string that must not be seen.
    Secret,
    /// A number or a boolean.
    Scalar(&'static str),
    /// Anything else; left to serde.
    Other,
}

/// One key of a section.
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) shape: Shape,
    pub(super) doc: String,
    pub(super) default: Option<toml::Value>,
    pub(super) required: bool,
}

impl Shape {
    /// The shape of a configuration type.
    pub(super) fn of<T: JsonSchema>() -> Self {
        let settings = SchemaSettings::draft2020_12()
            .for_deserialize()
            .with(|s| s.inline_subschemas = true);
        let schema = settings.into_generator().into_root_schema_for::<T>();
        shape_of(schema.as_value())
    }

    /// The keys of a section; none for anything else.
    pub(super) fn fields(&self) -> &[Field] {
        if let Self::Table(fields) = self {
            fields
        } else {
            &[]
        }
    }

    /// The shape behind `name`, where this is a section that has or may have it.
    pub(super) fn child(&self, name: &str) -> Option<&Shape> {
        match self {
            Self::Table(fields) => fields
                .iter()
                .find(|field| field.name == name)
                .map(|field| &field.shape),
            Self::Map(inner) => Some(inner),
            Self::Other => Some(&Self::Other),
            Self::List(_) | Self::Text(_) | Self::Secret | Self::Scalar(_) => None,
        }
    }

    /// What people call this kind of value.
    pub(super) fn label(&self) -> String {
        match self {
            Self::Table(_) => "section".into(),
            Self::Map(inner) => format!("map of {}", inner.label()),
            Self::List(inner) => format!("list of {}", inner.label()),
            Self::Text(label) => label.clone(),
            Self::Secret => "secret".into(),
            Self::Scalar(label) => (*label).into(),
            Self::Other => "value".into(),
        }
    }

    /// Every dotted key below this section that holds a value.
    pub(super) fn keys(&self, prefix: &str) -> Vec<String> {
        let keys_of = |field: &Field| {
            let key = join(prefix, &field.name);
            let mut below = field.shape.keys(&key);
            if below.is_empty() {
                below.push(key);
            }
            below
        };
        self.fields().iter().flat_map(keys_of).collect()
    }
}

/// `prefix.name`, or `name` at the top.
pub(super) fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() {
        name.to_owned()
    } else {
        format!("{prefix}.{name}")
    }
}

fn shape_of(schema: &Json) -> Shape {
    for choice in ["anyOf", "oneOf"] {
        if let Some(variants) = schema.get(choice).and_then(Json::as_array) {
            return shape_of_choice(variants);
        }
    }
    if let Some(constant) = schema.get("const").and_then(Json::as_str) {
        return Shape::Text(format!("`{constant}`"));
    }
    match type_of(schema) {
        Some("object") => shape_of_object(schema),
        Some("array") => Shape::List(Box::new(schema.get("items").map_or(Shape::Other, shape_of))),
        Some("string") => shape_of_text(schema),
        Some("integer") => Shape::Scalar("integer"),
        Some("number") => Shape::Scalar("number"),
        Some("boolean") => Shape::Scalar("boolean"),
        _ => Shape::Other,
    }
}

/// The type, where null (an optional value) does not count.
fn type_of(schema: &Json) -> Option<&str> {
    match schema.get("type")? {
        Json::String(name) => Some(name),
        Json::Array(names) => names.iter().filter_map(Json::as_str).find(|name| *name != "null"),
        _ => None,
    }
}

fn shape_of_object(schema: &Json) -> Shape {
    let Some(properties) = schema.get("properties").and_then(Json::as_object) else {
        return match schema.get("additionalProperties") {
            Some(inner @ Json::Object(_)) => Shape::Map(Box::new(shape_of(inner))),
            _ => Shape::Map(Box::new(Shape::Other)),
        };
    };
    let required = schema
        .get("required")
        .and_then(Json::as_array)
        .cloned()
        .unwrap_or_default();
    let field = |(name, schema): (&String, &Json)| Field {
        name: name.clone(),
        shape: shape_of(schema),
        doc: schema
            .get("description")
            .and_then(Json::as_str)
            .unwrap_or_default()
            .to_owned(),
        default: schema.get("default").and_then(to_toml),
        required: required.iter().any(|key| key == name),
    };
    Shape::Table(properties.iter().map(field).collect())
}

fn shape_of_text(schema: &Json) -> Shape {
    if let Some(choices) = schema.get("enum").and_then(Json::as_array) {
        let choices: Vec<_> = choices
            .iter()
            .filter_map(Json::as_str)
            .map(|name| format!("`{name}`"))
            .collect();
        return Shape::Text(choices.join(", "));
    }
    match schema.get("format").and_then(Json::as_str) {
        Some("password") => Shape::Secret,
        Some("human-duration") => Shape::Text("duration".into()),
        Some("byte-size") => Shape::Text("size".into()),
        Some("uri") => Shape::Text("URL".into()),
        _ => Shape::Text("string".into()),
    }
}

/// An optional value is its value; a choice of words is text; any other choice is serde's business.
fn shape_of_choice(variants: &[Json]) -> Shape {
    let real: Vec<_> = variants
        .iter()
        .filter(|variant| variant.get("type") != Some(&"null".into()))
        .collect();
    if let [only] = real.as_slice() {
        return shape_of(only);
    }
    let words = real.iter().map(|variant| match shape_of(variant) {
        Shape::Text(label) => Some(label),
        _ => None,
    });
    words
        .collect::<Option<Vec<_>>>()
        .map_or(Shape::Other, |words| Shape::Text(words.join(", ")))
}

/// A default as TOML; nothing for null and for what stands for a secret.
fn to_toml(default: &Json) -> Option<toml::Value> {
    match default {
        Json::Null => None,
        Json::String(text) => (text != MASK).then(|| toml::Value::String(text.clone())),
        Json::Array(items) => Some(toml::Value::Array(items.iter().filter_map(to_toml).collect())),
        Json::Object(members) => {
            let member = |(name, value): (&String, &Json)| Some((name.clone(), to_toml(value)?));
            Some(toml::Value::Table(members.iter().filter_map(member).collect()))
        }
        Json::Bool(_) | Json::Number(_) => toml::Value::try_from(default).ok(),
    }
}
