//! What is shipped: the queries of panels, rules and alerts.

use serde::Deserialize;

/// One query that a dashboard, a rule or an alert asks.
#[derive(Debug, Deserialize)]
pub(super) struct Shipped {
    /// `panel`, `record`, `alert` or `annotation`.
    pub(super) kind: String,
    pub(super) r#where: String,
    pub(super) language: String,
    pub(super) expr: String,
    /// `always`, `incident`, or `capability:NAME` for what not every mesh has.
    pub(super) needs: String,
    /// What a recorded series is made from.
    pub(super) rule: Option<String>,
}

impl Shipped {
    /// The expression that says which series it needs.
    pub(super) fn source(&self) -> &str {
        self.rule.as_deref().unwrap_or(&self.expr)
    }
}

/// All of them, as `cargo xtask generate` gathered them.
pub(super) fn shipped() -> Vec<Shipped> {
    // It is part of the program, and a test reads it: it cannot be wrong here.
    serde_json::from_str(include_str!("../../../../../../deploy/monitoring/queries.json")).unwrap_or_default()
}
