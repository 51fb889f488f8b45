//! A `/metrics` page, read strictly: Prometheus text format 0.0.4.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};

/// A scraped page.
#[derive(Debug, Clone)]
pub struct Page {
    /// The page as it was served.
    pub text: String,
    /// The families by name.
    pub families: BTreeMap<String, Family>,
}

/// One metric with its series.
#[derive(Debug, Clone, Default)]
pub struct Family {
    /// `counter`, `gauge` or `histogram`.
    pub kind: String,
    /// HELP.
    pub help: String,
    /// Its lines.
    pub samples: Vec<Sample>,
}

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The name on the line: the family's, with `_bucket`, `_sum` or `_count` in a histogram.
    pub name: String,
    /// The labels.
    pub labels: BTreeMap<String, String>,
    /// The value.
    pub value: f64,
}

impl Page {
    /// Reads a page.
    ///
    /// # Errors
    /// With the line that is wrong, or that belongs to no family.
    pub fn parse(text: &str) -> Result<Self> {
        let mut families = BTreeMap::<String, Family>::new();
        for line in text.lines().filter(|line| !line.is_empty()) {
            if let Some(about) = line.strip_prefix("# ") {
                describe(&mut families, about).with_context(|| line.to_owned())?;
            } else {
                let sample = sample(line).with_context(|| line.to_owned())?;
                let family = family_of(&mut families, &sample.name);
                family
                    .with_context(|| format!("no TYPE before {line}"))?
                    .samples
                    .push(sample);
            }
        }
        let text = text.to_owned();
        Ok(Self { text, families })
    }

    /// The sum over the series whose labels include these; 0 when there is none.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let fits = |sample: &&Sample| {
            sample.name == name
                && labels
                    .iter()
                    .all(|(key, value)| sample.labels.get(*key).is_some_and(|v| v == value))
        };
        let samples = self.families.values().flat_map(|family| &family.samples);
        samples.filter(fits).map(|sample| sample.value).sum()
    }
}

fn describe(families: &mut BTreeMap<String, Family>, about: &str) -> Option<()> {
    let mut words = about.splitn(3, ' ');
    let (what, name, rest) = (words.next()?, words.next()?, words.next()?);
    let family = families.entry(name.to_owned()).or_default();
    match what {
        "TYPE" => rest.clone_into(&mut family.kind),
        "HELP" => rest.clone_into(&mut family.help),
        _ => return None,
    }
    Some(())
}

fn family_of<'a>(families: &'a mut BTreeMap<String, Family>, name: &str) -> Option<&'a mut Family> {
    let stem = ["_bucket", "_sum", "_count"]
        .iter()
        .find_map(|end| name.strip_suffix(end));
    let is_histogram = |stem: &&str| {
        families
            .get(*stem)
            .is_some_and(|family| family.kind == "histogram")
    };
    let name = stem.filter(is_histogram).unwrap_or(name);
    families.get_mut(name)
}

fn sample(line: &str) -> Result<Sample> {
    let (head, value) = line.rsplit_once(' ').context("no value")?;
    let (name, labels) = match head.split_once('{') {
        Some((name, labels)) => (name, labels_of(labels.strip_suffix('}').context("no brace")?)?),
        None => (head, BTreeMap::new()),
    };
    Ok(Sample {
        name: name.to_owned(),
        labels,
        value: value.parse()?,
    })
}

fn labels_of(text: &str) -> Result<BTreeMap<String, String>> {
    let mut labels = BTreeMap::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (name, after) = rest.split_once("=\"").context("no label value")?;
        let (value, after) = quoted(after).context("an open quote")?;
        ensure!(
            labels.insert(name.to_owned(), value).is_none(),
            "label {name} twice"
        );
        rest = after.strip_prefix(',').unwrap_or(after);
    }
    Ok(labels)
}

/// The text up to the closing quote, unescaped, and what follows.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(match letters.next()?.1 {
                'n' => '\n',
                other => other,
            }),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# HELP calls_total Calls.\n# TYPE calls_total counter\n\
        calls_total{tool=\"a \\\"b\\\", c\",status=\"200\"} 2\ncalls_total{tool=\"d\",status=\"500\"} 1\n\
        # HELP took_seconds Time.\n# TYPE took_seconds histogram\n\
        took_seconds_bucket{le=\"+Inf\"} 3\ntook_seconds_sum 0.5\ntook_seconds_count 3\n";

    #[test]
    fn lines_belong_to_their_family_and_labels_are_unescaped() {
        let page = Page::parse(TEXT).unwrap();
        assert_eq!(page.families["took_seconds"].samples.len(), 3);
        assert_eq!(
            page.families["calls_total"].samples[0].labels["tool"],
            "a \"b\", c"
        );
        assert!((page.sum("calls_total", &[]) - 3.0).abs() < f64::EPSILON);
        assert!((page.sum("calls_total", &[("status", "500")]) - 1.0).abs() < f64::EPSILON);
    }

    #[test]
    fn a_line_without_a_type_is_refused() {
        let error = Page::parse("stray 1\n").unwrap_err();
        assert!(error.to_string().contains("stray"), "{error}");
    }
}
