//! Starts the three services, each in a place of its own.

use std::sync::Arc;

use control::Control;
use domain::SystemClock;
use domain::ports::{Cache, Queue};
use runtime::link::{InMemoryLink, LinkConnector, LinkIncoming};
use runtime::process::ServiceConfig;
use uplink::Target;

use super::config::Config;
use super::host::{Host, Place, Role, Shared};
use super::logs::Logs;
use crate::failure::Failure;

/// The services, running.
pub(super) struct Started {
    /// In the order of the start.
    pub(super) hosts: Vec<Host>,
    /// The verbs of the control plane.
    pub(super) control: Control,
    /// Keeps rest-api's end of the link open while its clients stop before it does.
    pub(super) link: LinkConnector,
}

/// Starts rest-api, then those that reach it over the link.
pub(super) fn start(config: &Config, logs: &Logs) -> Result<Started, Failure> {
    let (ring, ring_failed) = config.traces.ring(&config.rest_api.data_dir.join("traces"));
    let logs = &Shared { logs, ring };
    let (connector, incoming) = InMemoryLink::new().split();
    let place = Place::prepare(Role::RestApi, config, logs)?;
    // Threads that belong to no runtime are SQLite's, and rest-api alone opens the database. A span whose last handle is
    // dropped on a thread without its subscriber never lets its parent close: a span that is missing, and memory that stays.
    let _ = tracing::dispatcher::set_global_default(place.telemetry.dispatch());
    if let Some(error) = ring_failed {
        tracing::warn!(%error, "traces are kept in memory alone");
    }
    let queue = queue::connect("memory:", &queue::QueueOptions::default(), &place.telemetry)
        .map_err(|error| Failure::of("queue", error))?;
    let edge = Place::prepare(Role::McpServer, config, logs)?;
    let cache = cache::connect("memory:", &cache::CacheOptions::default(), &edge.telemetry)
        .map_err(|error| Failure::of("cache", error))?;
    let shared = (Arc::clone(&queue), Arc::clone(&cache));
    let (rest_api, control) = rest_api(config, place, shared, incoming)?;
    let worker = worker(config, logs, queue, connector.clone())?;
    let mcp_server = mcp_server(config, edge, cache, connector.clone())?;
    Ok(Started {
        hosts: vec![rest_api, worker, mcp_server],
        control,
        link: connector,
    })
}

fn rest_api(
    config: &Config,
    place: Place,
    (queue, cache): (Arc<dyn Queue>, Arc<dyn Cache>),
    link: LinkIncoming,
) -> Result<(Host, Control), Failure> {
    let config = config.rest_api.clone();
    let deps = rest_api::Deps {
        telemetry: place.telemetry.clone(),
        life: place.life.clone(),
        clock: Arc::new(SystemClock),
        queue: Some(queue),
        cache: Some(cache),
        link: Some(link),
    };
    let how = (config.drain(), config.listen.tls.is_some());
    let mut control = None;
    let host = place.fill(how, async {
        let service = rest_api::build(config, deps).await?;
        let address = service.addr();
        control = Some(service.control());
        service.start();
        Ok::<_, rest_api::BuildError>(address)
    })?;
    let control = control.ok_or_else(|| Failure::Failed("rest-api has no verbs".to_owned()))?;
    Ok((host, control))
}

fn worker(
    config: &Config,
    logs: &Shared<'_>,
    queue: Arc<dyn Queue>,
    connector: LinkConnector,
) -> Result<Host, Failure> {
    let place = Place::prepare(Role::Worker, config, logs)?;
    let config = config.worker.clone();
    let deps = worker::Deps {
        telemetry: place.telemetry.clone(),
        life: place.life.clone(),
        clock: Arc::new(SystemClock),
        queue: Some(queue),
        target: Target::InProcess(connector),
    };
    place.fill((config.drain(), config.listen.tls.is_some()), async {
        let service = worker::build(config, deps).await?;
        let address = service.addr();
        service.start();
        Ok::<_, worker::BuildError>(address)
    })
}

fn mcp_server(
    config: &Config,
    place: Place,
    cache: Arc<dyn Cache>,
    connector: LinkConnector,
) -> Result<Host, Failure> {
    let config = config.mcp_server.clone();
    let deps = mcp_server::Deps {
        telemetry: place.telemetry.clone(),
        life: place.life.clone(),
        clock: Arc::new(SystemClock),
        cache: Some(cache),
        target: Target::InProcess(connector),
    };
    place.fill((config.drain(), config.listen.tls.is_some()), async {
        let service = mcp_server::build(config, deps).await?;
        let address = service.addr();
        service.start();
        Ok::<_, mcp_server::BuildError>(address)
    })
}
