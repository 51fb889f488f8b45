//! A profile: stacks, and a number for each.

/// What the numbers of a profile count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValueType {
    /// For example `cpu`.
    pub name: &'static str,
    /// For example `nanoseconds`.
    pub unit: &'static str,
}

/// One place in the code.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Frame {
    /// The function's name, or its address where nothing is known.
    pub function: String,
    /// Source file; empty when unknown.
    pub file: String,
    /// Line; 0 when unknown.
    pub line: u32,
}

/// Something known of a sample beside its stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Label {
    /// A word.
    Text(&'static str, String),
    /// A number with its unit.
    Number(&'static str, i64, &'static str),
}

/// A stack and its numbers.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// Innermost first.
    pub stack: Vec<Frame>,
    /// One for each [`Profile::values`].
    pub values: Vec<i64>,
    /// What else is known.
    pub labels: Vec<Label>,
}

/// A profile, ready to be written.
#[derive(Clone, Debug)]
pub struct Profile {
    /// What the numbers of each sample count; readers show the last one first.
    pub values: Vec<ValueType>,
    /// The stacks.
    pub samples: Vec<Sample>,
    /// One sample stands for so much of this.
    pub period: Option<(ValueType, i64)>,
    /// How long it was taken.
    pub duration: std::time::Duration,
    /// What a reader of it should know.
    pub comments: Vec<String>,
}

impl Profile {
    /// pprof's protobuf, compressed: what `go tool pprof` and the tools that follow it read.
    ///
    /// # Errors
    /// None in practice: memory is written to.
    pub fn to_pprof(&self) -> std::io::Result<Vec<u8>> {
        crate::pprof_format::write(self)
    }

    /// A flame graph of the last kind of value, as one SVG document: who calls whom from top to bottom, width is the share.
    #[must_use]
    pub fn to_svg(&self, title: &str) -> String {
        crate::flame::draw(self, title)
    }
}
