//! Subscriptions to what happens (`event.subscribe`, `event.unsubscribe`): each is a stream from the control plane, told to
//! its connection as fast as that takes it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use frames::Class;
use proto::v1::follow_response::Told;
use proto::v1::mesh_service_client::MeshServiceClient;
use proto::v1::{FollowRequest, FollowResponse};
use rmcp::ErrorData;
use rmcp::model::JsonObject;
use runtime::lifecycle::Lifecycle;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status, Streaming};
use uplink::Link;

use super::refused;
use crate::methods::{MethodCall, Watcher};
use crate::ws::Connection;

/// How many a connection may have.
const MAX_OF_CONNECTION: usize = 16;
/// Between two tries to reach the control plane.
const AGAIN: Duration = Duration::from_secs(1);

type Open = HashMap<String, HashMap<u64, CancellationToken>>;

/// The subscriptions of this replica's connections.
pub struct Subscriptions {
    link: Link,
    life: Lifecycle,
    next: AtomicU64,
    open: Mutex<Open>,
}

/// What somebody subscribes to.
#[derive(Debug, Deserialize)]
pub(super) struct Subscribe {
    /// The number of the last event that it knows; it begins now when absent.
    #[serde(default)]
    after: Option<u64>,
    /// Which events; what is in it the control plane says.
    #[serde(flatten)]
    interest: JsonObject,
}

/// What was subscribed to.
#[derive(Debug, Serialize)]
pub(super) struct Subscribed {
    subscription: u64,
    after: u64,
}

/// Which subscription is over.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Unsubscribe {
    subscription: u64,
}

/// One of them.
struct Subscription {
    id: u64,
    connection: Connection,
    interest: Bytes,
    at: u64,
    client: MeshServiceClient<Link>,
}

impl Subscriptions {
    /// There are none yet.
    #[must_use]
    pub fn new(link: Link, life: Lifecycle) -> Self {
        Self {
            link,
            life,
            next: AtomicU64::new(1),
            open: Mutex::default(),
        }
    }

    pub(super) async fn subscribe(
        self: Arc<Self>,
        call: MethodCall,
        wanted: Subscribe,
    ) -> Result<Subscribed, ErrorData> {
        has_room(&self.open(), call.connection.id())?;
        let mut subscription = Subscription {
            id: self.next.fetch_add(1, Ordering::Relaxed),
            connection: call.connection.clone(),
            interest: Value::Object(wanted.interest).to_string().into(),
            at: 0,
            client: MeshServiceClient::new(self.link.clone()),
        };
        let follow = subscription.follow(wanted.after).await;
        let mut events = follow.map_err(|status| refused(&status))?;
        // The first word says where it begins.
        let first = events.message().await.map_err(|status| refused(&status))?;
        subscription.at = first.map_or(0, |first| first.number);
        let subscribed = Subscribed {
            subscription: subscription.id,
            after: subscription.at,
        };
        self.keep(subscription, events)?;
        Ok(subscribed)
    }

    fn keep(
        self: &Arc<Self>,
        subscription: Subscription,
        events: Streaming<FollowResponse>,
    ) -> Result<(), ErrorData> {
        let over = subscription.connection.closed().child_token();
        let (connection, id) = (subscription.connection.id().to_owned(), subscription.id);
        let mut open = self.open();
        // Others may have come in while this one was on its way to the control plane.
        has_room(&open, &connection)?;
        open.entry(connection.clone())
            .or_default()
            .insert(id, over.clone());
        drop(open);
        let (all, stop) = (Arc::clone(self), self.life.soft_stop());
        self.life.spawn_task(async move {
            let told = over.run_until_cancelled(subscription.tell(events));
            stop.run_until_cancelled(told).await;
            all.forget(&connection, id);
        });
        Ok(())
    }

    pub(super) async fn unsubscribe(
        self: Arc<Self>,
        call: MethodCall,
        which: Unsubscribe,
    ) -> Result<Value, ErrorData> {
        match self.forget(call.connection.id(), which.subscription) {
            Some(over) => {
                over.cancel();
                Ok(json!({}))
            }
            None => Err(ErrorData::resource_not_found(
                "this connection has no such subscription",
                Some(json!({ "status": "not_found" })),
            )),
        }
    }

    fn forget(&self, connection: &str, id: u64) -> Option<CancellationToken> {
        let mut open = self.open();
        let own = open.get_mut(connection)?;
        let over = own.remove(&id);
        if own.is_empty() {
            open.remove(connection);
        }
        over
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn has_room(open: &Open, connection: &str) -> Result<(), ErrorData> {
    match open.get(connection) {
        Some(own) if own.len() >= MAX_OF_CONNECTION => {
            let text = format!("a connection has at most {MAX_OF_CONNECTION} subscriptions");
            Err(ErrorData::invalid_request(text, None))
        }
        _ => Ok(()),
    }
}

#[async_trait]
impl Watcher for Subscriptions {
    async fn closed(&self, connection: &Connection) {
        let own = self.open().remove(connection.id());
        own.into_iter().flatten().for_each(|(_, over)| over.cancel());
    }
}

impl Subscription {
    async fn follow(&mut self, after: Option<u64>) -> Result<Streaming<FollowResponse>, Status> {
        let principal = self.connection.principal();
        let request = FollowRequest {
            tenant_id: principal.tenant_id.to_string(),
            key_id: principal.key_id.to_string(),
            interest_json: self.interest.clone(),
            after,
        };
        Ok(self.client.follow(request).await?.into_inner())
    }

    /// Tells the connection, over every break of the way to the control plane.
    async fn tell(mut self, mut events: Streaming<FollowResponse>) {
        loop {
            let why = self.pass_on(&mut events).await.err();
            let is_refused =
                |status: &Status| matches!(status.code(), Code::Unauthenticated | Code::PermissionDenied);
            if let Some(status) = why.as_ref().filter(|status| is_refused(status)) {
                let params = json!({ "subscription": self.id, "reason": status.message() });
                self.connection
                    .notify("event.closed", params, Class::MustDeliver)
                    .await;
                return;
            }
            tokio::time::sleep(AGAIN).await;
            match self.follow(Some(self.at)).await {
                Ok(again) => events = again,
                Err(error) => tracing::debug!(%error, "what happens cannot be followed"),
            }
        }
    }

    async fn pass_on(&mut self, events: &mut Streaming<FollowResponse>) -> Result<(), Status> {
        while let Some(next) = events.message().await? {
            let told = match next.told {
                Some(Told::EventJson(event)) => {
                    let event: Value = serde_json::from_slice(&event).unwrap_or_default();
                    Some(("event", json!({ "subscription": self.id, "event": event })))
                }
                Some(Told::GapFrom(from)) => Some((
                    "event.gap",
                    json!({ "subscription": self.id, "from": from, "to": next.number }),
                )),
                None => None,
            };
            if let Some((method, params)) = told {
                self.connection.has_room().await;
                self.connection.notify(method, params, Class::MustDeliver).await;
            }
            self.at = next.number;
        }
        Ok(())
    }
}
