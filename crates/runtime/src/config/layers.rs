//! Laying sources over each other, remembering where each value came from.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::error::{ConfigError, Origin, Problem};
use super::shape::{Field, Shape, join};

/// How alike two names must be (0 to 1, normalized Damerau-Levenshtein) for one to be offered for the other.
const ALIKE: f64 = 0.6;

/// The tree that grows as sources are laid over it.
pub(super) struct Layers<'a> {
    pub(super) shape: &'a Shape,
    pub(super) problems: Vec<Problem>,
    tree: Table,
    origins: BTreeMap<String, Origin>,
}

impl<'a> Layers<'a> {
    /// The defaults that an outer section gives; what a section says of itself serde fills in.
    pub(super) fn over_defaults(shape: &'a Shape) -> Self {
        let default = |field: &Field| Some((field.name.clone(), field.default.clone()?));
        let tree = shape.fields().iter().filter_map(default).collect();
        Self {
            shape,
            problems: Vec::new(),
            tree,
            origins: BTreeMap::new(),
        }
    }

    /// Lays a TOML file over what is there.
    pub(super) fn add_file(&mut self, path: &Path, text: &str) {
        match text.parse::<Table>() {
            Ok(table) => {
                let origins = FileLines {
                    path,
                    lines: lines_of_keys(text),
                };
                let mut found = std::mem::take(&mut self.problems);
                self.add_table(&mut Vec::new(), self.shape, table, &origins);
                self.problems.sort_by_key(line_of);
                found.append(&mut self.problems);
                self.problems = found;
            }
            Err(error) => {
                // What toml shows of the line may be a secret without its quote.
                let message = match error.span() {
                    Some(span) => format!("{}: {}", place(text, span.start), error.message()),
                    None => error.message().to_owned(),
                };
                self.problems.push(Problem::Syntax {
                    path: path.to_owned(),
                    message,
                });
            }
        }
    }

    fn add_table(&mut self, path: &mut Vec<String>, shape: &Shape, table: Table, origins: &FileLines<'_>) {
        for (name, value) in table {
            path.push(name);
            let origin = origins.of(path);
            let child = path.last().and_then(|name| shape.child(name));
            match (child, value) {
                (None, _) => self.unknown(path, origin),
                (Some(inner @ (Shape::Table(_) | Shape::Map(_))), Value::Table(table)) => {
                    self.add_table(path, inner, table, origins);
                }
                (Some(inner), value) => self.add_value(path, inner, value, origin),
            }
            path.pop();
        }
    }

    /// Sets `path` from a text (environment, command line), read as the setting's type wants it.
    pub(super) fn add_text(&mut self, path: &[String], text: &str, origin: Origin) {
        let shape = path.iter().try_fold(self.shape, |shape, name| shape.child(name));
        match shape {
            None => self.unknown(path, origin),
            Some(shape) => self.add_value(path, shape, value_of_text(shape, text), origin),
        }
    }

    /// Whether the setting at `path` is a secret.
    pub(super) fn is_secret(&self, path: &[String]) -> bool {
        let shape = path.iter().try_fold(self.shape, |shape, name| shape.child(name));
        matches!(shape, Some(Shape::Secret))
    }

    /// Sets `path` to the content of a file.
    pub(super) fn add_text_file(&mut self, path: &[String], file: &str, origin: Origin) {
        if let Some(text) = self.read(path, file) {
            self.add_text(path, &text, origin);
        }
    }

    fn read(&mut self, path: &[String], file: &str) -> Option<String> {
        match fs::read_to_string(file) {
            Ok(text) => Some(
                text.strip_suffix('\n')
                    .map_or(&*text, |t| t.strip_suffix('\r').unwrap_or(t))
                    .into(),
            ),
            Err(error) => {
                let (key, message) = (Some(path.join(".")), error.to_string());
                self.problems.push(Problem::Unreadable {
                    path: file.into(),
                    key,
                    message,
                });
                None
            }
        }
    }

    fn add_value(&mut self, path: &[String], shape: &Shape, value: Value, origin: Origin) {
        let value = if matches!(shape, Shape::Secret) {
            self.secret(path, value, &origin)
        } else {
            Some(value)
        };
        let (Some(value), Some((last, sections))) = (value, path.split_last()) else {
            return;
        };
        let mut table = &mut self.tree;
        for name in sections {
            let next = table
                .entry(name.clone())
                .or_insert_with(|| Value::Table(Table::new()));
            if !next.is_table() {
                *next = Value::Table(Table::new());
            }
            let Value::Table(inner) = next else { return };
            table = inner;
        }
        table.insert(last.clone(), value);
        self.origins.insert(path.join("."), origin);
    }

    /// A secret's text: given, or in the file that `{ file = … }` names. Never empty.
    fn secret(&mut self, path: &[String], value: Value, origin: &Origin) -> Option<Value> {
        let kind = value.type_str();
        let text = match value {
            Value::String(text) => Some(text),
            Value::Table(table) => match (table.len(), table.get("file")) {
                (1, Some(Value::String(file))) => Some(self.read(path, file)?),
                _ => None,
            },
            _ => None,
        };
        let message = match text {
            Some(text) if !text.is_empty() => return Some(Value::String(text)),
            Some(_) => "must not be empty".to_owned(),
            None => format!("got a value of type {kind}, expected a string or {{ file = \"/path\" }}"),
        };
        self.problems.push(Problem::WrongValue {
            key: path.join("."),
            origin: origin.clone(),
            message,
        });
        None
    }

