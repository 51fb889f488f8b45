//! The metrics page: Prometheus' text format 0.0.4, or OpenMetrics 1.0 for who asks for it.
//!
//! Labels, HELP and TYPE are written by the exporter's formatter; a series' labels once, whatever the number of its lines.
//! What it gets wrong is put right here: its escaping guesses whether a backslash is an escape already (it writes one and
//! two alike, and forgets one before a quote), it spells infinity `inf`, and it knows neither OpenMetrics nor exemplars.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use ::metrics::{Key, Label};
use indexmap::IndexMap;
use metrics_exporter_prometheus::LabelSet;
use metrics_exporter_prometheus::formatting::{write_help_line, write_type_line};

use super::{Declaration, Exemplar, Format, Kind};

/// Most exemplars of one page. They may double a line, and the page has to stay near two megabytes.
const MAX_EXEMPLARS: usize = 2_000;

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
    pub(crate) fn and(&self, names: &[&'static str], values: &[Box<str>]) -> Labels {
        let own = names.iter().zip(values);
        let own: Vec<Label> = own
            .map(|(name, value)| Label::new(*name, unmistakable(value).into_owned()))
            .collect();
        let set = LabelSet::from_key_and_global(&Key::from_parts("", own), &self.0);
        Labels(set.to_strings().collect::<Vec<_>>().join(","))
    }
}

/// A series' labels as they stand between the braces.
pub struct Labels(String);

/// A page that is being written.
pub struct Page {
    text: String,
    format: Format,
    exemplars: usize,
}

impl Page {
    pub(crate) fn new(format: Format) -> Self {
        Page {
            text: String::new(),
            format,
            exemplars: 0,
        }
    }

    /// The HELP and TYPE lines. OpenMetrics names a counter's family without `_total`.
    pub(crate) fn header(&mut self, declaration: &Declaration) {
        let is_short = self.format == Format::OpenMetrics && declaration.kind == Kind::Counter;
        let short = declaration.name.strip_suffix("_total").filter(|_| is_short);
        let name = short.unwrap_or(declaration.name);
        let help = declaration.help_line();
        match self.format {
            Format::Text => write_help_line(&mut self.text, name, None, None, &unmistakable(&help)),
            // Its quotes are escaped in HELP too. Writing to a string does not fail.
            Format::OpenMetrics => {
                let help = help.replace('\\', r"\\").replace('"', r#"\""#);
                let _ = writeln!(self.text, "# HELP {name} {help}");
            }
        }
        write_type_line(&mut self.text, name, None, None, declaration.kind.as_str());
    }

    /// One sample line.
    pub(crate) fn sample(&mut self, name: &str, suffix: &str, Labels(labels): &Labels, value: f64) {
        let number = Number(value);
        // Writing to a string does not fail.
        let _ = match labels.is_empty() {
            true => writeln!(self.text, "{name}{suffix} {number}"),
            false => writeln!(self.text, "{name}{suffix}{{{labels}}} {number}"),
        };
    }

    /// The line of one bucket: how many observations were at most `bound`, and one of them.
    pub(crate) fn bucket(
        &mut self,
        name: &str,
        Labels(labels): &Labels,
        bound: f64,
        count: u64,
        exemplar: Option<Exemplar>,
    ) {
        let comma = if labels.is_empty() { "" } else { "," };
        let bound = Bound(bound);
        // Writing to a string does not fail.
        let _ = write!(
            self.text,
            "{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {count}"
        );
        if let Some(exemplar) = exemplar.filter(|_| self.exemplars < MAX_EXEMPLARS) {
            self.exemplars += 1;
            let _ = write!(self.text, " {exemplar}");
        }
        self.text.push('\n');
    }

    /// Whether exemplars can be shown at all.
    pub(crate) fn shows_exemplars(&self) -> bool {
        self.format == Format::OpenMetrics
    }

    /// The page, complete.
    pub(crate) fn end(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
        self.text
    }
}

/// A number as Prometheus spells it.
pub(super) struct Number(pub(super) f64);

impl fmt::Display for Number {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            f64::INFINITY => formatter.write_str("+Inf"),
            f64::NEG_INFINITY => formatter.write_str("-Inf"),
            value => value.fmt(formatter),
        }
    }
}

/// The bound of a bucket, always with its point (`1.0`): OpenMetrics asks for it, and Prometheus 3 makes it so. The same in both
/// formats, or the label `le` of a series would change with the way that it was scraped.
struct Bound(f64);

impl fmt::Display for Bound {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_finite() {
            write!(formatter, "{:?}", self.0)
        } else {
            Number(self.0).fmt(formatter)
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
        let mut page = Page::new(Format::Text);
        page.sample("calls_total", "", &labels, 1.0);
        page.end()
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
    fn help_is_escaped_as_its_format_asks() {
        const ODD: &Declaration = &Declaration {
            name: "odd_total",
            kind: Kind::Counter,
            labels: &[],
            help: r#"A "quoted" \ word."#,
            buckets: &[],
            otel: None,
        };
        let help = |format| {
            let mut page = Page::new(format);
            page.header(ODD);
            page.end().lines().next().unwrap_or_default().to_owned()
        };
        assert_eq!(help(Format::Text), r#"# HELP odd_total A "quoted" \\ word."#);
        assert_eq!(help(Format::OpenMetrics), r#"# HELP odd A \"quoted\" \\ word."#);
    }

    #[test]
    fn numbers_and_bounds_are_spelt_as_prometheus_spells_them() {
        let numbers = [f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 0.25, 3.0];
        let spelt = numbers.map(|number| Number(number).to_string());
        assert_eq!(spelt, ["+Inf", "-Inf", "NaN", "0.25", "3"]);
        let spelt = [0.001, 1.0, 2_097_152.0, f64::INFINITY].map(|bound| Bound(bound).to_string());
        assert_eq!(spelt, ["0.001", "1.0", "2097152.0", "+Inf"]);
    }
}
