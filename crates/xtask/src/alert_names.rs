//! The alerts of the pack, for rest-api: it shows their counters before the first of them fires, because Prometheus sees no
//! increase in a series that is born at 1.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::repository::Repository;

const RULES: &str = "deploy/monitoring/prometheus/alerts/";
const OUT: &str = "crates/rest-api/src/shipped_alerts.tsv";

/// A line an alert: its name, severity and team.
pub(crate) fn files(repository: &Repository) -> anyhow::Result<Vec<(PathBuf, String)>> {
    let mut lines = BTreeSet::new();
    for file in repository.files().filter(|file| file.starts_with(RULES)) {
        let text = repository.text(file).with_context(|| file.to_owned())?;
        let rules: Value = serde_saphyr::from_str(&text).with_context(|| file.to_owned())?;
        let groups = rules["groups"].as_array().into_iter().flatten();
        let rules = groups.filter_map(|group| group["rules"].as_array()).flatten();
        lines.extend(rules.filter_map(line));
    }
    ensure!(!lines.is_empty(), "no alerts below {RULES}");
    Ok(vec![(OUT.into(), lines.into_iter().collect())])
}

fn line(rule: &Value) -> Option<String> {
    let label = |name: &str| rule["labels"][name].as_str().unwrap_or_default();
    let name = rule["alert"].as_str()?;
    Some(format!("{name}\t{}\t{}\n", label("severity"), label("team")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_rule_that_records_is_no_alert() {
        let labels = json!({ "severity": "warning", "team": "sre" });
        let alert = line(&json!({ "alert": "Late", "labels": labels }));
        assert_eq!(alert.as_deref(), Some("Late\twarning\tsre\n"));
        assert_eq!(line(&json!({ "record": "a:b" })), None);
    }
}
