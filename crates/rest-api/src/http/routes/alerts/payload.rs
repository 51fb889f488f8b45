//! What Alertmanager sends. Fields that are of no use here are not read, and further ones are no error: it is not ours.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::alert::Alert;
use domain::{AlertId, TenantId};
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::http::problem::Problem;

/// Longest text that is kept of a label or an annotation, in characters.
const LONGEST: usize = 500;

/// A notification: alerts of one group.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Notification {
    /// `4`.
    pub version: String,
    /// The alerts.
    pub alerts: Vec<NotifiedAlert>,
}

/// Whether an alert fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It does.
    Firing,
    /// It does no more.
    Resolved,
}

/// An alert of a notification.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotifiedAlert {
    /// Whether it fires.
    pub status: Status,
    /// `alertname`, `priority`, `severity`, `team` and others.
    pub labels: BTreeMap<String, String>,
    /// `summary`, `runbook_url` and others.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    /// Since when.
    pub starts_at: DateTime<Utc>,
    /// Until when; in the year 1, or when it would time out, while it fires.
    pub ends_at: DateTime<Utc>,
    /// The same for the same labels.
    #[schema(min_length = 1)]
    pub fingerprint: String,
}

impl NotifiedAlert {
    /// The alert that stands `at` this place of the notification.
    pub(super) fn read(self, at: usize, tenant_id: TenantId) -> Result<Alert, Problem> {
        self.is_named(at)?;
        let text = |map: &BTreeMap<String, String>, name: &str| {
            let found = map.get(name).map(|text| cut(text));
            found.unwrap_or_default()
        };
        Ok(Alert {
            id: AlertId::generate(),
            tenant_id,
            alertname: text(&self.labels, "alertname"),
            priority: text(&self.labels, "priority"),
            severity: text(&self.labels, "severity"),
            team: text(&self.labels, "team"),
            summary: text(&self.annotations, "summary"),
            runbook_url: text(&self.annotations, "runbook_url"),
            fingerprint: cut(&self.fingerprint),
            started_at: self.starts_at,
            ended_at: (self.status == Status::Resolved).then_some(self.ends_at),
            review: None,
        })
    }

    /// Alertmanager always says which alert it is and how to know it again; without either there is nothing to keep.
    fn is_named(&self, at: usize) -> Result<(), Problem> {
        let name = self.labels.get("alertname").map_or("", String::as_str);
        for (field, value) in [("labels.alertname", name), ("fingerprint", &self.fingerprint)] {
            if value.trim().is_empty() {
                let status = StatusCode::UNPROCESSABLE_ENTITY;
                return Err(Problem::field(
                    status,
                    format!("alerts[{at}].{field}"),
                    "not empty",
                ));
            }
        }
        Ok(())
    }
}

fn cut(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}
