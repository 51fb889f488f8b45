//! Params that do not fit their method. The SDK takes such a request for one of a method that it does not know; the
//! caller is told what is wrong instead (JSON-RPC 2.0, section 5.1: -32602).

#![expect(
    deprecated,
    reason = "logging/setLevel is deprecated and still part of the older eras"
)]

use proto::v1::AuditRecord;
use rmcp::model::{
    CallToolRequestParams, CancelTaskParams, CompleteRequestParams, CustomRequest, CustomResult, ErrorCode,
    GetPromptRequestParams, GetTaskParams, InitializeRequestParams, PaginatedRequestParams,
    ReadResourceRequestParams, SetLevelRequestParams, SubscribeRequestParams, UnsubscribeRequestParams,
    UpdateTaskParams,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Engine;
use super::backend::Backend;
use super::call::recorded;
use super::caller::Caller;
use super::client::Client;
use super::method::Method;
use super::observe::Ending;

impl<B: Backend> Engine<B> {
    pub(super) async fn refuse_custom(
        &self,
        request: CustomRequest,
        context: &RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        let is_stateless = Client::new(context, &self.session).is_stateless();
        let known = Method::named(&request.method).filter(|method| !(is_stateless && is_gone(*method)));
        let Some(method) = known else {
            return Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, request.method, None));
        };
        let params = request.params.unwrap_or_default();
        let name = recorded(params["name"].as_str().unwrap_or_default());
        let error = ErrorData::invalid_params(fault(method, params), None);
        if method != Method::CallTool {
            return self.answer(method, context, |_| async { Err(error) }).await;
        }
        let caller = Caller::of(&context.extensions)?;
        let error = caller.may(method).err().unwrap_or(error);
        let ending = Ending::refused(&error);
        let record = AuditRecord {
            tool: name,
            ..self.record(method, &caller, &ending)
        };
        self.shared.audit.record(record).await;
        self.answer(method, context, |_| async { Err(error) }).await
    }
}

/// Whether the stateless era has left the method behind (MCP 2026-07-28).
fn is_gone(method: Method) -> bool {
    matches!(
        method,
        Method::Initialize | Method::Ping | Method::SetLevel | Method::Subscribe | Method::Unsubscribe
    )
}

/// Which field of the params is wrong, and what was expected.
pub(crate) fn fault(method: Method, params: Value) -> String {
    let read = match method {
        Method::Initialize => fits::<InitializeRequestParams>,
        Method::CallTool => fits::<CallToolRequestParams>,
        Method::GetTask => fits::<GetTaskParams>,
        Method::UpdateTask => fits::<UpdateTaskParams>,
        Method::CancelTask => fits::<CancelTaskParams>,
        Method::GetPrompt => fits::<GetPromptRequestParams>,
        Method::ReadResource => fits::<ReadResourceRequestParams>,
        Method::Subscribe => fits::<SubscribeRequestParams>,
        Method::Unsubscribe => fits::<UnsubscribeRequestParams>,
        Method::Complete => fits::<CompleteRequestParams>,
        Method::SetLevel => fits::<SetLevelRequestParams>,
        Method::Discover
        | Method::Ping
        | Method::ListTools
        | Method::ListPrompts
        | Method::ListResources
        | Method::ListResourceTemplates
        | Method::Listen => fits::<PaginatedRequestParams>,
    };
    match read(params) {
        Err(fault) => format!("params of {}: {fault}", method.as_str()),
        Ok(()) => format!("the params do not fit {}", method.as_str()),
    }
}

fn fits<T: DeserializeOwned>(params: Value) -> Result<(), String> {
    if !params.is_object() {
        return Err("expected an object".to_owned());
    }
    serde_path_to_error::deserialize::<_, T>(params)
        .map(drop)
        .map_err(|error| match error.path().to_string().as_str() {
            "." | "?" => error.inner().to_string(),
            path => format!("{path}: {}", error.inner()),
        })
}
