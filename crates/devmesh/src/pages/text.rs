//! Prometheus's text format, as far as our own pages use it.

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The series' name; of a histogram with `_bucket`, `_sum`, `_count`.
    pub name: String,
    /// Labels in the order of the page.
    pub labels: Vec<(String, String)>,
    /// The number.
    pub value: f64,
}

/// One page.
#[derive(Clone, Debug, Default)]
pub struct Page(Vec<Sample>);

impl Sample {
    /// The value of a label; empty when it has none.
    #[must_use]
    pub fn label(&self, name: &str) -> &str {
        let found = self.labels.iter().find(|(label, _)| label == name);
        found.map_or("", |(_, value)| value)
    }
}

impl Page {
    /// Reads a page. Lines that are none are left out.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        Self(lines.filter_map(sample).collect())
    }

    /// Every sample of this name.
    pub fn samples<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Sample> {
        self.0.iter().filter(move |sample| sample.name == name)
    }

    /// How many lines it has.
    #[must_use]
    pub fn lines(&self) -> usize {
        self.0.len()
    }

    /// The sum of those of this name that `wanted` takes; none where there is none.
    pub fn sum(&self, name: &str, wanted: impl Fn(&Sample) -> bool) -> Option<f64> {
        let values = self.samples(name).filter(|sample| wanted(sample));
        values.map(|sample| sample.value).reduce(|a, b| a + b)
    }
}

/// `name{label="value",…} number`, also without labels.
fn sample(line: &str) -> Option<Sample> {
    let end = line.find(['{', ' '])?;
    let (name, rest) = line.split_at(end);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (Vec::new(), rest),
    };
    let value = rest.split_whitespace().next()?.parse().ok()?;
    Some(Sample {
        name: name.to_owned(),
        labels,
        value,
    })
}

/// The labels up to `}`, and what follows it.
fn labels(mut rest: &str) -> Option<(Vec<(String, String)>, &str)> {
    let mut labels = Vec::new();
    loop {
        rest = rest.trim_start_matches([',', ' ']);
        if let Some(after) = rest.strip_prefix('}') {
            return Some((labels, after));
        }
        let (name, after) = rest.split_once("=\"")?;
        let (value, after) = quoted(after)?;
        labels.push((name.to_owned(), value));
        rest = after;
    }
}

/// A value up to its closing quote, and what follows.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, text.get(at + 1..)?)),
            '\\' => match letters.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_with_quotes_commas_and_braces_are_read() {
        let page = Page::parse(
            "# HELP a b\n# TYPE a counter\na{x=\"1,}\",y=\"say \\\"hi\\\"\\n\"} 3\nb 1e3 1700000000\nbroken{x=\"\n",
        );
        assert_eq!(page.lines(), 2);
        let a = page.samples("a").next().unwrap();
        assert_eq!(
            (a.label("x"), a.label("y"), a.label("z")),
            ("1,}", "say \"hi\"\n", "")
        );
        assert_eq!(page.sum("b", |_| true), Some(1000.0));
        assert_eq!(page.sum("c", |_| true), None);
    }
}
