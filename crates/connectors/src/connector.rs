//! What stands behind a provider, whatever its kind.

use async_trait::async_trait;
use domain::{CallOutcome, Tool};
use serde_json::{Map, Value};

use crate::client_channel::AskError;
use crate::context::CallContext;

/// Runs the tools of one provider. [`crate::Connectors`] has checked the arguments, holds a place and watches the
/// time; what a connector adds is the way to its upstream.
#[async_trait]
pub trait Connector: Send + Sync {
    /// Runs `tool`. The future is dropped when the caller cancels or the time is up.
    async fn call(&self, tool: &Tool, arguments: Map<String, Value>, context: &CallContext) -> CallOutcome;

    /// Whether the upstream answers.
    ///
    /// # Errors
    /// Why not, in words for an operator.
    async fn probe(&self) -> Result<(), String>;

    /// Drops what has been held long enough: credentials above all. Called now and then.
    fn sweep(&self) {}

    /// Asks for its credential before it is needed, or too old. Answers whether it could be asked for.
    async fn renew(&self) -> bool {
        true
    }

    /// What it offers besides tools; nothing by default.
    fn offers(&self) -> Option<&dyn Offers> {
        None
    }
}

/// What an MCP server may offer besides tools: resources, prompts, completion. Parameters, items and results have
/// MCP's own wire shape (2025-11-25, "Server features"); every default answers "none".
#[async_trait]
pub trait Offers: Send + Sync {
    /// All resources, in a deterministic order.
    async fn list_resources(&self) -> Result<Vec<Value>, OfferError> {
        Ok(Vec::new())
    }

    /// All resource templates, in a deterministic order.
    async fn list_resource_templates(&self) -> Result<Vec<Value>, OfferError> {
        Ok(Vec::new())
    }

    /// The contents of a resource.
    async fn read_resource(&self, _uri: &str, _context: &CallContext) -> Result<Vec<Value>, OfferError> {
        Err(OfferError::NotFound)
    }

    /// Asks to hear of changes of a resource.
    async fn subscribe(&self, _uri: &str) -> Result<(), OfferError> {
        Err(OfferError::NotFound)
    }

    /// Ends [`Self::subscribe`].
    async fn unsubscribe(&self, _uri: &str) -> Result<(), OfferError> {
        Err(OfferError::NotFound)
    }

    /// All prompts, in a deterministic order.
    async fn list_prompts(&self) -> Result<Vec<Value>, OfferError> {
        Ok(Vec::new())
    }

    /// A prompt filled in: `{description?, messages}`.
    async fn get_prompt(
        &self,
        _name: &str,
        _arguments: Map<String, Value>,
        _context: &CallContext,
    ) -> Result<Value, OfferError> {
        Err(OfferError::NotFound)
    }

    /// Suggestions for an argument: `{values, total?, hasMore?}` for `{ref, argument, context?}`.
    async fn complete(&self, _params: Value) -> Result<Value, OfferError> {
        Ok(serde_json::json!({ "values": [] }))
    }

    /// The least severe log level that the client wants to hear of.
    async fn set_level(&self, _level: &str) -> Result<(), OfferError> {
        Ok(())
    }
}

/// Why an offer was not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OfferError {
    /// There is no such resource or prompt.
    #[error("not found")]
    NotFound,
    /// The parameters do not fit.
    #[error("{0}")]
    InvalidParams(String),
    /// The client was asked something and did not answer, or not yet.
    #[error(transparent)]
    Ask(#[from] AskError),
    /// The provider failed.
    #[error("{0}")]
    Failed(String),
}
