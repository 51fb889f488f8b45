//! The connector of HTTP APIs: an operation of an OpenAPI description becomes a request, its answer a tool result.

mod answer;
mod authorization;
mod body;
mod exchange;
mod outgoing;
mod read;
mod redact;
mod redirect;
mod request;
mod style;

use std::time::Duration;

use async_trait::async_trait;
use domain::tool::{Binding, HttpBinding};
use domain::{CallErrorKind, CallOutcome, Provider, Tool};
use http::Method;
use serde_json::{Map, Value};
use url::Url;

pub(crate) use authorization::Authorization;
pub(crate) use exchange::{Exchange, Purpose};
pub(crate) use outgoing::Outgoing;
pub(crate) use read::read;
pub(crate) use request::build;

use crate::connector::Connector;
use crate::context::CallContext;
use crate::credentials::Held;
use crate::egress_client::Clients;
use crate::failure::CallFailure;
use crate::guard::{AllowList, InvalidEntry};

/// Longest time of a health check.
const PROBE_TIMEOUT: Duration = Duration::from_secs(10);
/// Most bytes read of an answer that is an error; 2 KiB of it are shown.
const ERROR_BYTES: u64 = 64 << 10;

/// Runs the operations of one HTTP API.
pub(crate) struct HttpApi {
    provider: Provider,
    /// Its base URL, if that is one.
    base: Option<Url>,
    clients: Clients,
    credential: Held,
    /// Where the credential may go besides the provider's own origin.
    confidants: AllowList,
}

impl HttpApi {
    pub(crate) fn new(provider: Provider, clients: Clients, credential: Held) -> Result<Self, InvalidEntry> {
        let confidants = AllowList::parse(&provider.allowed_hosts)?;
        Ok(Self {
            base: Url::parse(&provider.base_url).ok(),
            provider,
            clients,
            credential,
            confidants,
        })
    }

    async fn run(
        &self,
        tool: &Tool,
        arguments: &Map<String, Value>,
        context: &CallContext,
        authorization: &Authorization,
    ) -> Result<CallOutcome, CallFailure> {
        let Binding::Http(binding) = &tool.binding;
        let outgoing = request::build(&self.provider, self.base.as_ref(), tool, binding, arguments)?;
        self.may_be_told(&outgoing.url, authorization)?;
        let request_bytes = outgoing.body.len() as u64;
        let exchange = Exchange {
            clients: &self.clients,
            authorization,
            template: Some(&binding.path),
            purpose: Purpose::Call(context),
        };
        let answer = exchange.run(outgoing).await?;
        if answer.response.status() == http::StatusCode::UNAUTHORIZED {
            self.credential.drop_credential().await;
        }
        let mut outcome = self.receive(binding, answer, authorization).await?;
        outcome.request_bytes = request_bytes;
        Ok(outcome)
    }

    async fn receive(
        &self,
        binding: &HttpBinding,
        answer: exchange::Answer,
        authorization: &Authorization,
    ) -> Result<CallOutcome, CallFailure> {
        let hard = self.clients.egress.config.max_response_bytes;
        let cap = match answer.response.status().as_u16() {
            400.. => ERROR_BYTES.min(hard),
            _ => self.provider.limits.max_response_bytes.min(hard),
        };
        let head = answer::Head::of(&answer, binding.wraps_result);
        let body = read(answer.response, cap).await.map_err(|failure| CallFailure {
            message: format!("{} (status {})", failure.message, head.status.as_u16()),
            ..failure
        })?;
        Ok(head.outcome(&body, authorization.redactor()))
    }

    /// The credential goes to the provider's own origin, and to hosts that the provider's own list names: a
    /// description may name servers elsewhere, and it was written by somebody else.
    fn may_be_told(&self, url: &Url, authorization: &Authorization) -> Result<(), CallFailure> {
        let own = || self.base.as_ref().is_some_and(|own| own.origin() == url.origin());
        let named = || {
            let (host, port) = (
                url.host_str().unwrap_or_default(),
                url.port_or_known_default().unwrap_or(0),
            );
            self.confidants.names(host, port)
        };
        if authorization.is_none() || own() || named() {
            return Ok(());
        }
        Err(CallFailure::refused(format!(
            "this operation has a server of its own, `{}`, which does not get the credential of `{}`; \
             name it in the provider's allowed_hosts if it may",
            url.host_str().unwrap_or_default(),
            self.provider.name
        )))
    }
}

#[async_trait]
impl Connector for HttpApi {
    async fn call(&self, tool: &Tool, arguments: Map<String, Value>, context: &CallContext) -> CallOutcome {
        let authorization = match self.credential.authorization().await {
            Ok(authorization) => authorization,
            Err(failure) => return failure.into(),
        };
        let result = self.run(tool, &arguments, context, &authorization).await;
        let mut outcome = result.unwrap_or_else(CallOutcome::from);
        authorization.redactor().redact(&mut outcome);
        outcome
    }

    fn sweep(&self) {
        self.credential.expire();
    }

    async fn renew(&self) -> bool {
        self.credential.renew().await
    }

    async fn probe(&self) -> Result<(), String> {
        let ask = async {
            let url = Url::parse(&self.provider.base_url)
                .map_err(|error| CallFailure::new(CallErrorKind::Internal, format!("base_url: {error}")))?;
            let none = Authorization::none();
            let exchange = Exchange {
                clients: &self.clients,
                authorization: &none,
                template: None,
                purpose: Purpose::Own,
            };
            exchange.run(Outgoing::new(Method::GET, url)).await
        };
        let answer = tokio::time::timeout(PROBE_TIMEOUT.min(self.provider.limits.timeout()), ask)
            .await
            .map_err(|_| "no answer in time".to_owned())?
            .map_err(|failure| failure.message)?;
        // Most APIs answer their root with 401 or 404; that is a sign of life.
        match answer.response.status() {
            status if status.is_server_error() => Err(format!("it answered {status}")),
            _ => Ok(()),
        }
    }
}
