//! What the server says by itself, in the eras that have sessions (MCP 2025-11-25, "Listening for Messages from the
//! Server"): notifications, and requests to the client.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use tokio::io::AsyncWrite;

use super::Bridge;
use crate::mcp::endpoint::Session;
use crate::mcp::events::{events, is_stream};

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

impl<W: AsyncWrite + Unpin + Send + 'static> Bridge<W> {
    /// Listens on each session that comes to be, until the bridge ends.
    pub(super) async fn listen(self: Arc<Self>) {
        let mut session = Session::default();
        loop {
            session = self.keeper.next(&session).await;
            tokio::select! {
                () = self.listen_on(&session) => {}
                _ = self.keeper.next(&session) => {}
            }
        }
    }

    /// Keeps the stream of one session open. Ends when the server has none, or does not know the session.
    async fn listen_on(&self, session: &Session) {
        let (mut last_event, mut pause) = (None, FIRST_PAUSE);
        loop {
            match self.endpoint.listen(session, last_event.as_deref()).await {
                Ok(response) if is_stream(&response) => {
                    pause = FIRST_PAUSE;
                    let mut events = events(response);
                    while let Some(Ok(event)) = events.next().await {
                        last_event = event.id.or(last_event);
                        pause = event.retry.unwrap_or(pause);
                        if let Some(text) = event.message {
                            self.out.message(&text).await;
                        }
                    }
                }
                Ok(response) if response.status().is_client_error() => return,
                Ok(_) | Err(_) => pause = (pause * 2).min(LONGEST_PAUSE),
            }
            tokio::time::sleep(pause).await;
        }
    }
}
