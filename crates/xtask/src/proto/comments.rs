//! Parts of the protocol that do not say what they mean.

use std::collections::BTreeSet;

use prost_types::{DescriptorProto, EnumDescriptorProto, FileDescriptorProto, FileDescriptorSet};

// Field numbers in descriptor.proto, of which a source location's path is made.
const FILE_MESSAGE: i32 = 4;
const FILE_ENUM: i32 = 5;
const FILE_SERVICE: i32 = 6;
const MESSAGE_FIELD: i32 = 2;
const MESSAGE_NESTED: i32 = 3;
const MESSAGE_ENUM: i32 = 4;
const ENUM_VALUE: i32 = 2;
const SERVICE_METHOD: i32 = 2;

/// Every message, field, enum, value, service and rpc without a comment above it.
pub(super) fn missing(files: &FileDescriptorSet) -> Vec<String> {
    files
        .file
        .iter()
        .flat_map(|file| Commented::of(file).missing(file))
        .collect()
}

/// The paths that have a leading comment, and what was found to have none.
struct Commented {
    paths: BTreeSet<Vec<i32>>,
    missing: Vec<String>,
}

impl Commented {
    fn of(file: &FileDescriptorProto) -> Self {
        let locations = file.source_code_info.iter().flat_map(|info| &info.location);
        let commented = locations.filter(|location| !location.leading_comments().trim().is_empty());
        Self {
            paths: commented.map(|location| location.path.clone()).collect(),
            missing: Vec::new(),
        }
    }

    fn missing(mut self, file: &FileDescriptorProto) -> Vec<String> {
        for (at, message) in (0..).zip(&file.message_type) {
            self.look_at_message(&[FILE_MESSAGE, at], file.package(), message);
        }
        for (at, choice) in (0..).zip(&file.enum_type) {
            self.look_at_enum(&[FILE_ENUM, at], file.package(), choice);
        }
        for (at, service) in (0..).zip(&file.service) {
            let name = format!("{}.{}", file.package(), service.name());
            self.look_at(&[FILE_SERVICE, at], "service", &name);
            for (method_at, method) in (0..).zip(&service.method) {
                let path = [FILE_SERVICE, at, SERVICE_METHOD, method_at];
                self.look_at(&path, "rpc", &format!("{name}.{}", method.name()));
            }
        }
        self.missing
    }

    fn look_at(&mut self, path: &[i32], kind: &str, name: &str) {
        if !self.paths.contains(path) {
            self.missing
                .push(format!("{kind} {name} has no comment above it"));
        }
    }

    fn look_at_message(&mut self, path: &[i32], scope: &str, message: &DescriptorProto) {
        if message
            .options
            .as_ref()
            .is_some_and(prost_types::MessageOptions::map_entry)
        {
            return;
        }
        let name = format!("{scope}.{}", message.name());
        self.look_at(path, "message", &name);
        for (at, field) in (0..).zip(&message.field) {
            self.look_at(
                &below(path, MESSAGE_FIELD, at),
                "field",
                &format!("{name}.{}", field.name()),
            );
        }
        for (at, inner) in (0..).zip(&message.nested_type) {
            self.look_at_message(&below(path, MESSAGE_NESTED, at), &name, inner);
        }
        for (at, inner) in (0..).zip(&message.enum_type) {
            self.look_at_enum(&below(path, MESSAGE_ENUM, at), &name, inner);
        }
    }

    fn look_at_enum(&mut self, path: &[i32], scope: &str, choice: &EnumDescriptorProto) {
        let name = format!("{scope}.{}", choice.name());
        self.look_at(path, "enum", &name);
        for (at, value) in (0..).zip(&choice.value) {
            self.look_at(
                &below(path, ENUM_VALUE, at),
                "enum value",
                &format!("{name}.{}", value.name()),
            );
        }
    }
}

fn below(path: &[i32], kind: i32, at: i32) -> Vec<i32> {
    path.iter().copied().chain([kind, at]).collect()
}
