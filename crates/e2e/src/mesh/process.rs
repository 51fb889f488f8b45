//! One running process, and where its services listen.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use test_support::{Process, eventually, http};

use super::cluster::Addresses;
use crate::Service;

/// Debug builds on two busy cores take a few seconds.
const START: Duration = Duration::from_secs(60);

/// A process of the mesh.
pub struct Running {
    /// The process.
    pub process: Process,
    /// Which of the processes of its service it is, from 1 on. It keeps its spool when it is started again.
    pub replica: usize,
    urls: Vec<(Service, String)>,
}

impl Running {
    /// Waits until each of `services` serves HTTP and is ready.
    pub(super) async fn ready(process: Process, services: &[Service], replica: usize) -> Result<Self> {
        let mut urls = Vec::new();
        for service in services {
            let find = || async { http_address(&process, service.name()).await };
            let url = eventually(START, find).await.with_context(|| printed(&process))?;
            urls.push((*service, url));
        }
        for (_, url) in &urls {
            process.wait_ready(&format!("{url}/health/ready"), START).await?;
        }
        Ok(Self {
            process,
            replica,
            urls,
        })
    }

    /// Whether it runs `service`.
    pub fn runs(&self, service: Service) -> bool {
        self.url(service).is_some()
    }

    /// Where `service` serves HTTP, if it runs here.
    pub fn url(&self, service: Service) -> Option<&str> {
        let found = self.urls.iter().find(|(of, _)| *of == service);
        found.map(|(_, url)| url.as_str())
    }

    /// Where rest-api serves HTTP, and gRPC: the other address that it listens on.
    pub(super) fn addresses(&self) -> Result<Addresses> {
        let http = self.url(Service::RestApi).context("not rest-api")?;
        let all = listening(&self.process, Service::RestApi.name());
        let grpc = all.iter().find(|url| *url != http);
        let address = |url: &str| url.trim_start_matches("http://").to_owned();
        Ok(Addresses {
            http: address(http),
            grpc: address(grpc.context("rest-api does not listen for gRPC")?),
        })
    }
}

/// The address at which `service` answers `/version`: one of those that it says it listens on.
async fn http_address(process: &Process, service: &str) -> Result<String> {
    let candidates = listening(process, service);
    ensure!(!candidates.is_empty(), "{service} does not listen yet");
    for url in candidates {
        let answer = http::get(&format!("{url}/version")).await;
        let is_it = |answer: http::Answer| answer.json().is_ok_and(|version| version["service"] == service);
        if answer.is_ok_and(is_it) {
            return Ok(url);
        }
    }
    anyhow::bail!("{service} does not serve /version yet")
}

/// What `service` logged that it listens on. Services take free ports, so that tests can run at once.
fn listening(process: &Process, service: &str) -> Vec<String> {
    let is_notice = |line: &Value| line["msg"] == "listening" && line["service"] == service;
    let notices = process.json_lines().into_iter().filter(is_notice);
    notices
        .filter_map(|line| Some(format!("http://{}", line["address"].as_str()?)))
        .collect()
}

fn printed(process: &Process) -> String {
    [process.stdout_lines(), process.stderr_lines()]
        .concat()
        .join("\n")
}
