//! One stream of server-sent events: a task reads the log as fast as the reader takes it.

use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use control::ControlError;
use control::follow::{Follower, Told};
use domain::Principal;
use domain::event::Interest;
use futures::channel::mpsc;
use futures::{SinkExt, StreamExt};
use http::header;

use super::LoggedEvent;
use super::streams::Place;
use crate::config::EventsConfig;
use crate::http::Http;
use crate::http::problem::Problem;

/// Answers with the stream.
pub(super) async fn open(
    http: &Http,
    caller: &Principal,
    interest: Interest,
    after: Option<u64>,
) -> Result<Response, Problem> {
    let place = http.streams.take(caller)?;
    let follower = http.control.follow(caller, interest, after).await?;
    // One on its way: what is behind it waits in the log.
    let (say, said) = mpsc::channel(1);
    let telling = Telling {
        follower,
        config: http.streams.config.clone(),
        say,
        _place: place,
    };
    let life = &http.streams.life;
    life.spawn_task(telling.run(life.soft_stop()));
    let body = Body::from_stream(said.map(Ok::<_, std::convert::Infallible>));
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, [("x-accel-buffering", "no")], body).into_response())
}

struct Telling {
    follower: Follower,
    config: EventsConfig,
    say: mpsc::Sender<Bytes>,
    _place: Place,
}

/// Why a stream ends.
enum End {
    /// Its reader is gone.
    Gone,
    /// Its reader takes nothing.
    Slow,
    /// Its key or access token is not valid any more.
    Revoked,
    /// The log cannot be read.
    Failed,
}

impl Telling {
    async fn run(mut self, stop: tokio_util::sync::CancellationToken) {
        let lost = self.follower.pass().lost(self.config.recheck.get());
        let told = tokio::select! {
            biased;
            lost = lost => Some(lost.map_or_else(failed, |()| End::Revoked)),
            told = stop.run_until_cancelled(self.tell()) => told,
        };
        let reason = match told {
            Some(End::Gone) => return,
            Some(End::Slow) => "slow",
            Some(End::Revoked) => "revoked",
            Some(End::Failed) => "failed",
            None => "stopping",
        };
        tracing::info!(
            event = "event_stream_closed",
            reason,
            "a stream of events is closed: {reason}"
        );
        // Another sender has a place of its own: a reader that is only slow finds it when it comes to it.
        let text = format!("event: closing\ndata: {{\"reason\":\"{reason}\"}}\n\n");
        let _ = self.say.clone().try_send(Bytes::from(text));
    }

    async fn tell(&mut self) -> End {
        if let Err(end) = self.still().await {
            return end;
        }
        loop {
            let told = match self.follower.next(self.config.heartbeat.get()).await {
                Ok(told) => told,
                Err(error) => return failed(error),
            };
            let said = if told.is_empty() {
                self.still().await
            } else {
                self.say(told.into_iter().map(written).collect()).await
            };
            if let Err(end) = said {
                return end;
            }
        }
    }

    /// Nothing happens: it lives, and where it stands.
    async fn still(&mut self) -> Result<(), End> {
        let text = format!(": heartbeat\nid: {}\n\n", self.follower.at());
        self.say(text).await
    }

    async fn say(&mut self, text: String) -> Result<(), End> {
        let said = self.say.send(Bytes::from(text));
        match tokio::time::timeout(self.config.slow_reader.get(), said).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Gone),
            Err(_) => Err(End::Slow),
        }
    }
}

fn failed(error: ControlError) -> End {
    tracing::warn!(%error, "the log of events cannot be read");
    End::Failed
}

fn written(told: Told) -> String {
    match told {
        Told::Event(event) => {
            let (number, kind) = (event.number, event.kind.clone());
            let data = serde_json::to_string(&LoggedEvent::from(*event)).unwrap_or_default();
            format!("id: {number}\nevent: {kind}\ndata: {data}\n\n")
        }
        Told::Gap(from, to) => format!("id: {to}\nevent: gap\ndata: {{\"from\":{from},\"to\":{to}}}\n\n"),
    }
}
