//! The methods of MCP, one short function each: who asks, may they, what the backend says.
#![expect(
    deprecated,
    reason = "logging and resources/subscribe are deprecated and still part of the older eras"
)]

use std::borrow::Cow;

use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, CancelTaskParams, CompleteRequestParams,
    CompleteResult, CustomRequest, CustomResult, DiscoverResult, GetPromptRequestParams, GetPromptResponse,
    GetTaskParams, GetTaskResult, InitializeRequestParams, InitializeResult, ListPromptsResult,
    ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, PaginatedRequestParams,
    ReadResourceRequestParams, ReadResourceResponse, ServerConfig, SetLevelRequestMethod,
    SetLevelRequestParams, SubscribeRequestMethod, SubscribeRequestParams, SubscriptionFilter, Tool,
    UnsubscribeRequestMethod, UnsubscribeRequestParams, UpdateTaskParams,
};
use rmcp::service::{RequestContext, SubscriptionContext};
use rmcp::transport::streamable_http_server::session::SessionRestoreMarker;
use rmcp::{ErrorData, RoleServer, ServerHandler};

use super::Engine;
use super::asked::Asked;
use super::backend::Backend;
use super::call::{Arguments, binding};
use super::caller::CALLER;
use super::client::Client;
use super::dialogue::Dialogue;
use super::method::Method;
use super::observe::Ending;
use super::page::page;
use super::wire::Replayed;
use crate::session::SharedWishes;

type Context = RequestContext<RoleServer>;

/// A page of a list as its result type, with the hints that the stateless era asks for.
macro_rules! listed {
    ($engine:ident, $list:ident, $result:ident, $items:expr, $request:ident, $key:expr) => {{
        let page = page(
            Method::$list,
            &$items,
            $request,
            $engine.shared.config.page_size,
            $key,
        )?;
        let mut result = $result::with_all_items(page.items)
            .with_ttl_ms($engine.list_ttl_ms())
            .with_cache_scope(CacheScope::Private);
        result.next_cursor = page.next_cursor;
        Ok(result)
    }};
}

impl<B: Backend> ServerHandler for Engine<B> {
    fn get_info(&self) -> ServerConfig {
        self.shared.backend.info()
    }

    /// Asked by the transport while it checks `Mcp-Param-*` headers, in the task of the request itself.
    fn get_tool(&self, name: &str) -> Option<Tool> {
        CALLER
            .try_with(|caller| self.shared.backend.tool(caller, name))
            .ok()
            .flatten()
    }

    async fn initialize(
        &self,
        request: InitializeRequestParams,
        context: Context,
    ) -> Result<InitializeResult, ErrorData> {
        context.peer.set_peer_info(request.clone());
        if let Some(wishes) = context.extensions.get::<SharedWishes>() {
            self.session.share(wishes);
        }
        self.hear_changes(&context.extensions, &context.peer);
        let is_replayed = context.extensions.get::<SessionRestoreMarker>().is_some()
            || context.extensions.get::<Replayed>().is_some();
        if is_replayed {
            return self.begin_session(&request);
        }
        self.answer(Method::Initialize, &context, |_| async {
            self.begin_session(&request)
        })
        .await
    }

    async fn discover(&self, context: Context) -> Result<DiscoverResult, ErrorData> {
        self.answer(Method::Discover, &context, |_| async {
            let versions = self.supported_protocol_versions().into_owned();
            Ok(DiscoverResult::from_server_info(versions, self.get_info())
                .with_ttl_ms(self.list_ttl_ms())
                .with_cache_scope(CacheScope::Private))
        })
        .await
    }

    async fn ping(&self, context: Context) -> Result<(), ErrorData> {
        self.answer(Method::Ping, &context, |_| async { Ok(()) }).await
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: Context,
    ) -> Result<ListToolsResult, ErrorData> {
        self.answer(Method::ListTools, &context, |caller| async move {
            let tools = self.shared.backend.tools(&caller);
            listed!(self, ListTools, ListToolsResult, tools, request, |tool| tool
                .name
                .as_ref())
        })
        .await
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: Context,
    ) -> Result<CallToolResponse, ErrorData> {
        self.tools_call(request, Asked::of(context, &self.session)?).await
    }

    async fn get_task(&self, request: GetTaskParams, context: Context) -> Result<GetTaskResult, ErrorData> {
        self.answer(Method::GetTask, &context, |caller| async move {
            self.shared
                .backend
                .task(&caller, &request.task_id)
                .await
                .map(GetTaskResult::new)
        })
        .await
    }

    async fn update_task(&self, request: UpdateTaskParams, context: Context) -> Result<(), ErrorData> {
        self.answer(Method::UpdateTask, &context, |caller| async move {
            self.shared
                .backend
                .update_task(&caller, &request.task_id, request.input_responses)
                .await
        })
        .await
    }

    async fn cancel_task(&self, request: CancelTaskParams, context: Context) -> Result<(), ErrorData> {
        self.answer(Method::CancelTask, &context, |caller| async move {
            let result = self.shared.backend.cancel_task(&caller, &request.task_id).await;
            let ending = result
                .as_ref()
                .map_or_else(Ending::refused, |()| Ending::answered(None, None));
            let mut record = self.record(Method::CancelTask, &caller, &ending);
            // What is no job's id is nobody's job; rest-api takes only ids.
            record.job_id = request
                .task_id
                .parse::<domain::JobId>()
                .map(|id| id.to_string())
                .unwrap_or_default();
            self.shared.audit.record(record).await;
            result
        })
        .await
    }

