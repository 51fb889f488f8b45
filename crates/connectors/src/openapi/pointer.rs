//! JSON pointers (RFC 6901) to the place being read, and the faults found there.

use std::fmt;

use domain::provider::Fault;
use serde_json::Value;

/// Most faults that one import reports; whoever has more has them for one reason.
const MAX_FAULTS: usize = 200;

/// A place in the description, written out only when a fault is found there.
#[derive(Clone, Copy)]
pub(super) enum Pointer<'a> {
    /// A pointer that is already text.
    Text(&'a str),
    /// A member of an object.
    Key(&'a Pointer<'a>, &'a str),
    /// An item of an array.
    Index(&'a Pointer<'a>, usize),
}

impl<'a> Pointer<'a> {
    /// The place of member `key` of this object.
    pub(super) fn key(&'a self, key: &'a str) -> Self {
        Self::Key(self, key)
    }

    /// The place of item `index` of this array.
    pub(super) fn index(&'a self, index: usize) -> Self {
        Self::Index(self, index)
    }
}

impl fmt::Display for Pointer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Key(parent, key) => write!(f, "{parent}/{}", escape(key)),
            Self::Index(parent, index) => write!(f, "{parent}/{index}"),
        }
    }
}

/// A key as a token of a JSON pointer.
pub(super) fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// A token of a JSON pointer as a key.
pub(super) fn unescape(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}

/// What a value is, in the words of a fault.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// The faults found so far.
#[derive(Default)]
pub(super) struct Faults {
    found: Vec<Fault>,
    more: usize,
}

impl Faults {
    /// Notes a fault at `pointer`.
    pub(super) fn add(&mut self, pointer: impl fmt::Display, message: impl Into<String>) {
        if self.found.len() == MAX_FAULTS {
            self.more += 1;
            return;
        }
        self.found.push(Fault {
            pointer: pointer.to_string(),
            message: message.into(),
        });
    }

    /// Notes that `expected` should be at `pointer`, where `found` is.
    pub(super) fn expected(&mut self, pointer: impl fmt::Display, expected: &str, found: Option<&Value>) {
        let found = found.map_or("nothing", kind);
        self.add(pointer, format!("expected {expected}, found {found}"));
    }

    /// The faults, with a last line for those beyond the bound.
    pub(super) fn into_vec(mut self) -> Vec<Fault> {
        if self.more > 0 {
            self.found.push(Fault {
                pointer: String::new(),
                message: format!("{} more faults are not listed", self.more),
            });
        }
        self.found
    }

    /// `Ok` when nothing was found.
    ///
    /// # Errors
    /// The faults.
    pub(super) fn into_result(self) -> Result<(), Vec<Fault>> {
        if self.found.is_empty() {
            Ok(())
        } else {
            Err(self.into_vec())
        }
    }
}
