//! Whoever answers a request is asked: the connection itself, a method of the mesh, or MCP's engine.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use frames::Id;
use frames::message::METHOD_NOT_FOUND;
use futures::FutureExt;
use rmcp::ErrorData;
use rmcp::model::{
    ClientJsonRpcMessage, EmptyResult, GetExtensions, InitializeRequestParams, JsonObject, JsonRpcMessage,
    RequestMetaObject,
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::connection::Talk;
use super::dispatch::ready;
use super::mcp;
use super::session::{Client, Connection, Session};
use crate::engine::caller::{Door, Wire};
use crate::engine::{Backend, Caller, Method, Requested, malformed, refusal};
use crate::methods::MethodCall;

/// A request on its way to whoever answers it.
pub(super) struct Asked {
    pub(super) id: Id,
    pub(super) method: String,
    pub(super) params: Option<Value>,
    pub(super) cancel: CancellationToken,
    pub(super) wire: Arc<Wire>,
}

impl<B: Backend> Talk<B> {
    /// Asks whoever answers. None when the answer comes by itself.
    pub(super) async fn ask(&mut self, asked: Asked) -> Option<Result<Value, ErrorData>> {
        if self.known.is_none() {
            return self.show_key(&asked).await;
        }
        let session = self.session()?;
        let name = match asked.method.as_str() {
            "tool.list" => Method::ListTools.as_str(),
            "tool.execute" => Method::CallTool.as_str(),
            name => name,
        };
        match name {
            "initialize" => Some(Box::pin(self.initialize(&session, &asked)).await),
            "resume" => Box::pin(self.resume(&session, &asked)).await,
            "ping" => Some(self.ping(&session, &asked).await),
            _ if self.shared.methods.named(name).is_some() => {
                self.ask_mesh(&session, asked);
                None
            }
            _ => match Method::named(name).filter(|method| !is_stateless(*method)) {
                Some(method) => Box::pin(self.ask_mcp(&session, method, asked))
                    .await
                    .err()
                    .map(Err),
                None => {
                    self.shared.metrics.errors.with(["method_not_found"]).increment(1);
                    let message = format!("nobody answers {}", asked.method);
                    Some(Err(ErrorData::new(
                        rmcp::model::ErrorCode(METHOD_NOT_FOUND),
                        message,
                        None,
                    )))
                }
            },
        }
    }

    async fn show_key(&mut self, asked: &Asked) -> Option<Result<Value, ErrorData>> {
        let key = asked
            .params
            .as_ref()
            .and_then(|params| params["key"].as_str())
            .unwrap_or_default();
        Some(match self.authenticate(key).await {
            Ok(()) => Ok(json!({})),
            Err(end) => {
                let error = ErrorData::new(refusal::UNAUTHENTICATED, end.reason.to_string(), None);
                self.socket.end(end);
                Err(error)
            }
        })
    }

    async fn initialize(&self, session: &Arc<Session>, asked: &Asked) -> Result<Value, ErrorData> {
        let params = asked.params.clone().unwrap_or_else(|| json!({}));
        let initialize: InitializeRequestParams = serde_json::from_value(params.clone())
            .map_err(|_| ErrorData::invalid_params(malformed::fault(Method::Initialize, params), None))?;
        let caller = self.caller(session, &asked.wire);
        let id = mcp::rmcp_id(&asked.id);
        let mut result = self.engine.open(&caller, &id, &initialize).await?;
        let meta = result.meta.get_or_insert_default();
        let version = result.protocol_version.clone();
        let _ = session.client.set(Client { initialize, version });
        let token = self.can_be_resumed(session).await;
        meta.insert("io.devmesh/connection".to_owned(), self.about(session, token));
        self.shared.connections.add(session);
        for watcher in self.shared.methods.watchers() {
            watcher.opened(&Connection(Arc::clone(session))).await;
        }
        serde_json::to_value(result).map_err(|error| ErrorData::internal_error(error.to_string(), None))
    }

    async fn ping(&self, session: &Session, asked: &Asked) -> Result<Value, ErrorData> {
        let (id, meta) = (mcp::rmcp_id(&asked.id), meta(asked.params.as_ref()));
        let caller = self.caller(session, &asked.wire);
        let requested = Requested {
            caller: &caller,
            endpoint: Method::Ping.as_str(),
            scope: None,
            id: &id,
            meta: &meta,
            version: session.client.get().map(|client| client.version.clone()),
        };
        self.engine
            .observed(requested, async { Ok(json!(EmptyResult {})) })
            .await
    }

    /// Runs a method of the mesh beside the connection.
    fn ask_mesh(&self, session: &Arc<Session>, asked: Asked) {
        let (shared, engine, session) = (
            Arc::clone(&self.shared),
            self.engine.same_session(),
            Arc::clone(session),
        );
        let caller = self.caller(&session, &asked.wire);
        self.shared.life.spawn_task(async move {
            let Some(entry) = shared.methods.named(&asked.method) else {
                return;
            };
            let (id, meta) = (mcp::rmcp_id(&asked.id), meta(asked.params.as_ref()));
            let requested = Requested {
                caller: &caller,
                endpoint: entry.info.name,
                scope: entry.info.scope,
                id: &id,
                meta: &meta,
                version: session.client.get().map(|client| client.version.clone()),
            };
            let call = MethodCall {
                caller: caller.clone(),
                connection: Connection(Arc::clone(&session)),
                cancel: asked.cancel,
            };
            let params = object(asked.params);
            let work = async {
                let run = AssertUnwindSafe(async { entry.run(call, params).await });
                run.catch_unwind().await.unwrap_or_else(|_| {
                    tracing::error!(endpoint = entry.info.name, "a method panicked");
                    Err(ErrorData::internal_error(
                        "the service failed; the request id leads to the log",
                        None,
                    ))
                })
            };
            let result = engine.observed(requested, work).await;
            session.answer(&asked.id, ready(&asked.id, result)).await;
        });
    }

    /// Hands a request to MCP's engine, which answers by itself.
    async fn ask_mcp(&self, session: &Arc<Session>, method: Method, asked: Asked) -> Result<(), ErrorData> {
        let caller = self.caller(session, &asked.wire);
        let params = asked.params.unwrap_or_else(|| json!({}));
        let message = json!({
            "jsonrpc": "2.0",
            "id": asked.id,
            "method": method.as_str(),
            "params": &params,
        });
        let mut message: ClientJsonRpcMessage = serde_json::from_value(message)
            .map_err(|_| ErrorData::invalid_params(malformed::fault(method, params), None))?;
        if let JsonRpcMessage::Request(request) = &mut message {
            request.request.extensions_mut().insert(caller.clone());
        }
        mcp::hand_over(&self.engine, session, &caller, &self.shared.life, message).await;
        Ok(())
    }

    pub(super) fn caller(&self, session: &Session, wire: &Arc<Wire>) -> Caller {
        Caller {
            principal: Arc::clone(&session.principal),
            request_id: telemetry::RequestId::taken_or_made(None).0.into(),
            trace: None,
            closing: None,
            door: Door::WebSocket,
            wire: Some(Arc::clone(wire)),
            session_id: Some(Arc::clone(&session.id)),
            gone: session.held.gone(),
            seen: Arc::new(AtomicBool::new(false)),
        }
    }
}

/// Methods of the stateless era, which has no connections.
fn is_stateless(method: Method) -> bool {
    matches!(method, Method::Discover | Method::Listen)
}

fn meta(params: Option<&Value>) -> RequestMetaObject {
    let meta = params.and_then(|params| params.get("_meta"));
    meta.and_then(|meta| serde_json::from_value(meta.clone()).ok())
        .unwrap_or_default()
}

fn object(params: Option<Value>) -> JsonObject {
    match params {
        Some(Value::Object(mut params)) => {
            params.remove("_meta");
            params
        }
        _ => JsonObject::new(),
    }
}
