//! rest-api's HTTP API, as the commands use it.

mod problem;
mod wait;

use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::Value;
use url::Url;
use zeroize::Zeroizing;

use crate::client;
use crate::connection::Connection;
use crate::failure::Failure;

pub use wait::wait_for_job;

/// Longest time of one request; above the longest wait for a job, 60 s.
const TIMEOUT: Duration = Duration::from_secs(90);
/// Longest time of one stream; then it goes on with another.
const FOLLOWED: Duration = Duration::from_hours(24);
/// A trace context that is not sampled: its flags are 00.
const UNSAMPLED: &str = "00-00000000000000000000000000000001-0000000000000001-00";
/// Most items of one page.
const PAGE: usize = 200;

/// A mesh's HTTP API, with a key.
pub struct Api {
    http: Client,
    base: Url,
    key: Zeroizing<String>,
}

impl Api {
    /// The API of `connection`'s mesh. Nothing is sent yet.
    ///
    /// # Errors
    /// When there is no key.
    pub fn new(connection: &Connection) -> Result<Self, Failure> {
        let base = connection.api_url()?;
        Ok(Self {
            http: client::client(&base)?,
            base,
            key: connection.api_key()?,
        })
    }

    /// `GET path` with a query.
    ///
    /// # Errors
    /// When the mesh cannot be reached or answers with a problem.
    pub async fn get(&self, path: &[&str], query: &[(&str, String)]) -> Result<Value, Failure> {
        self.send(self.request(Method::GET, path, query)?).await
    }

    /// As [`Self::get`], and asks the mesh not to record the request as a trace: reading the traces must not fill the
    /// memory that they are kept in.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn get_untraced(&self, path: &[&str], query: &[(&str, String)]) -> Result<Value, Failure> {
        let request = self.request(Method::GET, path, query)?;
        self.send(request.header("traceparent", UNSAMPLED)).await
    }

    /// `GET path` as a stream of server-sent events, after the event `last`; it has no end of its own.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn stream(
        &self,
        path: &[&str],
        query: &[(&str, String)],
        last: Option<u64>,
    ) -> Result<Response, Failure> {
        let request = self.request(Method::GET, path, query)?;
        let request = request.timeout(FOLLOWED).header("accept", "text/event-stream");
        let request = match last {
            Some(last) => request.header("last-event-id", last.to_string()),
            None => request,
        };
        let response = request.send().await;
        let response = response.map_err(|error| client::unreachable(&self.base, &error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let text = response.text().await;
        let text = text.map_err(|error| client::unreachable(&self.base, &error))?;
        Err(problem::failure(status, &text))
    }

    /// `POST path` with a JSON body.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn post(
        &self,
        path: &[&str],
        query: &[(&str, String)],
        body: &Value,
    ) -> Result<Value, Failure> {
        self.send(self.request(Method::POST, path, query)?.json(body))
            .await
    }

    /// `PATCH path` with a JSON body.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn patch(&self, path: &[&str], body: &Value) -> Result<Value, Failure> {
        self.send(self.request(Method::PATCH, path, &[])?.json(body))
            .await
    }

    /// `PUT path` with a JSON body.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn put(&self, path: &[&str], body: &Value) -> Result<Value, Failure> {
        self.send(self.request(Method::PUT, path, &[])?.json(body)).await
    }

    /// `DELETE path`.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn delete(&self, path: &[&str]) -> Result<Value, Failure> {
        self.send(self.request(Method::DELETE, path, &[])?).await
    }

    /// The first `most` items of a list, over as many pages as it takes.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn list(
        &self,
        path: &[&str],
        query: &[(&str, String)],
        most: usize,
    ) -> Result<Vec<Value>, Failure> {
        let mut items = Vec::new();
        let mut cursor: Option<String> = None;
        while items.len() < most {
            let mut query = query.to_vec();
            query.push(("limit", PAGE.min(most - items.len()).to_string()));
            query.extend(cursor.map(|cursor| ("cursor", cursor)));
            let mut page = self.get(path, &query).await?;
            if let Some(Value::Array(found)) = page.get_mut("items").map(Value::take) {
                items.extend(found);
            }
            cursor = page.get("next").and_then(Value::as_str).map(str::to_owned);
            if cursor.is_none() {
                break;
            }
        }
        Ok(items)
    }

    /// The segments of a path are escaped, and those that a URL drops are refused: no name reaches another path.
    fn request(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, String)],
    ) -> Result<RequestBuilder, Failure> {
        if let Some(name) = path.iter().find(|name| matches!(**name, "" | "." | "..")) {
            return Err(Failure::Usage(format!("`{name}` names nothing")));
        }
        let mut url = self.base.clone();
        let base = self.base.clone();
        let no_base = |()| Failure::Usage(format!("--url {base}: an http or https address is needed"));
        url.path_segments_mut()
            .map_err(no_base)?
            .pop_if_empty()
            .extend(["api", "v1"])
            .extend(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(self
            .http
            .request(method, url)
            .timeout(TIMEOUT)
            .bearer_auth(self.key.as_str()))
    }

    async fn send(&self, request: RequestBuilder) -> Result<Value, Failure> {
        let response = request
            .send()
            .await
            .map_err(|error| client::unreachable(&self.base, &error))?;
        read(response).await
    }
}

async fn read(response: Response) -> Result<Value, Failure> {
    let status = response.status();
    let url = response.url().clone();
    let text = response
        .text()
        .await
        .map_err(|error| client::unreachable(&url, &error))?;
    if !status.is_success() {
        return Err(problem::failure(status, &text));
    }
    if text.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(&text).map_err(|_| {
        Failure::Failed(format!(
            "{url} answered something that is no JSON: is this rest-api's address?"
        ))
    })
}