    fn unknown(&mut self, path: &[String], origin: Origin) {
        let key = path.join(".");
        let nearest = self.nearest(&key);
        self.problems.push(Problem::UnknownKey { key, origin, nearest });
    }

    /// The existing key that looks most like `key`; or, in another section, one with the same last name.
    pub(super) fn nearest(&self, key: &str) -> Option<String> {
        let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
        let likeness = |known: &str| {
            let whole = strsim::normalized_damerau_levenshtein(known, key);
            if last(known) == last(key) {
                whole.max(ALIKE)
            } else {
                whole
            }
        };
        let keys = self.shape.keys("").into_iter().chain(sections(self.shape, ""));
        let scored = keys
            .map(|known| (likeness(&known), known))
            .filter(|(score, _)| *score >= ALIKE);
        scored.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, known)| known)
    }

    /// The typed value, or everything that was wrong.
    pub(super) fn finish<T: DeserializeOwned>(self) -> Result<T, ConfigError> {
        if !self.problems.is_empty() {
            return Err(ConfigError::new(self.problems));
        }
        serde_path_to_error::deserialize(Value::Table(self.tree)).map_err(|error| {
            let key = error.path().to_string();
            let message = without_text(error.inner().message());
            let origin = origin_of(&self.origins, &key);
            ConfigError::from(Problem::WrongValue { key, origin, message })
        })
    }
}

/// `line 3, column 9`, both from 1.
fn place(text: &str, offset: usize) -> String {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|letter| *letter != '\n').count() + 1;
    format!("line {line}, column {column}")
}

/// serde repeats the text that does not fit, which may be a secret in the wrong place.
fn without_text(message: &str) -> String {
    let parts = message
        .split_once("string \"")
        .and_then(|(kind, rest)| Some((kind, rest.rsplit_once("\", expected ")?.1)));
    match parts {
        Some((kind, expected)) => format!("{kind}a text, expected {expected}"),
        None => message.to_owned(),
    }
}

/// Where `key` or the nearest section around it came from.
fn origin_of(origins: &BTreeMap<String, Origin>, key: &str) -> Origin {
    let mut at = key;
    loop {
        if let Some(origin) = origins.get(at) {
            return origin.clone();
        }
        match at.rfind(['.', '[']) {
            Some(end) => at = at.split_at(end).0,
            None => return Origin::Default,
        }
    }
}

fn line_of(problem: &Problem) -> usize {
    match problem {
        Problem::UnknownKey {
            origin: Origin::File { line, .. },
            ..
        }
        | Problem::WrongValue {
            origin: Origin::File { line, .. },
            ..
        } => *line,
        _ => 0,
    }
}

fn sections(shape: &Shape, prefix: &str) -> Vec<String> {
    let inner = |field: &Field| {
        let key = join(prefix, &field.name);
        let mut found = sections(&field.shape, &key);
        if !field.shape.fields().is_empty() {
            found.push(key);
        }
        found
    };
    shape.fields().iter().flat_map(inner).collect()
}

/// A text as the value that the setting wants: itself where it wants a string; else TOML, where it is TOML;
/// a list may also be given as words between commas.
fn value_of_text(shape: &Shape, text: &str) -> Value {
    let as_toml = || {
        format!("value = {text}")
            .parse::<Table>()
            .ok()
            .and_then(|mut table| table.remove("value"))
    };
    match shape {
        Shape::Text(_) | Shape::Secret => Value::String(text.to_owned()),
        Shape::List(item) if !text.trim_start().starts_with('[') => {
            let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
            Value::Array(words.map(|word| value_of_text(item, word)).collect())
        }
        Shape::Scalar("boolean") => {
            boolean(text).map_or_else(|| Value::String(text.to_owned()), Value::Boolean)
        }
        _ => as_toml().unwrap_or_else(|| Value::String(text.to_owned())),
    }
}

/// The usual words for yes and no, whatever their case.
fn boolean(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// The lines on which a file's keys stand.
struct FileLines<'a> {
    path: &'a Path,
    lines: BTreeMap<String, usize>,
}

impl FileLines<'_> {
    fn of(&self, path: &[String]) -> Origin {
        let line = self.lines.get(&path.join(".")).copied().unwrap_or(1);
        Origin::File {
            path: self.path.to_owned(),
            line,
        }
    }
}

fn lines_of_keys(text: &str) -> BTreeMap<String, usize> {
    fn walk(text: &str, prefix: &str, table: &toml::de::DeTable<'_>, lines: &mut BTreeMap<String, usize>) {
        for (name, value) in table {
            let key = join(prefix, name.get_ref());
            let before = text.get(..name.span().start).unwrap_or_default();
            lines.insert(key.clone(), before.matches('\n').count() + 1);
            if let toml::de::DeValue::Table(inner) = value.get_ref() {
                walk(text, &key, inner, lines);
            }
        }
    }
    let mut lines = BTreeMap::new();
    if let Ok(table) = toml::de::DeTable::parse(text) {
        walk(text, "", table.get_ref(), &mut lines);
    }
    lines
}
