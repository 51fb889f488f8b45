//! The methods of the mesh: what agents ask for over a WebSocket connection besides MCP (`agent.*`, `task.*`, `event.*`).
//!
//! One table. Whoever brings a method adds it there with its name, its scope and a sentence; the connection reads the
//! params into their type, checks the scope, observes the request and answers. Whoever needs to know who is connected
//! adds a [`Watcher`].

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use domain::Scope;
use futures::future::BoxFuture;
use rmcp::ErrorData;
use rmcp::model::JsonObject;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::engine::Caller;
use crate::ws::Connection;

/// What is known of a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MethodInfo {
    /// Its name on the wire: `noun.verb`. Also the value of the label `endpoint`.
    pub name: &'static str,
    /// The scope that the caller's key must have; none where any valid key will do.
    pub scope: Option<Scope>,
    /// What it does, in a sentence, for the reference.
    pub summary: &'static str,
    /// The same in the HTTP API, `VERB PATH`, if it is there: the reference has the params and the result from it.
    pub twin: Option<&'static str>,
}

/// One request of a method.
pub struct MethodCall {
    /// Who asks.
    pub caller: Caller,
    /// Over which connection: what is sent to it later goes this way.
    pub connection: Connection,
    /// Cancelled when the caller cancels the request or is gone.
    pub cancel: CancellationToken,
}

type Run = Box<dyn Fn(MethodCall, JsonObject) -> BoxFuture<'static, Result<Value, ErrorData>> + Send + Sync>;

/// Who wants to know of connections. Each is told in the order in which things happen to one connection.
#[async_trait]
pub trait Watcher: Send + Sync + 'static {
    /// A client has said who it is (`initialize`), and can be reached.
    async fn opened(&self, _connection: &Connection) {}

    /// The client of a connection came back to it (`resume`), maybe from another replica.
    async fn resumed(&self, _connection: &Connection) {}

    /// Nobody can be reached over it any more. Not told of one whose client went on to another replica.
    async fn closed(&self, _connection: &Connection) {}
}

/// The methods, by name.
#[derive(Default)]
pub struct MethodTable {
    methods: BTreeMap<&'static str, Entry>,
    watchers: Vec<Arc<dyn Watcher>>,
}

pub(crate) struct Entry {
    pub(crate) info: MethodInfo,
    run: Run,
}

impl MethodTable {
    /// Adds a method. What `run` answers becomes the result; params that do not fit `P` are refused with the field's name.
    ///
    /// # Panics
    /// When there is one of that name, here or in MCP: a bug that every start shows.
    #[must_use]
    pub fn method<P, R, F, Fut>(mut self, info: MethodInfo, run: F) -> Self
    where
        P: DeserializeOwned + Send + 'static,
        R: Serialize,
        F: Fn(MethodCall, P) -> Fut + Send + Sync + Clone + 'static,
        Fut: Future<Output = Result<R, ErrorData>> + Send + 'static,
    {
        let name = info.name;
        let run: Run = Box::new(move |call, params| {
            let params = read::<P>(name, params);
            let run = run.clone();
            Box::pin(async move {
                let result = match params {
                    Ok(params) => run(call, params).await?,
                    Err(error) => return Err(error),
                };
                serde_json::to_value(result)
                    .map_err(|error| ErrorData::internal_error(error.to_string(), None))
            })
        });
        let is_new = crate::engine::Method::named(name).is_none()
            && self.methods.insert(name, Entry { info, run }).is_none();
        assert!(is_new, "the method {name} is there twice");
        self
    }

    /// Adds somebody who is told of connections.
    #[must_use]
    pub fn watcher(mut self, watcher: Arc<dyn Watcher>) -> Self {
        self.watchers.push(watcher);
        self
    }

    pub(crate) fn named(&self, name: &str) -> Option<&Entry> {
        self.methods.get(name)
    }

    pub(crate) fn watchers(&self) -> &[Arc<dyn Watcher>] {
        &self.watchers
    }
}

impl Entry {
    pub(crate) fn run(
        &self,
        call: MethodCall,
        params: JsonObject,
    ) -> BoxFuture<'static, Result<Value, ErrorData>> {
        (self.run)(call, params)
    }
}

fn read<P: DeserializeOwned>(method: &str, params: JsonObject) -> Result<P, ErrorData> {
    serde_path_to_error::deserialize(Value::Object(params)).map_err(|error| {
        let message = match error.path().to_string().as_str() {
            "." | "?" => format!("params of {method}: {}", error.inner()),
            path => format!("params of {method}: {path}: {}", error.inner()),
        };
        ErrorData::invalid_params(message, None)
    })
}
