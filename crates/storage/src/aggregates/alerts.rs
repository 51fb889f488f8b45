//! Alerts.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::alert::{Alert, Received, Review, Verdict};
use domain::ports::storage::{AlertFilter, Alerts};
use domain::{AlertId, Page, PageRequest, StoreError, TenantId};

use super::store::{Store, same_tenant};
use super::unit::Unit;
use crate::column::Word;
use crate::cursor;
use crate::fault::Fault;
use crate::rows::alert::{AlertRow, alert_columns};
use crate::rows::audit::storable;

/// Nothing where it is known: the same firing, or another one of the same alert that is open still.
const OPEN: &str = concat!(
    "INSERT INTO alerts (id, tenant_id, fingerprint, alertname, priority, severity, team, summary, runbook_url,
                         started_at, ended_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
     ON CONFLICT DO NOTHING
     RETURNING ",
    alert_columns!()
);

/// The end of an earlier firing, told once more, ends no later one.
const END: &str = concat!(
    "UPDATE alerts
        SET ended_at = $3
      WHERE tenant_id = $1 AND fingerprint = $2 AND ended_at IS NULL AND started_at <= $3
     RETURNING ",
    alert_columns!()
);

const LIST: &str = concat!(
    "SELECT ",
    alert_columns!(),
    "
       FROM alerts
      WHERE tenant_id = $1
        AND ($2 IS NULL OR id < $2)
        AND ($3 IS NULL OR alertname = $3)
        AND ($4 IS NULL OR priority = $4)
        AND (NOT $5 OR ended_at IS NULL)
      ORDER BY id DESC
      LIMIT $6"
);

/// Also of an alert that was judged before it was noted.
const CALLED_FALSE: &str = "SELECT called_false OR COALESCE(verdict, '') = 'false_positive'
       FROM alerts
      WHERE tenant_id = $1 AND id = $2";

const REVIEW: &str = concat!(
    "UPDATE alerts
        SET verdict = $3, reviewed_by = $4, reviewed_at = $5, called_false = called_false OR $6
      WHERE tenant_id = $1 AND id = $2
     RETURNING ",
    alert_columns!()
);

#[async_trait]
impl Alerts for Store {
    async fn receive(&self, tenant: TenantId, alerts: &[Alert]) -> Result<Vec<Received>, StoreError> {
        self.call("receive", "alerts", async {
            let mut unit = self.write(tenant).await?;
            let mut changed = Vec::new();
            for alert in alerts {
                same_tenant(tenant, alert.tenant_id)?;
                changed.extend(receive(&mut unit, alert).await?);
            }
            unit.commit().await?;
            Ok(changed)
        })
        .await
    }

    async fn list(
        &self,
        tenant: TenantId,
        filter: &AlertFilter,
        page: PageRequest,
    ) -> Result<Page<Alert>, StoreError> {
        self.call("list", "alerts", async {
            let after = cursor::after_id(&page)?;
            let mut unit = self.read(tenant).await?;
            let rows: Vec<AlertRow> = sqlx::query_as(LIST)
                .bind(tenant.0)
                .bind(after)
                .bind(filter.alertname.as_deref().map(storable))
                .bind(filter.priority.as_deref().map(storable))
                .bind(filter.firing)
                .bind(cursor::rows_to_read(&page))
                .fetch_all(unit.conn())
                .await?;
            let alerts: Vec<Alert> = rows.into_iter().map(Into::into).collect();
            Ok(cursor::page(alerts, &page, |alert| alert.id))
        })
        .await
    }

    async fn review(
        &self,
        tenant: TenantId,
        id: AlertId,
        review: &Review,
    ) -> Result<(Alert, bool), StoreError> {
        self.call("review", "alerts", async {
            let mut unit = self.write(tenant).await?;
            let before: bool = sqlx::query_scalar(CALLED_FALSE)
                .bind(tenant.0)
                .bind(id.0)
                .fetch_one(unit.conn())
                .await?;
            let now = review.verdict == Verdict::FalsePositive;
            let row: AlertRow = sqlx::query_as(REVIEW)
                .bind(tenant.0)
                .bind(id.0)
                .bind(Word(review.verdict))
                .bind(storable(&review.by))
                .bind(review.at)
                .bind(now)
                .fetch_one(unit.conn())
                .await?;
            unit.commit().await?;
            Ok((row.into(), now && !before))
        })
        .await
    }
}

/// An end whose beginning was missed is both.
async fn receive(unit: &mut Unit, alert: &Alert) -> Result<Option<Received>, Fault> {
    if let Some(ended_at) = alert.ended_at
        && let Some(alert) = end(unit, alert, ended_at).await?
    {
        return Ok(Some(Received {
            alert,
            opened: false,
            resolved: true,
        }));
    }
    let opened = open(unit, alert).await?;
    Ok(opened.map(|alert| Received {
        resolved: alert.ended_at.is_some(),
        alert,
        opened: true,
    }))
}

async fn open(unit: &mut Unit, alert: &Alert) -> Result<Option<Alert>, Fault> {
    let row: Option<AlertRow> = sqlx::query_as(OPEN)
        .bind(alert.id.0)
        .bind(alert.tenant_id.0)
        .bind(storable(&alert.fingerprint))
        .bind(storable(&alert.alertname))
        .bind(storable(&alert.priority))
        .bind(storable(&alert.severity))
        .bind(storable(&alert.team))
        .bind(storable(&alert.summary))
        .bind(storable(&alert.runbook_url))
        .bind(alert.started_at)
        .bind(alert.ended_at)
        .fetch_optional(unit.conn())
        .await?;
    Ok(row.map(Into::into))
}

async fn end(unit: &mut Unit, alert: &Alert, ended_at: DateTime<Utc>) -> Result<Option<Alert>, Fault> {
    let row: Option<AlertRow> = sqlx::query_as(END)
        .bind(alert.tenant_id.0)
        .bind(storable(&alert.fingerprint))
        .bind(ended_at)
        .fetch_optional(unit.conn())
        .await?;
    Ok(row.map(Into::into))
}
