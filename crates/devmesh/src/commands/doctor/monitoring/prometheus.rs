//! A Prometheus, asked.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;
use url::Url;

use crate::client;
use crate::failure::Failure;

const TIMEOUT: Duration = Duration::from_secs(30);

pub(super) struct Prometheus {
    base: Url,
    client: reqwest::Client,
}

impl Prometheus {
    pub(super) fn at(base: &Url) -> Result<Self, Failure> {
        Ok(Self {
            base: base.clone(),
            client: client::client(base)?,
        })
    }

    /// The samples of an instant query.
    pub(super) async fn query(&self, expression: &str) -> Result<Vec<Value>, Failure> {
        let answer = self.get("query", &[("query", expression)]).await?;
        Ok(answer
            .pointer("/data/result")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default())
    }

    /// Whether the query has a sample that is a number.
    pub(super) async fn has_data(&self, expression: &str) -> Result<bool, Failure> {
        let finite = |sample: &Value| {
            let value = sample.pointer("/value/1").and_then(Value::as_str);
            value
                .and_then(|text| text.parse::<f64>().ok())
                .is_some_and(f64::is_finite)
        };
        Ok(self.query(expression).await?.iter().any(finite))
    }

    /// The values of a label of the samples.
    pub(super) async fn values(&self, expression: &str, label: &str) -> Result<BTreeSet<String>, Failure> {
        let samples = self.query(expression).await?;
        let value = |sample: &Value| {
            sample
                .pointer(&format!("/metric/{label}"))?
                .as_str()
                .map(str::to_owned)
        };
        Ok(samples.iter().filter_map(value).collect())
    }

    /// The names of the recording rules and alerts that it has loaded.
    pub(super) async fn rules(&self) -> Result<BTreeSet<String>, Failure> {
        let answer = self.get("rules", &[]).await?;
        let groups = answer
            .pointer("/data/groups")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        let rules = groups
            .filter_map(|group| group.get("rules")?.as_array())
            .flatten();
        Ok(rules
            .filter_map(|rule| rule.get("name")?.as_str().map(str::to_owned))
            .collect())
    }

    async fn get(&self, what: &str, parameters: &[(&str, &str)]) -> Result<Value, Failure> {
        let mut address = self.base.clone();
        address.set_path(&format!(
            "{}/api/v1/{what}",
            self.base.path().trim_end_matches('/')
        ));
        address.query_pairs_mut().extend_pairs(parameters);
        let sent = self.client.get(address.clone()).timeout(TIMEOUT).send().await;
        let response = sent.map_err(|error| client::unreachable(&self.base, &error))?;
        let status = response.status();
        if !status.is_success() {
            return Err(Failure::Failed(format!(
                "{} answers {status} to {what}",
                self.base
            )));
        }
        let answer = response.json().await;
        answer.map_err(|_| Failure::Failed(format!("{} is no Prometheus: its answer is no JSON", self.base)))
    }
}
