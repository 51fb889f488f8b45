//! Changes that a peer one version behind would not survive.

use std::collections::BTreeMap;

use prost_types::field_descriptor_proto::Label;
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorSet, MethodDescriptorProto,
    ServiceDescriptorProto,
};

/// Everything of a protocol that a peer relies on, by full name (`package.Message.field`).
#[derive(Default)]
struct Contract {
    parts: BTreeMap<String, Part>,
}

/// One named part; two versions of it must be equal.
#[derive(PartialEq)]
enum Part {
    Message,
    Enum,
    Service,
    Field {
        number: i32,
        kind: String,
        cardinality: String,
    },
    Value {
        number: i32,
    },
    Rpc {
        input: String,
        output: String,
        streams: (bool, bool),
    },
}

/// What was removed, renamed, renumbered, retyped or changed in cardinality or streaming, one line each.
/// Additions are fine.
pub(super) fn changes(before: &FileDescriptorSet, now: &FileDescriptorSet) -> Vec<String> {
    let (before, now) = (Contract::of(before), Contract::of(now));
    let mut gone: Vec<&str> = Vec::new();
    let mut found = Vec::new();
    for (name, old) in &before.parts {
        match now.parts.get(name) {
            Some(new) => found.extend(change(name, old, new)),
            // What is inside something that was removed went with it.
            None if gone.iter().any(|outer| name.starts_with(&format!("{outer}."))) => {}
            None => {
                gone.push(name);
                found.push(format!("{} {name} was removed or renamed", old.kind()));
            }
        }
    }
    found
}

fn change(name: &str, old: &Part, new: &Part) -> Vec<String> {
    let changed = |what: &str, old: &dyn ToString, new: &dyn ToString| {
        let (old, new) = (old.to_string(), new.to_string());
        (old != new).then(|| format!("{name}: {what} changed from {old} to {new}"))
    };
    match (old, new) {
        (
            Part::Field {
                number,
                kind,
                cardinality,
            },
            Part::Field {
                number: n,
                kind: k,
                cardinality: c,
            },
        ) => [
            changed("number", number, n),
            changed("type", kind, k),
            changed("cardinality", cardinality, c),
        ]
        .into_iter()
        .flatten()
        .collect(),
        (Part::Value { number }, Part::Value { number: n }) => {
            changed("number", number, n).into_iter().collect()
        }
        (
            Part::Rpc {
                input,
                output,
                streams,
            },
            Part::Rpc {
                input: i,
                output: o,
                streams: s,
            },
        ) => {
            let streams = changed("streaming", &streaming(*streams), &streaming(*s));
            [
                changed("request", input, i),
                changed("response", output, o),
                streams,
            ]
            .into_iter()
            .flatten()
            .collect()
        }
        (old, new) if old == new => Vec::new(),
        (old, new) => vec![format!("{name} changed from {} to {}", old.kind(), new.kind())],
    }
}

fn streaming((client, server): (bool, bool)) -> &'static str {
    match (client, server) {
        (false, false) => "none",
        (true, false) => "client",
        (false, true) => "server",
        (true, true) => "both ways",
    }
}

impl Part {
    fn kind(&self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Enum => "enum",
            Self::Service => "service",
            Self::Field { .. } => "field",
            Self::Value { .. } => "enum value",
            Self::Rpc { .. } => "rpc",
        }
    }
}

impl Contract {
    fn of(files: &FileDescriptorSet) -> Self {
        let mut contract = Self::default();
        for file in &files.file {
            file.message_type
                .iter()
                .for_each(|message| contract.add_message(file.package(), message));
            file.enum_type
                .iter()
                .for_each(|choice| contract.add_enum(file.package(), choice));
            file.service
                .iter()
                .for_each(|service| contract.add_service(file.package(), service));
        }
        contract
    }

    fn add_message(&mut self, scope: &str, message: &DescriptorProto) {
        let name = format!("{scope}.{}", message.name());
        for field in &message.field {
            self.parts
                .insert(format!("{name}.{}", field.name()), part_of_field(message, field));
        }
        message
            .nested_type
            .iter()
            .for_each(|inner| self.add_message(&name, inner));
        message
            .enum_type
            .iter()
            .for_each(|inner| self.add_enum(&name, inner));
        self.parts.insert(name, Part::Message);
    }

    fn add_enum(&mut self, scope: &str, choice: &EnumDescriptorProto) {
        let name = format!("{scope}.{}", choice.name());
        for value in &choice.value {
            self.parts.insert(
                format!("{name}.{}", value.name()),
                Part::Value {
                    number: value.number(),
                },
            );
        }
        self.parts.insert(name, Part::Enum);
    }

    fn add_service(&mut self, scope: &str, service: &ServiceDescriptorProto) {
        let name = format!("{scope}.{}", service.name());
        for method in &service.method {
            self.parts
                .insert(format!("{name}.{}", method.name()), part_of_method(method));
        }
        self.parts.insert(name, Part::Service);
    }
}

fn part_of_field(message: &DescriptorProto, field: &FieldDescriptorProto) -> Part {
    let oneof = field
        .oneof_index
        .and_then(|at| message.oneof_decl.get(usize::try_from(at).ok()?));
    let cardinality = match (field.label(), oneof) {
        (Label::Repeated, _) => "repeated".to_owned(),
        (Label::Required, _) => "required".to_owned(),
        (Label::Optional, _) if field.proto3_optional() => "optional".to_owned(),
        (Label::Optional, Some(oneof)) => format!("one of {}", oneof.name()),
        (Label::Optional, None) => "single".to_owned(),
    };
    let kind = match field.type_name() {
        "" => field
            .r#type()
            .as_str_name()
            .trim_start_matches("TYPE_")
            .to_lowercase(),
        name => name.trim_start_matches('.').to_owned(),
    };
    Part::Field {
        number: field.number(),
        kind,
        cardinality,
    }
}

fn part_of_method(method: &MethodDescriptorProto) -> Part {
    let name = |full: &str| full.trim_start_matches('.').to_owned();
    Part::Rpc {
        input: name(method.input_type()),
        output: name(method.output_type()),
        streams: (method.client_streaming(), method.server_streaming()),
    }
}
