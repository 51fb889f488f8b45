//! Alerts: what Alertmanager's webhook tells (payload version 4), and what people made of them.

mod payload;

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use domain::AlertId;
use domain::alert::{Alert, Received, Verdict};
use domain::ports::storage::AlertFilter;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::keys::mirrored;
use crate::http::Http;
use crate::http::answer::PageView;
use crate::http::authenticate::Caller;
use crate::http::problem::{Problem, Problems};
use crate::http::request::{JsonBody, PageQuery, Path, Query};
use crate::metrics::AlertMetrics;

pub use payload::{Notification, NotifiedAlert, Status};

/// The payload that is understood.
const VERSION: &str = "4";

const PRIORITIES: [&str; 4] = ["P0", "P1", "P2", "P3"];

mirrored! {
    /// Whether an alert was worth somebody's time.
    VerdictName of Verdict {
        Actionable = "actionable",
        FalsePositive = "false_positive",
    }
}

/// One time that an alert fired.
#[derive(Debug, Serialize, ToSchema)]
pub struct AlertView {
    /// Identifier.
    #[schema(value_type = uuid::Uuid)]
    pub id: AlertId,
    /// Alertmanager's: the same for the same labels.
    pub fingerprint: String,
    /// The rule's name.
    pub alertname: String,
    /// `P0` to `P3`.
    pub priority: String,
    /// `critical`, `warning` or `info`.
    pub severity: String,
    /// Who looks after it.
    pub team: String,
    /// What it says.
    pub summary: String,
    /// Where it is said what to do.
    pub runbook_url: String,
    /// When it fired.
    pub started_at: DateTime<Utc>,
    /// When it was resolved.
    pub ended_at: Option<DateTime<Utc>>,
    /// What a person made of it.
    pub verdict: Option<VerdictName>,
    /// Whose judgement that is: the name of the key.
    pub reviewed_by: Option<String>,
    /// When it was judged.
    pub reviewed_at: Option<DateTime<Utc>>,
}

impl From<Alert> for AlertView {
    fn from(alert: Alert) -> Self {
        let review = alert.review;
        Self {
            id: alert.id,
            fingerprint: alert.fingerprint,
            alertname: alert.alertname,
            priority: alert.priority,
            severity: alert.severity,
            team: alert.team,
            summary: alert.summary,
            runbook_url: alert.runbook_url,
            started_at: alert.started_at,
            ended_at: alert.ended_at,
            verdict: review.as_ref().map(|review| review.verdict.into()),
            reviewed_at: review.as_ref().map(|review| review.at),
            reviewed_by: review.map(|review| review.by),
        }
    }
}

/// What a notification changed.
#[derive(Debug, Serialize, ToSchema)]
pub struct AlertsReceived {
    /// How many alerts were new.
    pub opened: usize,
    /// How many are over since.
    pub resolved: usize,
}

/// Which alerts.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AlertQuery {
    /// Only of this rule.
    alertname: Option<String>,
    /// Only with this priority, `P0` to `P3`.
    #[param(pattern = "^P[0-3]$")]
    priority: Option<String>,
    /// Only those that fire still.
    #[serde(default)]
    firing: bool,
}

/// What a person made of an alert.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReviewRequest {
    /// Whether it was worth somebody's time.
    pub verdict: VerdictName,
}

/// Alertmanager's webhook (`webhook_configs`, with `http_config.authorization`). A notification that comes again changes
/// nothing. Each P0 and P1 leaves an incident line in the log when it opens and when it is resolved.
#[utoipa::path(post, path = "/api/v1/alerts", operation_id = "receive_alerts", tag = "alerts",
    request_body = Notification,
    responses((status = 200, description = "What was new", body = AlertsReceived), Problems))]
pub async fn receive(
    State(http): State<Http>,
    Caller(caller): Caller,
    JsonBody(notification): JsonBody<Notification>,
) -> Result<Json<AlertsReceived>, Problem> {
    if notification.version != VERSION {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        return Err(Problem::field(
            status,
            "version",
            "\"4\", Alertmanager's webhook payload",
        ));
    }
    let alerts = notification.alerts.into_iter().enumerate();
    let alerts = alerts.map(|(at, alert)| alert.read(at, caller.tenant_id));
    let alerts = alerts.collect::<Result<_, _>>()?;
    let received = http.control.receive_alerts(&caller, alerts).await?;
    received.iter().for_each(|received| tell(&http.alerts, received));
    Ok(Json(AlertsReceived {
        opened: received.iter().filter(|alert| alert.opened).count(),
        resolved: received.iter().filter(|alert| alert.resolved).count(),
    }))
}

/// The tenant's alerts, the last received first.
#[utoipa::path(get, path = "/api/v1/alerts", operation_id = "list_alerts", tag = "alerts",
    params(AlertQuery, PageQuery),
    responses((status = 200, description = "A page of alerts", body = PageView<AlertView>), Problems))]
pub async fn list(
    State(http): State<Http>,
    Caller(caller): Caller,
    Query(which): Query<AlertQuery>,
    Query(page): Query<PageQuery>,
) -> Result<Json<PageView<AlertView>>, Problem> {
    let priority = which.priority.as_deref();
    if priority.is_some_and(|priority| !PRIORITIES.contains(&priority)) {
        let status = StatusCode::BAD_REQUEST;
        return Err(Problem::field(status, "priority", "P0, P1, P2 or P3"));
    }
    let filter = AlertFilter {
        alertname: which.alertname,
        priority: which.priority,
        firing: which.firing,
    };
    Ok(PageView::of(
        http.control.list_alerts(&caller, &filter, page.page()?).await?,
        Into::into,
    ))
}

/// Keeps what a person made of an alert.
#[utoipa::path(post, path = "/api/v1/alerts/{id}/review", operation_id = "review_alert", tag = "alerts",
    params(("id" = uuid::Uuid, Path, description = "The alert")),
    request_body = ReviewRequest,
    responses((status = 200, description = "The alert", body = AlertView), Problems))]
pub async fn review(
    State(http): State<Http>,
    Caller(caller): Caller,
    Path(id): Path<AlertId>,
    JsonBody(body): JsonBody<ReviewRequest>,
) -> Result<Json<AlertView>, Problem> {
    let verdict = body.verdict.into();
    let (alert, is_first) = http.control.review_alert(&caller, id, verdict).await?;
    if is_first {
        http.alerts
            .false_positives
            .with([alert.alertname.as_str()])
            .increment(1);
    }
    Ok(Json(alert.into()))
}

/// Counts what is new of an alert, and writes the lines that dashboards show as incidents.
fn tell(metrics: &AlertMetrics, received: &Received) {
    let alert = &received.alert;
    let (name, priority) = (alert.alertname.as_str(), alert.priority.as_str());
    if received.opened {
        metrics
            .fired
            .with([name, alert.severity.as_str(), alert.team.as_str()])
            .increment(1);
    }
    let lasted = alert.lasted().filter(|_| received.resolved);
    if let Some(seconds) = lasted {
        metrics.resolution.with([name, priority]).record(seconds);
    }
    if !alert.is_incident() {
        return;
    }
    macro_rules! incident {
        ($level:ident, $event:literal, $($text:tt)+) => {
            tracing::$level!(
                event = $event,
                alertname = name,
                priority,
                fingerprint = alert.fingerprint,
                runbook_url = alert.runbook_url,
                summary = alert.summary,
                duration = lasted,
                $($text)+
            )
        };
    }
    if received.opened {
        incident!(warn, "incident_opened", "incident {name} opened");
    }
    if received.resolved {
        incident!(info, "incident_resolved", "incident {name} resolved");
    }
}
