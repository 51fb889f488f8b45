//! What a person sees: tables or JSON on stdout, notes and errors on stderr, colour and progress only on a terminal.

mod progress;
mod shown;
mod table;

use std::fmt::Display;
use std::io::{self, ErrorKind, IsTerminal, Write};

use anstyle::{AnsiColor, Style};
use clap::ValueEnum;
use serde_json::Value;

use crate::failure::Failure;

pub use progress::Progress;
pub(crate) use shown::shown;
pub use table::{Column, date, list, text};

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Table,
    /// For programs: the API's own JSON.
    Json,
}

/// Emphasis.
pub const BOLD: Style = Style::new().bold();
/// Less important.
pub const DIM: Style = Style::new().dimmed();
/// All is well.
pub const GOOD: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Green)));
/// Worth a look.
pub const WARN: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Yellow)));
/// Wrong.
pub const BAD: Style = Style::new()
    .fg_color(Some(anstyle::Color::Ansi(AnsiColor::Red)))
    .bold();

/// Puts `text` in a style; `anstream` takes it out again where it is not wanted.
pub fn paint(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// stdout and stderr.
#[derive(Clone, Copy, Debug)]
pub struct Terminal {
    output: Output,
}

impl Terminal {
    /// Prints results as `output` says.
    #[must_use]
    pub fn new(output: Output) -> Self {
        Self { output }
    }

    /// Whether results go to a program.
    #[must_use]
    pub fn is_json(&self) -> bool {
        self.output == Output::Json
    }

    /// A result, as text on stdout; on a terminal without what would steer it.
    ///
    /// # Errors
    /// When stdout cannot be written; that its reader has gone (`| head`) is fine.
    pub fn print(&self, text: impl Display) -> Result<(), Failure> {
        if io::stdout().is_terminal() {
            return forgive(writeln!(
                anstream::stdout().lock(),
                "{}",
                shown(&text.to_string())
            ));
        }
        forgive(writeln!(anstream::stdout().lock(), "{text}"))
    }

    /// A result, as JSON on stdout.
    ///
    /// # Errors
    /// As [`Self::print`].
    pub fn json(&self, value: &Value) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(value).map_err(|error| Failure::of("JSON", error))?;
        self.print(text)
    }

    /// A list, as a table or a JSON array.
    ///
    /// # Errors
    /// As [`Self::print`].
    pub fn rows(&self, columns: &[Column], rows: &[Value], empty: &str) -> Result<(), Failure> {
        if self.is_json() {
            return self.json(&Value::Array(rows.to_vec()));
        }
        if rows.is_empty() {
            self.note(empty);
            return Ok(());
        }
        self.print(table::render(columns, rows))
    }

    /// One thing, as a list of its fields or as JSON.
    ///
    /// # Errors
    /// As [`Self::print`].
    pub fn record(&self, columns: &[Column], value: &Value) -> Result<(), Failure> {
        if self.is_json() {
            return self.json(value);
        }
        self.print(table::record(columns, value))
    }

    /// A remark for a person, on stderr. Nobody there to read it is no failure.
    pub fn note(&self, text: impl Display) {
        let _ = if self.is_interactive() {
            writeln!(anstream::stderr().lock(), "{}", shown(&text.to_string()))
        } else {
            writeln!(anstream::stderr().lock(), "{text}")
        };
    }

    /// Why a command failed: on stderr, and as the API's own problem with `--output json`.
    pub fn complain(&self, failure: &Failure) {
        match failure {
            Failure::Problem { problem, .. } if self.is_json() && problem.is_object() => self.note(problem),
            _ => self.note(format_args!("{} {failure}", paint(BAD, "devmesh:"))),
        }
    }

    /// A progress line on a terminal; nothing elsewhere.
    #[must_use]
    pub fn progress(&self, what: &str) -> Progress {
        Progress::start(what, self.is_interactive())
    }

    /// Whether a person looks at stderr.
    #[must_use]
    pub fn is_interactive(&self) -> bool {
        io::stderr().is_terminal()
    }
}

fn forgive(written: io::Result<()>) -> Result<(), Failure> {
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(|error| Failure::of("stdout", error)),
    }
}
