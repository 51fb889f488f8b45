//! Asking the client something while a request runs, in both eras.
//!
//! Up to 2025-11-25 a question is a request to the client, and the call waits for the answer. From 2026-07-28 on the
//! call ends with the open questions (`input_required`) and is made again with the answers (multi round-trip requests,
//! SEP-2322). The answers of earlier rounds, and what the provider put aside, travel in `requestState`: sealed, and
//! bound to the key, the method, the name and the arguments, so that nobody else's state is accepted.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use connectors::{Ask, AskError, ClientChannel, Question};
use rmcp::ErrorData;
use rmcp::model::{
    ClientResult, InputRequest, InputRequests, InputRequiredResult, InputResponses, RequestStateCodec,
    SealOptions, ServerRequest,
};
use rmcp::service::ServiceError;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::client::Client;

/// How long a client may take from one round to the next. People answer some of these questions.
const STATE_TTL: Duration = Duration::from_secs(3_600);

/// One request's conversation with its client.
pub struct Dialogue {
    client: Client,
    answers: BTreeMap<String, Value>,
    kept: Option<Value>,
    open: Mutex<Open>,
}

/// What this round leaves for the next one.
#[derive(Default)]
struct Open {
    questions: InputRequests,
    keep: Option<Value>,
}

/// What `requestState` carries.
#[derive(Serialize, Deserialize)]
struct State {
    answers: BTreeMap<String, Value>,
    kept: Option<Value>,
}

impl Dialogue {
    /// The conversation of a request that brought `responses` and `state`, if it is a later round. `binding` says
    /// whose state is accepted: the same for every round of one request, different for any other.
    ///
    /// # Errors
    /// Invalid parameters when the state is not one that this mesh sealed for this very request.
    pub(crate) fn open(
        client: Client,
        codec: &RequestStateCodec,
        binding: &[u8],
        responses: Option<InputResponses>,
        state: Option<&str>,
    ) -> Result<Self, ErrorData> {
        let state: Option<State> = state
            .map(|sealed| codec.open_json_with(sealed, binding))
            .transpose()
            .map_err(|_| {
                ErrorData::invalid_params(
                    "requestState: not one that this server gave for this request",
                    None,
                )
            })?;
        let State { mut answers, kept } = state.unwrap_or(State {
            answers: BTreeMap::new(),
            kept: None,
        });
        // An answer is an object; anything else is no answer, and the question is asked again.
        answers.extend(
            responses
                .unwrap_or_default()
                .into_iter()
                .filter(|(_, answer)| answer.is_object()),
        );
        Ok(Self {
            client,
            answers,
            kept,
            open: Mutex::default(),
        })
    }

    /// The questions that this round leaves open, as the request's answer.
    ///
    /// # Errors
    /// An internal error when the state cannot be sealed.
    pub(crate) fn input_required(
        &self,
        codec: &RequestStateCodec,
        binding: &[u8],
    ) -> Result<Option<InputRequiredResult>, ErrorData> {
        let open = self.lock();
        if open.questions.is_empty() {
            return Ok(None);
        }
        let state = State {
            answers: self.answers.clone(),
            kept: open.keep.clone().or_else(|| self.kept.clone()),
        };
        let sealed = (!state.answers.is_empty() || state.kept.is_some())
            .then(|| {
                codec.seal_json_with(
                    &state,
                    &SealOptions::new().associated_data(binding).ttl(STATE_TTL),
                )
            })
            .transpose()
            .map_err(|error| ErrorData::internal_error(format!("requestState: {error}"), None))?;
        Ok(Some(InputRequiredResult::new(
            Some(open.questions.clone()),
            sealed,
        )))
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stateless era: answers from what came along, or leaves the missing questions open.
    fn ask_by_result(&self, questions: Vec<Question>) -> Result<Vec<Value>, AskError> {
        let mut found = Vec::with_capacity(questions.len());
        let mut missing = InputRequests::new();
        for Question { key, ask } in questions {
            match self.answers.get(&key) {
                Some(answer) => found.push(answer.clone()),
                None => {
                    missing.insert(key, input_request(&ask)?);
                }
            }
        }
        if missing.is_empty() {
            return Ok(found);
        }
        self.lock().questions.extend(missing);
        Err(AskError::Pending)
    }

    /// Older eras: asks the client and waits.
    async fn ask_by_request(&self, ask: &Ask) -> Result<Value, AskError> {
        let request = match input_request(ask)? {
            InputRequest::CreateMessage(request) => ServerRequest::CreateMessageRequest(request),
            InputRequest::Elicitation(request) => ServerRequest::ElicitRequest(request),
            InputRequest::ListRoots(request) => ServerRequest::ListRootsRequest(request),
            _ => return Err(AskError::Unsupported("this kind of question")),
        };
        let peer = self
            .client
            .peer()
            .ok_or(AskError::Unsupported("questions to the client"))?;
        let answer: ClientResult = peer.send_request(request).await.map_err(failed)?;
        serde_json::to_value(answer).map_err(|error| AskError::Failed(error.to_string()))
    }
}

impl Deref for Dialogue {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

#[async_trait]
impl ClientChannel for Dialogue {
    async fn ask(&self, questions: Vec<Question>) -> Result<Vec<Value>, AskError> {
        if let Some(question) = questions.iter().find(|question| !self.answers(&question.ask)) {
            return Err(AskError::Unsupported(capability(&question.ask)));
        }
        if self.client.is_stateless() {
            return self.ask_by_result(questions);
        }
        let asked = questions
            .iter()
            .map(|question| self.ask_by_request(&question.ask));
        futures::future::try_join_all(asked).await
    }

    fn answers(&self, question: &Ask) -> bool {
        let declared = self.client.capabilities();
        match question {
            Ask::CreateMessage(_) => declared.sampling.is_some(),
            Ask::Elicit(_) => declared.elicitation.is_some(),
            Ask::ListRoots => declared.roots.is_some(),
        }
    }

    fn kept(&self) -> Option<Value> {
        self.kept.clone()
    }

    fn keep(&self, state: Value) {
        self.lock().keep = Some(state);
    }

    async fn log(&self, level: &str, logger: Option<&str>, data: Value) {
        self.client.log(level, logger, data).await;
    }
}

/// The client capability that a question needs.
fn capability(ask: &Ask) -> &'static str {
    match ask {
        Ask::CreateMessage(_) => "sampling",
        Ask::Elicit(_) => "elicitation",
        Ask::ListRoots => "roots",
    }
}

fn input_request(ask: &Ask) -> Result<InputRequest, AskError> {
    let request = match ask {
        Ask::CreateMessage(params) => json!({ "method": "sampling/createMessage", "params": params }),
        Ask::Elicit(params) => json!({ "method": "elicitation/create", "params": params }),
        Ask::ListRoots => json!({ "method": "roots/list", "params": {} }),
    };
    serde_json::from_value(request)
        .map_err(|error| AskError::Failed(format!("the question is malformed: {error}")))
}

fn failed(error: ServiceError) -> AskError {
    AskError::Failed(match error {
        ServiceError::McpError(error) => error.message.into_owned(),
        other => other.to_string(),
    })
}
