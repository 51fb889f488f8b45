//! What the older eras of MCP keep between requests.

use serde_json::Value;
use tokio::sync::watch;

use crate::mcp::endpoint::Session;

/// The session, who waits for it, and how it began.
pub(super) struct Keeper {
    state: watch::Sender<State>,
    /// Held while a lost session is opened anew, so that one request does it for all.
    pub(super) renewing: tokio::sync::Mutex<()>,
}

#[derive(Clone, Debug, Default)]
struct State {
    session: Session,
    /// The client's `initialize`: a session that the mesh lost is opened anew with it.
    initialize: Option<Value>,
    /// Whether the client has said that it is ready.
    initialized: bool,
}

impl Default for Keeper {
    fn default() -> Self {
        Self {
            state: watch::Sender::new(State::default()),
            renewing: tokio::sync::Mutex::default(),
        }
    }
}

impl Keeper {
    pub(super) fn session(&self) -> Session {
        self.state.borrow().session.clone()
    }

    /// The client's `initialize`, once a session began with it.
    pub(super) fn beginning(&self) -> Option<Value> {
        self.state.borrow().initialize.clone()
    }

    /// A session began.
    pub(super) fn begin(&self, initialize: &Value, session: Session) {
        self.state.send_modify(|state| {
            state.session = session;
            state.initialize = Some(initialize.clone());
        });
    }

    /// The client is ready to be told things.
    pub(super) fn initialized(&self) {
        self.state.send_modify(|state| state.initialized = true);
    }

    /// Waits for a session, of a client that is ready, other than `known`.
    pub(super) async fn next(&self, known: &Session) -> Session {
        let mut changes = self.state.subscribe();
        let wanted =
            |state: &State| state.initialized && state.session.id.is_some() && state.session != *known;
        let found = changes.wait_for(wanted).await.map(|state| state.session.clone());
        match found {
            Ok(session) => session,
            // The sender is in `self`, so it cannot be gone.
            Err(_) => std::future::pending().await,
        }
    }
}
