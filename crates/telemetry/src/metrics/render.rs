//! Prometheus' text exposition format, version 0.0.4.

use std::fmt::Write as _;

/// The `Content-Type` of the page.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Appends one sample line.
pub(crate) fn sample(out: &mut String, name: &str, suffix: &str, labels: &str, value: f64) {
    let (open, close) = if labels.is_empty() { ("", "") } else { ("{", "}") };
    let _ = writeln!(out, "{name}{suffix}{open}{labels}{close} {}", number(value));
}

/// A number as Prometheus spells it.
pub(crate) fn number(value: f64) -> String {
    if value == f64::INFINITY {
        "+Inf".to_owned()
    } else if value == f64::NEG_INFINITY {
        "-Inf".to_owned()
    } else {
        value.to_string()
    }
}

/// Appends `name="value"`, escaped, with a comma before it where needed.
pub(crate) fn label(out: &mut String, name: &str, value: &str) {
    if !out.is_empty() {
        out.push(',');
    }
    let _ = write!(out, "{name}=\"");
    for character in value.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            other => out.push(other),
        }
    }
    out.push('"');
}

/// Appends the HELP and TYPE lines.
pub(crate) fn header(out: &mut String, declaration: &super::Declaration) {
    let help = declaration.help_line().replace('\\', "\\\\");
    let _ = writeln!(out, "# HELP {} {help}", declaration.name);
    let _ = writeln!(out, "# TYPE {} {}", declaration.name, declaration.kind.as_str());
}
