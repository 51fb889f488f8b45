//! The tables of requests.

/// One request and the operations that answer it.
pub struct Row {
    pub request: String,
    pub right: Vec<String>,
}

/// GitHub: the table that the ranking has to meet.
pub fn github() -> Vec<Row> {
    rows(include_str!("github-requests.tsv"))
}

/// GitHub: requests for whose sake nothing was changed.
pub fn held_out() -> Vec<Row> {
    rows(include_str!("github-held-out.tsv"))
}

/// Kubernetes: a catalogue of another kind.
pub fn kubernetes() -> Vec<Row> {
    rows(include_str!("kubernetes-requests.tsv"))
}

/// Request, tab, operation ids with commas between them; `*` stands for any characters.
fn rows(text: &str) -> Vec<Row> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let rows = lines.filter_map(|line| line.split_once('\t'));
    rows.map(|(request, right)| Row {
        request: request.to_owned(),
        right: right.split(',').map(str::to_owned).collect(),
    })
    .collect()
}

impl Row {
    /// Whether this operation answers the request.
    pub fn is_answered_by(&self, operation: &str) -> bool {
        self.right.iter().any(|pattern| fits(pattern, operation))
    }
}

/// Whether an operation id is meant by one of a table.
pub fn fits(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, end)) => {
            text.len() >= start.len() + end.len() && text.starts_with(start) && text.ends_with(end)
        }
    }
}
