//! The watch: keeps the catalogue as the control plane says, over breaks of the link.
//!
//! A snapshot is built aside and then put in the place of what was known; changes that arrive together are one step.
//! After a break it goes on behind the last change that it applied, without another snapshot, as long as the control
//! plane still has what came since.

mod connection;

use std::convert::Infallible;
use std::future::Future;

use domain::token::TokenKey;
use futures::FutureExt;
use proto::v1::catalogue_service_client::CatalogueServiceClient;
use proto::v1::watch_event::Event;
use proto::v1::{CatalogueChange, WatchEvent, WatchRequest};
use telemetry::Telemetry;
use telemetry::health::Latch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming};
use uplink::Link;

use super::backoff::Backoff;
use super::contents::Contents;
use super::{Catalogue, Gone, decode};
use connection::Connection;

/// Most events that are applied as one step.
const BATCH: usize = 500;
/// How often the age is shown.
const SHOW_AGE: std::time::Duration = std::time::Duration::from_secs(1);

telemetry::metrics! {
    /// The catalogue.
    pub struct CatalogueMetrics {
        /// Seconds since the edge last heard from the control plane.
        age: gauge "mcp_catalogue_age_seconds" [],
    }
}

/// Why a watch ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    #[error("{}: {}", .0.code(), .0.message())]
    Refused(#[from] Status),
    #[error("nothing was heard for {} ms", .0.as_millis())]
    Silent(std::time::Duration),
    #[error("it ended")]
    Ended,
    #[error("it said what it should not: {0}")]
    Protocol(&'static str),
}

/// Where it goes on after a break.
#[derive(Default)]
struct Position {
    epoch: String,
    number: i64,
}

/// A snapshot that is not complete yet.
struct Snapshot {
    epoch: String,
    contents: Contents,
}

/// The client of the control plane's watch.
pub struct Watch {
    catalogue: Catalogue,
    client: CatalogueServiceClient<Link>,
    metrics: CatalogueMetrics,
    on_gone: Box<dyn Fn(Gone) + Send + Sync>,
    position: Position,
    snapshot: Option<Snapshot>,
    connection: Connection,
    backoff: Backoff,
    /// Closed until there is a first snapshot.
    loaded: Option<Latch>,
}

impl Watch {
    /// Keeps `catalogue` current through `link`; `on_gone` is told what nobody has any more. The service is not ready
    /// before the first snapshot, and degraded while the control plane is not heard.
    #[must_use]
    pub fn new(
        catalogue: Catalogue,
        link: Link,
        telemetry: &Telemetry,
        on_gone: impl Fn(Gone) + Send + Sync + 'static,
    ) -> Self {
        register_check(&catalogue, telemetry);
        Self {
            catalogue,
            client: CatalogueServiceClient::new(link).max_decoding_message_size(proto::MAX_MESSAGE_BYTES),
            metrics: CatalogueMetrics::new(telemetry),
            on_gone: Box::new(on_gone),
            position: Position::default(),
            snapshot: None,
            connection: Connection::default(),
            backoff: Backoff::default(),
            loaded: Some(telemetry.health().latch("catalogue")),
        }
    }

    /// Runs until `stop`. A part of the service's life.
    pub async fn run(mut self, stop: CancellationToken) {
        let show = show_age(self.catalogue.clone(), self.metrics.clone());
        let both = async { tokio::join!(self.follow_for_ever(), show) };
        stop.run_until_cancelled(both).await;
    }

    async fn follow_for_ever(&mut self) -> Infallible {
        loop {
            let Err(broken) = self.follow().await;
            self.snapshot = None;
            if let Broken::Protocol(_) = broken {
                // What is known may be wrong: begin anew.
                self.position = Position::default();
            }
            self.connection.lost(&broken);
            tokio::time::sleep(self.backoff.pause()).await;
        }
    }

    async fn follow(&mut self) -> Result<Infallible, Broken> {
        let mut events = self.open().await?;
        loop {
            let first = self.next(events.message()).await?;
            let mut batch = vec![first];
            let end = take_what_is_there(&mut events, &mut batch);
            // What arrived before the end counts.
            self.apply(batch)?;
            end?;
        }
    }

    async fn open(&mut self) -> Result<Streaming<WatchEvent>, Broken> {
        let request = WatchRequest {
            epoch: self.position.epoch.clone(),
            after_number: self.position.number,
        };
        let silence = self.catalogue.0.config.silence.get();
        let opened = timeout(silence, self.client.watch(request)).await;
        Ok(opened.map_err(|_| Broken::Silent(silence))??.into_inner())
    }

    /// The next event, if it comes in time.
    async fn next(
        &self,
        message: impl Future<Output = Result<Option<WatchEvent>, Status>>,
    ) -> Result<WatchEvent, Broken> {
        let silence = self.catalogue.0.config.silence.get();
        let event = timeout(silence, message)
            .await
            .map_err(|_| Broken::Silent(silence))??;
        event.ok_or(Broken::Ended)
    }

    /// Applies events in their order. While a snapshot is read the old catalogue is served, and grows older.
    fn apply(&mut self, batch: Vec<WatchEvent>) -> Result<(), Broken> {
        let mut changes = Vec::new();
        let read = batch
            .into_iter()
            .filter_map(|event| event.event)
            .try_for_each(|event| self.take(event, &mut changes));
        if !changes.is_empty() {
            (self.on_gone)(self.catalogue.apply(changes));
        }
        read?;
        if self.snapshot.is_none() {
            self.catalogue.heard();
            self.connection.heard(&self.position.epoch, self.position.number);
            self.backoff.reset();
        }
        Ok(())
    }

    fn take(&mut self, event: Event, changes: &mut Vec<super::Update>) -> Result<(), Broken> {
        match event {
            Event::SnapshotBegin(begin) => {
                self.snapshot = Some(Snapshot {
                    epoch: begin.epoch,
                    contents: Contents::default(),
                });
            }
            Event::Entity(entity) => {
                let Some(snapshot) = &mut self.snapshot else {
                    return Err(Broken::Protocol("a thing outside of a snapshot"));
                };
                if let Some(update) = decode::update(entity)? {
                    snapshot.contents.apply(update);
                }
            }
            Event::SnapshotEnd(end) => {
                // What came before the snapshot is in it.
                changes.clear();
                self.finish_snapshot(end.number)?;
            }
            Event::Change(change) => self.take_change(change, changes)?,
            Event::Heartbeat(beat) if beat.number > self.position.number && self.snapshot.is_none() => {
                return Err(Broken::Protocol("changes were left out"));
            }
            Event::Heartbeat(_) => {}
            Event::TokenKeys(keys) => {
                let keys = keys.keys.into_iter().map(|key| TokenKey {
                    kid: key.kid,
                    public: key.public.to_vec(),
                });
                self.catalogue.put_token_keys(keys.collect());
            }
        }
        Ok(())
    }

    fn finish_snapshot(&mut self, number: i64) -> Result<(), Broken> {
        let Some(Snapshot { epoch, contents }) = self.snapshot.take() else {
            return Err(Broken::Protocol("the end of a snapshot that did not begin"));
        };
        (self.on_gone)(self.catalogue.replace(contents));
        self.position = Position { epoch, number };
        if let Some(latch) = self.loaded.take() {
            latch.open();
        }
        Ok(())
    }

    fn take_change(
        &mut self,
        change: CatalogueChange,
        changes: &mut Vec<super::Update>,
    ) -> Result<(), Broken> {
        if self.snapshot.is_some() || self.position.epoch.is_empty() {
            return Err(Broken::Protocol("a change before the end of the snapshot"));
        }
        if change.number <= self.position.number {
            return Ok(());
        }
        let entity = change.entity.ok_or(Broken::Protocol("a change of nothing"))?;
        changes.extend(decode::update(entity)?);
        self.position.number = change.number;
        Ok(())
    }
}

/// Takes the events that have arrived already, without waiting; answers whether the stream goes on.
fn take_what_is_there(events: &mut Streaming<WatchEvent>, batch: &mut Vec<WatchEvent>) -> Result<(), Broken> {
    while batch.len() < BATCH {
        match events.message().now_or_never() {
            None => break,
            Some(event) => batch.push(event?.ok_or(Broken::Ended)?),
        }
    }
    Ok(())
}

async fn show_age(catalogue: Catalogue, metrics: CatalogueMetrics) -> Infallible {
    let mut beat = tokio::time::interval(SHOW_AGE);
    loop {
        beat.tick().await;
        metrics.age.set(catalogue.age().as_secs_f64());
    }
}

/// Without the control plane the edge serves what it knows: it degrades and stays in rotation.
fn register_check(catalogue: &Catalogue, telemetry: &Telemetry) {
    let catalogue = catalogue.clone();
    telemetry.health().register("control_plane", false, move || {
        let (heard, age) = (catalogue.is_heard(), catalogue.age());
        async move {
            if heard {
                Ok(())
            } else {
                Err(format!("not heard for {} s", age.as_secs()))
            }
        }
    });
}
