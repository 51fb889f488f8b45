//! One message to the mesh, and what comes back for it.

use std::time::Duration;

use futures::StreamExt;
use http::StatusCode;
use reqwest::Response;
use serde_json::{Value, json};
use tokio::io::AsyncWrite;

use super::Bridge;
use super::lines::remark;
use crate::client;
use crate::mcp::endpoint::Session;
use crate::mcp::events::{events, is_stream};

/// How often a broken answer is taken up again before the client is told.
const RESUMES: u32 = 5;
/// JSON-RPC leaves the numbers from -32000 on to implementations.
const UNREACHABLE: i32 = -32000;

/// What came back for a request.
enum Outcome {
    /// Its answer was passed on.
    Answered,
    /// The mesh does not know the session.
    SessionLost,
    /// No answer, and why.
    Unanswered(String),
}

impl<W: AsyncWrite + Unpin + Send + 'static> Bridge<W> {
    /// Passes a request on and its answer back; the client gets an answer in any case.
    pub(super) async fn answer(&self, request: &Value) {
        let session = self.keeper.session();
        let mut outcome = self.exchange(request, &session).await;
        if matches!(outcome, Outcome::SessionLost) && self.renew(&session).await {
            outcome = self.exchange(request, &self.keeper.session()).await;
        }
        self.conclude(request, outcome).await;
    }

    async fn conclude(&self, request: &Value, outcome: Outcome) {
        let reason = match outcome {
            Outcome::Answered => return,
            Outcome::SessionLost => {
                "the mesh does not know this session any more; initialize again".to_owned()
            }
            Outcome::Unanswered(reason) => reason,
        };
        remark(&reason);
        self.out
            .error(request.get("id").unwrap_or(&Value::Null), UNREACHABLE, &reason)
            .await;
    }

    /// Passes on what needs no answer.
    pub(super) async fn forward(&self, message: &Value) {
        match self.endpoint.post(message, &self.keeper.session()).await {
            Ok(response) if response.status().is_success() => {}
            Ok(response) => remark(&format!("a notification was refused: {}", response.status())),
            Err(error) => remark(&client::unreachable(self.endpoint.url(), &error).to_string()),
        }
    }

    /// Opens a session, as the client asked, and passes the answer back.
    pub(super) async fn initialize(&self, request: Value) {
        let outcome = match self.open(&request).await {
            Ok((session, answer)) => {
                self.keeper.begin(&request, session);
                self.out.message(&answer.to_string()).await;
                Outcome::Answered
            }
            Err(outcome) => outcome,
        };
        self.conclude(&request, outcome).await;
    }

    /// Opens a session and answers it with the result of `initialize`.
    async fn open(&self, request: &Value) -> Result<(Session, Value), Outcome> {
        let response = self.send(request, &Session::default()).await?;
        let id = response
            .headers()
            .get("mcp-session-id")
            .and_then(|id| id.to_str().ok())
            .map(str::to_owned);
        let mut events = events(response);
        while let Some(event) = events.next().await {
            let Some(text) = event.map_err(Outcome::Unanswered)?.message else {
                continue;
            };
            let answer: Value =
                serde_json::from_str(&text).map_err(|error| Outcome::Unanswered(error.to_string()))?;
            if answer.get("id") == request.get("id") {
                let version = answer
                    .pointer("/result/protocolVersion")
                    .and_then(Value::as_str)
                    .map(str::to_owned);
                return Ok((Session { id, version }, answer));
            }
            self.out.message(&text).await;
        }
        Err(Outcome::Unanswered(
            "the mesh ended its answer to `initialize` before it was there".to_owned(),
        ))
    }

    /// Opens a session in the place of `lost`, which the mesh forgot (it restarted, say). The client does not notice.
    async fn renew(&self, lost: &Session) -> bool {
        let _one_at_a_time = self.keeper.renewing.lock().await;
        if self.keeper.session() != *lost {
            return true;
        }
        let Some(request) = self.keeper.beginning() else {
            return false;
        };
        let Ok((session, _)) = self.open(&request).await else {
            return false;
        };
        remark("the mesh did not know the session any more; a new one is open");
        self.keeper.begin(&request, session);
        self.forward(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }))
            .await;
        true
    }

    async fn exchange(&self, request: &Value, session: &Session) -> Outcome {
        let response = match self.send(request, session).await {
            Ok(response) => response,
            Err(outcome) => return outcome,
        };
        let wanted = request.get("id").unwrap_or(&Value::Null);
        let mut response = response;
        let mut last_event = None;
        for attempt in 0..=RESUMES {
            let (answered, pause) = self.relay(response, wanted, &mut last_event).await;
            if answered {
                return Outcome::Answered;
            }
            if last_event.is_none() {
                break;
            }
            tokio::time::sleep(pause.unwrap_or(Duration::from_millis(200) * 2_u32.pow(attempt))).await;
            response = match self.endpoint.listen(session, last_event.as_deref()).await {
                Ok(response) if is_stream(&response) => response,
                _ => break,
            };
        }
        Outcome::Unanswered("the mesh's answer broke off".to_owned())
    }

    /// Passes messages on until the answer to `wanted` was among them, or no more come.
    async fn relay(
        &self,
        response: Response,
        wanted: &Value,
        last: &mut Option<String>,
    ) -> (bool, Option<Duration>) {
        let (mut events, mut pause) = (events(response), None);
        while let Some(Ok(event)) = events.next().await {
            *last = event.id.or(last.take());
            pause = event.retry.or(pause);
            let Some(text) = event.message else { continue };
            self.out.message(&text).await;
            if answers(&text, wanted) {
                return (true, None);
            }
        }
        (false, pause)
    }

    /// Sends a request; what the mesh refuses with a JSON-RPC error is an answer.
    async fn send(&self, request: &Value, session: &Session) -> Result<Response, Outcome> {
        let sent = self.endpoint.post(request, session).await;
        let response = sent.map_err(|error| {
            Outcome::Unanswered(client::unreachable(self.endpoint.url(), &error).to_string())
        })?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        if status == StatusCode::NOT_FOUND && session.id.is_some() {
            return Err(Outcome::SessionLost);
        }
        let body = response.text().await.unwrap_or_default();
        let Ok(mut refusal) = serde_json::from_str::<Value>(&body) else {
            return Err(Outcome::Unanswered(format!("the mesh answers {status}")));
        };
        if refusal.get("error").is_none() {
            return Err(Outcome::Unanswered(format!("the mesh answers {status}")));
        }
        // The door refuses before it reads the message, so the error may not name the request.
        refusal["id"] = request.get("id").cloned().unwrap_or_default();
        self.out.message(&refusal.to_string()).await;
        Err(Outcome::Answered)
    }
}

/// Whether the message answers the request with this id.
fn answers(text: &str, wanted: &Value) -> bool {
    let Ok(message) = serde_json::from_str::<Value>(text) else {
        return false;
    };
    message.get("method").is_none() && message.get("id") == Some(wanted)
}
