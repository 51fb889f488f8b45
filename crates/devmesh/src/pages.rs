//! What the services show at `/metrics`, and what can be said of it without Prometheus.

mod agents;
mod figures;
mod quantile;
mod text;

use std::time::Duration;

use futures::future::join_all;
use tokio::time::Instant;
use url::Url;

use crate::client;
use crate::connection::Connection;
use crate::failure::Failure;

pub use agents::{AgentsOf, TasksOf};
pub use figures::{Figures, Process, Queue, Requests};
pub use text::{Page, Sample};

const TIMEOUT: Duration = Duration::from_secs(5);

/// Where one service shows its page.
#[derive(Clone, Debug)]
pub struct Target {
    /// The service.
    pub service: &'static str,
    /// Its address; the path does not matter.
    pub url: Url,
}

/// The pages of one moment.
#[derive(Debug)]
pub struct Pages {
    /// When they were read.
    pub at: Instant,
    /// Those that answered.
    pub pages: Vec<(&'static str, Page)>,
    /// Those that did not, and why.
    pub missing: Vec<(&'static str, String)>,
}

/// The three services of this mesh. The worker of one elsewhere is left out when nobody says where it is.
///
/// # Errors
/// When an address is none.
pub fn targets(connection: &Connection, worker: Option<Url>) -> Result<Vec<Target>, Failure> {
    let mut urls = vec![
        ("rest-api", connection.api_url()?),
        ("mcp-server", connection.mcp_endpoint()?),
    ];
    match worker {
        Some(url) => urls.push(("worker", url)),
        None if connection.url.is_none() => urls.push(("worker", connection.worker_url()?)),
        None => {}
    }
    Ok(urls
        .into_iter()
        .map(|(service, url)| Target { service, url })
        .collect())
}

impl Pages {
    /// Reads all of them at once.
    pub async fn read(targets: &[Target]) -> Self {
        let at = Instant::now();
        let read = join_all(
            targets
                .iter()
                .map(|target| async { (target.service, page(&target.url).await) }),
        )
        .await;
        let (mut pages, mut missing) = (Vec::new(), Vec::new());
        for (service, page) in read {
            match page {
                Ok(page) => pages.push((service, page)),
                Err(failure) => missing.push((service, failure.to_string())),
            }
        }
        Self { at, pages, missing }
    }

    /// Every sample of this name, on whichever page.
    pub fn samples<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Sample> {
        self.pages.iter().flat_map(move |(_, page)| page.samples(name))
    }

    /// The sum of them; none where nobody shows it.
    #[must_use]
    pub fn sum(&self, name: &str) -> Option<f64> {
        self.samples(name).map(|sample| sample.value).reduce(|a, b| a + b)
    }

    /// One service's page.
    #[must_use]
    pub fn of(&self, service: &str) -> Option<&Page> {
        let found = self.pages.iter().find(|(of, _)| *of == service);
        found.map(|(_, page)| page)
    }
}

async fn page(url: &Url) -> Result<Page, Failure> {
    let mut address = url.clone();
    address.set_path("/metrics");
    let request = client::client(&address)?
        .get(address.clone())
        .header("accept", "text/plain;version=0.0.4")
        .timeout(TIMEOUT);
    let response = request
        .send()
        .await
        .map_err(|error| client::unreachable(&address, &error))?;
    if !response.status().is_success() {
        return Err(Failure::Failed(format!(
            "{address} answers {}",
            response.status()
        )));
    }
    let text = response
        .text()
        .await
        .map_err(|error| client::unreachable(&address, &error))?;
    Ok(Page::parse(&text))
}
