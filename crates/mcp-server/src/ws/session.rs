//! What a client has here: who it is, what it asked, and the way to it.

mod delivery;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use domain::Principal;
use frames::wire::Ready;
use frames::{Class, Id, Inbox, Message, Rpc};
use rmcp::model::{ClientJsonRpcMessage, InitializeRequestParams, ProtocolVersion};
use serde_json::{Value, json};
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use super::batch::Batch;
use super::end::End;
use super::resume::Log;
use super::socket::{NO_AGENT, Socket};
use crate::transport::keys_in_use::Held;

/// The types of agents: what the label `agent_type` may be.
const AGENT_TYPES: [&str; 5] = ["ide", "slack", "monitoring", "cicd", "custom"];

/// The answer has more bytes than a message may have; `data` says how many.
const TOO_LARGE: i32 = -32_030;

/// A connection of an agent, for whoever has something to say to it. Cheap to clone; keeping it does not keep the
/// connection.
#[derive(Clone)]
pub struct Connection(pub(super) Arc<Session>);

/// What a client has here.
pub(crate) struct Session {
    pub(super) id: Arc<str>,
    pub(super) principal: Arc<Principal>,
    /// Its key, in use.
    pub(super) held: Held,
    /// Where its messages wait, if its client asked for that.
    pub(super) log: OnceLock<Log>,
    /// Locked while messages are put in their order.
    order: tokio::sync::Mutex<Order>,
    /// Its client is with another replica.
    elsewhere: AtomicBool,
    /// How often its client came back.
    attached: AtomicU64,
    /// Cancelled when nobody can come back to it.
    pub(super) ended: CancellationToken,
    /// Told when the last request is answered.
    pub(super) quiet: Notify,
    pub(super) client: OnceLock<Client>,
    /// The way into rmcp's service of this session, if there is one.
    pub(super) mcp: OnceLock<mpsc::Sender<ClientJsonRpcMessage>>,
    socket: Mutex<Option<Arc<Socket>>>,
    agent_type: Mutex<&'static str>,
    inbox: Mutex<Inbox>,
    acknowledged: AtomicU64,
    requests: Mutex<HashMap<Id, Pending>>,
    /// Most bytes of a message.
    most: usize,
}

/// How far the messages to a client are.
#[derive(Default)]
struct Order {
    /// The last number that was sent to it.
    sent: u64,
    /// The last number that the cache has kept, by what is known here.
    kept: u64,
    /// The cache has not kept a message, or has lost those that it had: nobody can go on from here.
    is_torn: bool,
}

/// What a client said when it began.
pub(super) struct Client {
    pub(super) initialize: InitializeRequestParams,
    pub(super) version: ProtocolVersion,
}

/// A request that is being answered.
struct Pending {
    cancel: CancellationToken,
    batch: Option<Arc<Batch>>,
}

