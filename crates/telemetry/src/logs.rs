//! Log lines: one JSON object each (contract, section 5), or a line for people, written by a thread of its own.
//!
//! `correlation_id`, `tenant_id` and `user_id` are lifted from the spans around an event. An `ERROR` event with
//! `critical = true` prints the level `CRITICAL`. A field of the event's own that has the name of a standard field
//! gets the prefix `field_`.

mod change;
mod fields;
mod filter;
mod json;
mod layer;
mod levels;
mod modules;
mod pretty;
mod shape;
mod text;
mod values;
mod writer;

pub use change::LevelChange;
pub use levels::LogLevels;

pub(crate) use fields::{Lifted, Shown};
pub(crate) use json::JsonStyle;
pub(crate) use layer::{Line, LogLayer, Style};
pub(crate) use pretty::PrettyStyle;
pub(crate) use shape::of_its_crate;
pub(crate) use writer::LogWriter;
