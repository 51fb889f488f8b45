//! A row of `alerts`.

use chrono::{DateTime, Utc};
use domain::alert::{Alert, Review, Verdict};
use domain::{AlertId, TenantId};
use uuid::Uuid;

use crate::column::Word;

macro_rules! alert_columns {
    () => {
        "id, tenant_id, fingerprint, alertname, priority, severity, team, summary, runbook_url, started_at, ended_at, \
         verdict, reviewed_by, reviewed_at"
    };
}
pub(crate) use alert_columns;

/// A row of `alerts`.
#[derive(sqlx::FromRow)]
pub struct AlertRow {
    id: Uuid,
    tenant_id: Uuid,
    fingerprint: String,
    alertname: String,
    priority: String,
    severity: String,
    team: String,
    summary: String,
    runbook_url: String,
    started_at: DateTime<Utc>,
    ended_at: Option<DateTime<Utc>>,
    verdict: Option<Word<Verdict>>,
    reviewed_by: Option<String>,
    reviewed_at: Option<DateTime<Utc>>,
}

impl From<AlertRow> for Alert {
    fn from(row: AlertRow) -> Self {
        let review = row.verdict.zip(row.reviewed_at).map(|(verdict, at)| Review {
            verdict: verdict.0,
            by: row.reviewed_by.unwrap_or_default(),
            at,
        });
        Self {
            id: AlertId(row.id),
            tenant_id: TenantId(row.tenant_id),
            fingerprint: row.fingerprint,
            alertname: row.alertname,
            priority: row.priority,
            severity: row.severity,
            team: row.team,
            summary: row.summary,
            runbook_url: row.runbook_url,
            started_at: row.started_at,
            ended_at: row.ended_at,
            review,
        }
    }
}
