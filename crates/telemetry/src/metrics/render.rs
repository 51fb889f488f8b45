//! Prometheus' text exposition format, version 0.0.4, as the exporter writes it.
//!
//! What the exporter gets wrong is put right here: its escaping guesses whether a backslash is an escape already (it
//! writes one and two alike, and forgets one before a quote), it spells infinity `inf`, and it leaves out a suffix that
//! the name happens to end with (so names come here whole).

use std::borrow::Cow;
use std::fmt;

use ::metrics::{Key, Label};
use indexmap::IndexMap;
use metrics_exporter_prometheus::LabelSet;
use metrics_exporter_prometheus::formatting::{write_help_line, write_metric_line, write_type_line};

use super::Declaration;

/// The `Content-Type` of the page.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The labels that all series of a page carry, before their own.
#[derive(Clone)]
pub(crate) struct Constant(IndexMap<String, String>);

impl Constant {
    pub(crate) fn new(labels: [(&str, &str); 2]) -> Self {
        let labels = labels.into_iter();
        Constant(
            labels
                .map(|(name, value)| (name.to_owned(), unmistakable(value).into_owned()))
                .collect(),
        )
    }

    /// Those that `declaration` has no label of its own for (`cloud_cost_usd{service}`).
    pub(crate) fn beside(&self, declaration: &Declaration) -> Self {
        let mut rest = self.0.clone();
        rest.retain(|name, _| !declaration.labels.contains(&name.as_str()));
        Constant(rest)
    }

    /// The labels of one series.
    pub(crate) fn and(&self, names: &[&'static str], values: &[Box<str>]) -> LabelSet {
        let own = names.iter().zip(values);
        let own: Vec<Label> = own
            .map(|(name, value)| Label::new(*name, unmistakable(value).into_owned()))
            .collect();
        LabelSet::from_key_and_global(&Key::from_parts("", own), &self.0)
    }
}

/// Appends the HELP and TYPE lines.
pub(crate) fn header(page: &mut String, declaration: &Declaration) {
    let help = declaration.help_line();
    write_help_line(page, declaration.name, None, None, &unmistakable(&help));
    write_type_line(page, declaration.name, None, None, declaration.kind.as_str());
}

/// Appends one sample line.
pub(crate) fn sample(page: &mut String, name: &str, labels: &LabelSet, value: f64) {
    write_metric_line::<Number, _>(page, name, None, labels, None, Number(value), None);
}

/// Appends the line of one bucket: how many observations were at most `bound`.
pub(crate) fn bucket(page: &mut String, name: &str, labels: &LabelSet, bound: f64, count: u64) {
    write_metric_line(page, name, None, labels, Some(("le", Number(bound))), count, None);
}

/// A number as Prometheus spells it.
struct Number(f64);

impl fmt::Display for Number {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            f64::INFINITY => formatter.write_str("+Inf"),
            f64::NEG_INFINITY => formatter.write_str("-Inf"),
            value => value.fmt(formatter),
        }
    }
}

/// The text with its backslashes doubled: the exporter makes one escaped backslash of two, whatever comes after them.
fn unmistakable(text: &str) -> Cow<'_, str> {
    if text.contains('\\') {
        Cow::Owned(text.replace('\\', r"\\"))
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(value: &str) -> String {
        let labels = Constant(IndexMap::new()).and(&["tool"], &[value.into()]);
        let mut page = String::new();
        sample(&mut page, "calls_total", &labels, 1.0);
        page
    }

    #[test]
    fn every_label_value_is_escaped_exactly() {
        for (value, escaped) in [
            (r"C:\new", r"C:\\new"),
            (r"C:\\new", r"C:\\\\new"),
            (r#"\""#, r#"\\\""#),
            ("\\\n", r"\\\n"),
            ("end\\", r"end\\"),
            ("ä\"", "ä\\\""),
        ] {
            assert_eq!(line(value), format!("calls_total{{tool=\"{escaped}\"}} 1\n"));
        }
    }

    #[test]
    fn numbers_are_spelt_as_prometheus_spells_them() {
        let numbers = [f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 0.25, 3.0];
        let spelt = numbers.map(|number| Number(number).to_string());
        assert_eq!(spelt, ["+Inf", "-Inf", "NaN", "0.25", "3"]);
    }
}
