//! Where traces are read.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::Clock;
use reqwest::{Client, StatusCode};
use serde_json::Value;
use url::Url;

use super::otlp;
use super::span::{Answer, Trace};
use crate::api::Api;
use crate::client;
use crate::failure::Failure;

/// Longest time of one answer of a back end.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How far back a request id is looked for.
const SEARCHED_DAYS: i64 = 7;
/// Most traces with one request id.
const MOST: usize = 20;
/// The services that a request id is looked for in.
const SERVICES: [&str; 3] = ["mcp-server", "rest-api", "worker"];

/// Where traces are read.
pub enum Source {
    /// The memory of `devmesh up`, through rest-api.
    Mesh(Api),
    /// Jaeger's query service.
    Jaeger(Backend),
    /// Grafana Tempo.
    Tempo(Backend),
}

/// A trace back end's HTTP API.
pub struct Backend {
    http: Client,
    base: Url,
}

impl Source {
    /// The back end at `url`, or the mesh. Which back end it is, it says itself.
    ///
    /// # Errors
    /// When it cannot be reached, or is neither Jaeger nor Tempo.
    pub async fn open(
        url: Option<&Url>,
        mesh: impl FnOnce() -> Result<Api, Failure>,
    ) -> Result<Self, Failure> {
        let Some(url) = url else {
            return mesh().map(Self::Mesh);
        };
        let backend = Backend {
            http: client::client(url)?,
            base: url.clone(),
        };
        if matches!(backend.get(&["api", "services"], &[]).await, Ok(Some(answer)) if answer.get("data").is_some())
        {
            return Ok(Self::Jaeger(backend));
        }
        let echo = backend.send(&["api", "echo"], &[]).await?;
        if echo.status().is_success() && echo.text().await.unwrap_or_default().trim() == "echo" {
            return Ok(Self::Tempo(backend));
        }
        Err(Failure::Failed(format!(
            "{url} is neither Jaeger (/api/services) nor Tempo (/api/echo)"
        )))
    }

    /// What it is, for people.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Mesh(_) => "the mesh's memory",
            Self::Jaeger(_) => "Jaeger",
            Self::Tempo(_) => "Tempo",
        }
    }

    /// The trace with this id, if there is one.
    ///
    /// # Errors
    /// When the back end cannot be reached or fails.
    pub async fn trace(&self, id: &str) -> Result<Option<Trace>, Failure> {
        let trace = match self {
            Self::Mesh(api) => match api.get_untraced(&["traces", id], &[]).await {
                Ok(answer) => jaeger(answer)?.pop(),
                Err(failure) if failure.status() == Some(404) && !is_without_memory(&failure) => None,
                Err(failure) => return Err(failure),
            },
            Self::Jaeger(backend) => match backend.get(&["api", "traces", id], &[]).await? {
                Some(answer) => jaeger(answer)?.pop(),
                None => None,
            },
            Self::Tempo(backend) => {
                let answer = backend.get(&["api", "traces", id], &[]).await?;
                answer.map(|answer| otlp::read(id, &answer))
            }
        };
        Ok(trace.filter(|trace| !trace.spans.is_empty()))
    }

    /// The ids of the traces in which a request has this `X-Request-ID`, newest first.
    ///
    /// # Errors
    /// As [`Self::trace`].
    pub async fn with_request_id(&self, id: &str) -> Result<Vec<String>, Failure> {
        let now = domain::SystemClock.now();
        let since = now - chrono::Duration::days(SEARCHED_DAYS);
        match self {
            Self::Mesh(api) => {
                let query = [("request_id", id.to_owned()), ("limit", MOST.to_string())];
                let traces = jaeger(api.get_untraced(&["traces"], &query).await?)?;
                Ok(traces.into_iter().map(|trace| trace.id).collect())
            }
            Self::Jaeger(backend) => backend.search_jaeger(id, since, now).await,
            Self::Tempo(backend) => backend.search_tempo(id, since, now).await,
        }
    }
}

/// Whether the mesh says that it keeps none at all, which no other id would change.
fn is_without_memory(failure: &Failure) -> bool {
    failure.to_string().contains("keeps no traces")
}

fn jaeger(answer: Value) -> Result<Vec<Trace>, Failure> {
    let answer: Answer = serde_json::from_value(answer).map_err(|error| Failure::of("traces", error))?;
    Ok(answer.data.into_iter().map(Trace::from).collect())
}

impl Backend {
    async fn send(&self, path: &[&str], query: &[(&str, String)]) -> Result<reqwest::Response, Failure> {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .map_err(|()| Failure::Usage(format!("{}: an http or https address is needed", self.base)))?
            .pop_if_empty()
            .extend(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let request = self
            .http
            .get(url)
            .timeout(TIMEOUT)
            .header("accept", "application/json");
        let sent = request.send().await;
        sent.map_err(|error| {
            Failure::Unreachable(format!("cannot reach {}: {}", self.base, client::reason(&error)))
        })
    }

    /// The JSON at `path`; none where there is nothing.
    async fn get(&self, path: &[&str], query: &[(&str, String)]) -> Result<Option<Value>, Failure> {
        let response = self.send(path, query).await?;
        match response.status() {
            StatusCode::NOT_FOUND => return Ok(None),
            status if !status.is_success() => {
                return Err(Failure::Failed(format!("{} answered {status}", self.base)));
            }
            _ => {}
        }
        let text = response
            .text()
            .await
            .map_err(|error| Failure::of(&self.base, error))?;
        let answer = serde_json::from_str(&text);
        answer.map(Some).map_err(|error| Failure::of(&self.base, error))
    }

    async fn search_jaeger(
        &self,
        id: &str,
        since: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Vec<String>, Failure> {
        let mut found = Vec::new();
        for service in SERVICES {
            let query = [
                ("service", service.to_owned()),
                ("tags", serde_json::json!({ "correlation_id": id }).to_string()),
                ("start", since.timestamp_micros().to_string()),
                ("end", until.timestamp_micros().to_string()),
                ("limit", MOST.to_string()),
            ];
            let answer = self.get(&["api", "traces"], &query).await?;
            let traces = answer.map_or_else(|| Ok(Vec::new()), jaeger)?;
            for trace in traces {
                if !found.contains(&trace.id) {
                    found.push(trace.id);
                }
            }
        }
        Ok(found)
    }

    async fn search_tempo(
        &self,
        id: &str,
        since: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Vec<String>, Failure> {
        // As JSON a text is quoted as TraceQL quotes it.
        let quoted = Value::from(id).to_string();
        let query = [
            ("q", format!("{{ span.correlation_id = {quoted} }}")),
            ("start", since.timestamp().to_string()),
            ("end", until.timestamp().to_string()),
            ("limit", MOST.to_string()),
        ];
        let answer = self.get(&["api", "search"], &query).await?.unwrap_or_default();
        let traces = answer["traces"].as_array().map_or(&[][..], Vec::as_slice);
        let ids = traces.iter().filter_map(|trace| trace["traceID"].as_str());
        // Tempo leaves leading noughts out.
        Ok(ids.map(|id| format!("{id:0>32}")).collect())
    }
}