    async fn list_prompts(
        &self,
        request: Option<PaginatedRequestParams>,
        context: Context,
    ) -> Result<ListPromptsResult, ErrorData> {
        self.answer(Method::ListPrompts, &context, |caller| async move {
            let prompts = self.shared.backend.prompts(&caller);
            listed!(self, ListPrompts, ListPromptsResult, prompts, request, |prompt| {
                prompt.name.as_ref()
            })
        })
        .await
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: Context,
    ) -> Result<GetPromptResponse, ErrorData> {
        let client = Client::new(&context, &self.session);
        self.answer(Method::GetPrompt, &context, |caller| async move {
            let arguments = request.arguments.unwrap_or_default();
            let digest = Arguments::of(Some(&arguments)).digest;
            let binding = binding(&caller, Method::GetPrompt, &request.name, &digest);
            let (codec, state) = (&self.shared.codec, request.request_state.as_deref());
            let dialogue = Dialogue::open(client, codec, &binding, request.input_responses, state)?;
            let prompt = self
                .shared
                .backend
                .prompt(&caller, &request.name, arguments, &dialogue)
                .await;
            match dialogue.input_required(codec, &binding)? {
                Some(questions) => Ok(questions.into()),
                None => prompt.map(Into::into),
            }
        })
        .await
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        context: Context,
    ) -> Result<ListResourcesResult, ErrorData> {
        self.answer(Method::ListResources, &context, |caller| async move {
            let resources = self.shared.backend.resources(&caller);
            listed!(
                self,
                ListResources,
                ListResourcesResult,
                resources,
                request,
                |resource| resource.uri.as_str()
            )
        })
        .await
    }

    async fn list_resource_templates(
        &self,
        request: Option<PaginatedRequestParams>,
        context: Context,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        self.answer(Method::ListResourceTemplates, &context, |caller| async move {
            let templates = self.shared.backend.resource_templates(&caller);
            listed!(
                self,
                ListResourceTemplates,
                ListResourceTemplatesResult,
                templates,
                request,
                |template| { template.uri_template.as_str() }
            )
        })
        .await
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: Context,
    ) -> Result<ReadResourceResponse, ErrorData> {
        self.answer(Method::ReadResource, &context, |caller| async move {
            let contents = self.shared.backend.read_resource(&caller, &request.uri).await?;
            let ttl = contents.ttl_ms.unwrap_or_else(|| self.list_ttl_ms());
            Ok(contents
                .with_ttl_ms(ttl)
                .with_cache_scope(CacheScope::Private)
                .into())
        })
        .await
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        context: Context,
    ) -> Result<CompleteResult, ErrorData> {
        self.answer(Method::Complete, &context, |caller| async move {
            self.shared.backend.complete(&caller, request).await
        })
        .await
    }

    async fn set_level(&self, request: SetLevelRequestParams, context: Context) -> Result<(), ErrorData> {
        let supported = self.get_info().capabilities.logging.is_some()
            && !Client::new(&context, &self.session).is_stateless();
        self.answer(Method::SetLevel, &context, |_| async move {
            if !supported {
                return Err(ErrorData::method_not_found::<SetLevelRequestMethod>());
            }
            self.session.set_log_level(request.level).await;
            Ok(())
        })
        .await
    }

    async fn subscribe(&self, request: SubscribeRequestParams, context: Context) -> Result<(), ErrorData> {
        self.answer(Method::Subscribe, &context, |_| async move {
            if !self.offers_subscriptions() {
                return Err(ErrorData::method_not_found::<SubscribeRequestMethod>());
            }
            let most = self.shared.config.subscriptions;
            if !self.session.subscribe(request.uri, most).await {
                let message =
                    format!("uri: this session watches {most} resources already, the most that it may");
                return Err(ErrorData::invalid_params(message, None));
            }
            Ok(())
        })
        .await
    }

    async fn unsubscribe(
        &self,
        request: UnsubscribeRequestParams,
        context: Context,
    ) -> Result<(), ErrorData> {
        self.answer(Method::Unsubscribe, &context, |_| async move {
            if !self.offers_subscriptions() {
                return Err(ErrorData::method_not_found::<UnsubscribeRequestMethod>());
            }
            self.session.unsubscribe(&request.uri).await;
            Ok(())
        })
        .await
    }

    async fn on_custom_request(
        &self,
        request: CustomRequest,
        context: Context,
    ) -> Result<CustomResult, ErrorData> {
        self.refuse_custom(request, &context).await
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(requested.supported_by(&self.get_info().capabilities))
    }

    /// Keeps a subscription until the client closes its stream, its key is gone, or we stop. What is observed is the
    /// time to its first byte: the acknowledgement has been sent already.
    async fn listen(&self, subscription: SubscriptionContext) -> Result<(), ErrorData> {
        let context = subscription.request_context();
        let caller = self
            .answer(Method::Listen, context, |caller| async { Ok(caller) })
            .await?;
        let tenant = caller.principal.tenant_id;
        let _listening = self
            .shared
            .listeners
            .subscription(tenant, subscription.sink().clone());
        tokio::select! {
            () = subscription.cancelled() => {}
            () = caller.gone.cancelled() => {}
            () = self.shared.stop.cancelled() => {}
        }
        Ok(())
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [rmcp::model::ProtocolVersion]> {
        Cow::Borrowed(rmcp::model::ProtocolVersion::KNOWN_VERSIONS)
    }
}
