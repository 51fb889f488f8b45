//! rest-api's HTTP API, with a key.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use http::Method;
use serde_json::{Value, json};
use test_support::{eventually, http::Answer, http::Request};

use crate::PATIENCE;
use crate::mcp::Stream;

/// rest-api, as one caller.
#[derive(Clone)]
pub struct Api {
    base: String,
    key: String,
}

impl Api {
    /// The API of the rest-api at `url`, with this key.
    pub fn new(url: String, key: &str) -> Self {
        Self {
            base: format!("{url}/api/v1"),
            key: key.to_owned(),
        }
    }

    /// A request with the key; `path` is below `/api/v1`.
    pub fn request(&self, method: Method, path: &str) -> Request {
        let url = format!("{}{path}", self.base);
        Request::new(method, &url).header("authorization", &format!("Bearer {}", self.key))
    }

    /// The body of a 2xx answer to GET.
    ///
    /// # Errors
    /// On any other answer, with it.
    pub async fn get(&self, path: &str) -> Result<Value> {
        succeeded(path, &self.request(Method::GET, path).send().await?)
    }

    /// A stream of server-sent events, after the event `last`.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn stream(&self, path: &str, last: Option<u64>) -> Result<Stream> {
        let header = |name: &str, value: String| (name.to_owned(), value);
        let mut headers = vec![
            header("authorization", format!("Bearer {}", self.key)),
            header("accept", "text/event-stream".to_owned()),
        ];
        headers.extend(last.map(|last| header("last-event-id", last.to_string())));
        let url = format!("{}{path}", self.base);
        Stream::open("GET", &url, headers, String::new()).await
    }

    /// The body of a 2xx answer to POST.
    ///
    /// # Errors
    /// On any other answer, with it.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        succeeded(path, &self.request(Method::POST, path).json(body).send().await?)
    }

    /// The body of a 2xx answer to PUT.
    ///
    /// # Errors
    /// On any other answer, with it.
    pub async fn put(&self, path: &str, body: &Value) -> Result<Value> {
        succeeded(path, &self.request(Method::PUT, path).json(body).send().await?)
    }

    /// Expects 2xx from DELETE.
    ///
    /// # Errors
    /// On any other answer, with it.
    pub async fn delete(&self, path: &str) -> Result<()> {
        succeeded(path, &self.request(Method::DELETE, path).send().await?).map(drop)
    }

    /// Asks for a tool call as a job; the job.
    ///
    /// # Errors
    /// When it is not accepted.
    pub async fn call_async(&self, tool: &str, arguments: &Value) -> Result<Value> {
        let path = format!("/tools/{tool}/calls?mode=async");
        self.post(&path, &json!({ "arguments": arguments })).await
    }

    /// The job as it stands.
    ///
    /// # Errors
    /// When there is none.
    pub async fn job(&self, job: &Value) -> Result<Value> {
        self.get(&format!("/jobs/{}", id_of(job)?)).await
    }

    /// Waits until the job is in a final state.
    ///
    /// # Errors
    /// When it is not in time.
    pub async fn finished(&self, job: &Value) -> Result<Value> {
        self.reaches(job, &["done", "failed", "in_doubt"]).await
    }

    /// Waits until the job is in one of these states.
    ///
    /// # Errors
    /// When it is not in time, with the job.
    pub async fn reaches(&self, job: &Value, states: &[&str]) -> Result<Value> {
        let probe = || async {
            let job = self.job(job).await?;
            let is_there = job["state"].as_str().is_some_and(|state| states.contains(&state));
            ensure!(is_there, "{job}");
            Ok(job)
        };
        eventually(PATIENCE, probe).await
    }

    /// Waits until the job is done; its result.
    ///
    /// # Errors
    /// When it ends otherwise, or not in time.
    pub async fn result_of(&self, job: &Value) -> Result<Value> {
        let finished = self.finished(job).await?;
        ensure!(finished["state"] == "done", "{finished}");
        Ok(finished["result"].clone())
    }

    /// Waits for an audit record that fits, newest first.
    ///
    /// # Errors
    /// When there is none in time, with those that there are.
    pub async fn audit_record(&self, query: &str, fits: impl Fn(&Value) -> bool) -> Result<Value> {
        let probe = || async {
            let records = self.get(&format!("/audit?{query}")).await?;
            let items = records["items"].as_array().context("no items")?;
            let found = items.iter().find(|record| fits(record)).cloned();
            found.with_context(|| format!("only {records:#}"))
        };
        eventually(PATIENCE.min(Duration::from_secs(10)), probe).await
    }
}

/// The id of a job or key.
fn id_of(thing: &Value) -> Result<&str> {
    thing["id"].as_str().with_context(|| format!("no id in {thing}"))
}

fn succeeded(path: &str, answer: &Answer) -> Result<Value> {
    ensure!(
        answer.status.is_success(),
        "{path}: {} {}",
        answer.status,
        answer.text()
    );
    if answer.body.is_empty() {
        return Ok(Value::Null);
    }
    answer.json()
}