impl Connection {
    /// Its name: the same for as long as its client comes back to it.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// Who is connected.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.0.principal
    }

    /// What the client said of itself when it began.
    #[must_use]
    pub fn initialized(&self) -> Option<&InitializeRequestParams> {
        self.0.client.get().map(|client| &client.initialize)
    }

    /// Tells the client something. What must be delivered and cannot be ends the connection.
    pub async fn notify(&self, method: &str, params: Value, class: Class) {
        let message = Message::Notification {
            method: method.to_owned(),
            params: Some(params),
        };
        self.0.deliver(class, Ready::from(&message)).await;
    }

    /// Waits until its client is there and takes what it is sent: for what can wait elsewhere.
    pub async fn has_room(&self) {
        const LOOK: Duration = Duration::from_millis(20);
        let free = || self.0.socket().is_some_and(|socket| socket.waiting() < 64);
        while !free() {
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Which type of agent it is, for metrics; anything but the known types counts as `custom`.
    pub fn is_agent(&self, agent_type: &str) {
        let known = AGENT_TYPES
            .into_iter()
            .find(|known| *known == agent_type)
            .unwrap_or("custom");
        *lock(&self.0.agent_type) = known;
        if let Some(socket) = self.0.socket() {
            socket.count_as(known);
        }
    }

    /// Whether its client is connected right now.
    #[must_use]
    pub fn is_attached(&self) -> bool {
        self.0.socket().is_some()
    }

    /// Cancelled when its client can be reached no longer.
    #[must_use]
    pub fn closed(&self) -> CancellationToken {
        self.0.ended.clone()
    }
}

impl Session {
    pub(super) fn new(
        id: Arc<str>,
        principal: Arc<Principal>,
        held: Held,
        received: u64,
        most: usize,
    ) -> Self {
        Self {
            id,
            principal,
            held,
            log: OnceLock::new(),
            order: tokio::sync::Mutex::default(),
            elsewhere: AtomicBool::new(false),
            attached: AtomicU64::new(0),
            ended: CancellationToken::new(),
            quiet: Notify::new(),
            client: OnceLock::new(),
            mcp: OnceLock::new(),
            socket: Mutex::default(),
            agent_type: Mutex::new(NO_AGENT),
            inbox: Mutex::new(Inbox::after(received)),
            acknowledged: AtomicU64::new(0),
            requests: Mutex::default(),
            most,
        }
    }

    pub(super) fn socket(&self) -> Option<Arc<Socket>> {
        lock(&self.socket).clone()
    }

    pub(super) fn agent_type(&self) -> &'static str {
        *lock(&self.agent_type)
    }

    /// The number of a message that came, judged.
    pub(super) fn arrived(&self, sequence: u64) -> frames::Arrival {
        lock(&self.inbox).arrived(sequence)
    }

    /// Begins a request; false when one with this id is being answered already.
    pub(super) fn begin(&self, id: &Id, batch: Option<Arc<Batch>>) -> Option<CancellationToken> {
        let mut requests = lock(&self.requests);
        if requests.contains_key(id) {
            return None;
        }
        let cancel = self.ended.child_token();
        let pending = Pending {
            cancel: cancel.clone(),
            batch,
        };
        requests.insert(id.clone(), pending);
        Some(cancel)
    }

    pub(super) fn in_flight(&self) -> usize {
        lock(&self.requests).len()
    }

    pub(super) fn is_pending(&self, id: &Id) -> bool {
        lock(&self.requests).contains_key(id)
    }

    /// Waits until nothing runs for it.
    pub(super) async fn is_quiet(&self) {
        loop {
            let quiet = self.quiet.notified();
            if self.in_flight() == 0 {
                return;
            }
            quiet.await;
        }
    }

    /// Answers a request, unless it was answered or cancelled before.
    pub(super) async fn answer(&self, id: &Id, answer: Ready) {
        if let Some(pending) = self.end_request(id) {
            let answer = self.fitting(id, answer);
            let ready = match pending.batch {
                Some(batch) => batch.take(Some(answer), self.most),
                None => vec![answer],
            };
            self.deliver_all(ready).await;
        }
    }

    /// The answer, or the refusal that says that it has too many bytes for a message.
    fn fitting(&self, id: &Id, answer: Ready) -> Ready {
        let (bytes, most) = (answer.json.len(), self.most);
        if bytes <= most {
            return answer;
        }
        let error = Rpc {
            code: TOO_LARGE,
            message: format!("the answer has {bytes} bytes, and a message at most {most}: ask for less"),
            data: Some(json!({ "bytes": bytes, "most": most })),
        };
        Ready::from(&Message::Error {
            id: Some(id.clone()),
            error,
        })
    }

    /// Takes a request back: it gets no answer.
    pub(super) async fn cancel(&self, id: &Id) {
        if let Some(pending) = self.end_request(id) {
            pending.cancel.cancel();
            let ready = pending.batch.map(|batch| batch.take(None, self.most));
            self.deliver_all(ready.unwrap_or_default()).await;
        }
    }

    fn end_request(&self, id: &Id) -> Option<Pending> {
        let mut requests = lock(&self.requests);
        let pending = requests.remove(id);
        if requests.is_empty() {
            requests.shrink_to_fit();
            self.quiet.notify_waiters();
        }
        pending
    }

    async fn deliver_all(&self, ready: Vec<Ready>) {
        for ready in ready {
            self.deliver(Class::MustDeliver, ready).await;
        }
    }

    /// Nobody comes back to it: whatever runs for it is told.
    pub(super) fn finish(&self, end: End) {
        if let Some(socket) = lock(&self.socket).take() {
            socket.end(end);
        }
        self.ended.cancel();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
