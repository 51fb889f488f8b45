//! Tool execution as a process has it: one connector per provider, its places, and the clock on every call.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::{CallErrorKind, CallOutcome, Content, Provider, ProviderId, Tool};
use serde_json::{Map, Value};
use tracing::{Instrument, Span, field};

use crate::arguments::Schemas;
use crate::breaker::Board;
use crate::context::CallContext;
use crate::credentials::CredentialSource;
use crate::description;
use crate::egress::EgressConfig;
use crate::egress_client::{Clients, Egress, EgressError};
use crate::failure::CallFailure;
use crate::idempotency;
use crate::metrics::{BreakerMetrics, CredentialMetrics, ToolMetrics};
use crate::pool::{Entry, Pool};
use crate::slots::NoPlace;

/// Runs tools. One per process; it builds and keeps a connector for each provider, at the version last seen.
pub struct Connectors {
    egress: Arc<Egress>,
    pool: Pool,
    metrics: ToolMetrics,
    schemas: Schemas,
}

impl Connectors {
    /// Reads certificates and lists; connects to nothing.
    ///
    /// # Errors
    /// Settings that cannot be used.
    pub fn new(
        egress: EgressConfig,
        credentials: Arc<dyn CredentialSource>,
        telemetry: &telemetry::Telemetry,
    ) -> Result<Self, EgressError> {
        let egress = Arc::new(Egress::new(egress)?);
        Ok(Self {
            pool: Pool::new(
                Arc::clone(&egress),
                credentials,
                Board::new(BreakerMetrics::new(telemetry)),
                CredentialMetrics::new(telemetry),
            ),
            egress,
            metrics: ToolMetrics::new(telemetry),
            schemas: Schemas::new(),
        })
    }

    /// Runs a tool: checks the arguments, waits for a place, and calls the provider within its time.
    ///
    /// Nothing is retried. `context.may_have_had_effect()` tells afterwards whether a request left.
    pub async fn call(
        &self,
        provider: &Provider,
        tool: &Tool,
        arguments: Value,
        context: &CallContext,
    ) -> CallOutcome {
        let span = span(provider, tool);
        let begin = Instant::now();
        let outcome = self
            .checked(provider, tool, arguments, context)
            .instrument(span.clone())
            .await;
        if let Some(kind) = outcome.error {
            span.record("otel.status_code", "ERROR");
            span.record("error.type", kind.as_str());
        }
        self.count(provider, tool, &outcome, (&span, begin.elapsed()));
        outcome
    }

    async fn checked(
        &self,
        provider: &Provider,
        tool: &Tool,
        mut arguments: Value,
        context: &CallContext,
    ) -> CallOutcome {
        idempotency::add_key(tool, &mut arguments, context.idempotency_key.as_deref());
        let prepared = self
            .schemas
            .check_arguments(tool, arguments)
            .and_then(|arguments| Ok((arguments, self.pool.entry(provider)?)));
        let mut outcome = match prepared {
            Ok((arguments, entry)) => self.bounded(provider, tool, arguments, context, &entry).await,
            Err(failure) => failure.into(),
        };
        self.check_output(tool, &mut outcome);
        outcome
    }

    /// The call within its place, its time and the caller's patience.
    async fn bounded(
        &self,
        provider: &Provider,
        tool: &Tool,
        arguments: Map<String, Value>,
        context: &CallContext,
        entry: &Entry,
    ) -> CallOutcome {
        let left = context
            .deadline
            .map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let run = self.placed(provider, tool, arguments, context, entry);
        let run = within(left, run);
        tokio::select! {
            biased;
            () = context.cancel.cancelled() => {
                CallOutcome::failed(CallErrorKind::Cancelled, "the call was cancelled")
            }
            result = run => result.unwrap_or_else(CallOutcome::from),
        }
    }

    /// The call in its place, if the breaker lets it through.
    async fn placed(
        &self,
        provider: &Provider,
        tool: &Tool,
        arguments: Map<String, Value>,
        context: &CallContext,
        entry: &Entry,
    ) -> Result<CallOutcome, CallFailure> {
        entry.breaker.check()?;
        let waiting = self.metrics.queue_size.with([&provider.name]);
        let place = entry.slots.take(provider.limits.queue_timeout(), &waiting).await;
        let _place = place.map_err(|reason| no_place(provider, reason))?;
        let _active = self.metrics.active.with([&provider.name]).hold();
        let ticket = entry.breaker.admit()?;
        let limit = provider.limits.timeout();
        match tokio::time::timeout(limit, entry.connector.call(tool, arguments, context)).await {
            Ok(outcome) => {
                ticket.settle(&outcome);
                Ok(outcome)
            }
            Err(_) => {
                ticket.timed_out();
                Err(timed_out(limit))
            }
        }
    }

    /// Clients refuse structured content that does not fit the tool's output schema, so it is left out then.
    fn check_output(&self, tool: &Tool, outcome: &mut CallOutcome) {
        let Some(structured) = &outcome.structured else {
            return;
        };
        if let Some(fault) = self.schemas.output_fault(tool, structured) {
            outcome.structured = None;
            outcome.content.push(Content::Text {
                text: format!(
                    "[note: no structured content, the answer does not fit its description: {fault}]"
                ),
            });
        }
    }

    fn count(&self, provider: &Provider, tool: &Tool, outcome: &CallOutcome, took: (&Span, Duration)) {
        let (tool, provider) = (tool.name.as_str(), provider.name.as_str());
        let status = outcome.error.map_or(200, CallErrorKind::status).to_string();
        self.metrics
            .executions
            .with([tool, provider, &status])
            .increment(1);
        self.metrics
            .duration
            .with([tool, provider])
            .record_in(took.0, took.1.as_secs_f64());
        if let Some(kind) = outcome.error {
            self.metrics
                .errors
                .with([tool, provider, kind.as_str()])
                .increment(1);
        }
    }

    /// Whether a provider's base URL answers anything but 5xx, without credential.
    ///
    /// # Errors
    /// Why not, in words for an operator.
    pub async fn probe(&self, provider: &Provider) -> Result<(), String> {
        let entry = self.pool.entry(provider).map_err(|failure| failure.message)?;
        entry.connector.probe().await
    }

    /// Fetches an API description, through the same guard as calls and at most 32 MiB.
    ///
    /// # Errors
    /// Why not, for the person who gave the address.
    pub async fn fetch_description(
        &self,
        url: &url::Url,
        allowed_hosts: &[String],
        max_bytes: u64,
    ) -> Result<String, CallFailure> {
        let guard = self
            .egress
            .guard(allowed_hosts)
            .map_err(|error| CallFailure::refused(error.to_string()))?;
        let clients = Clients::new(Arc::clone(&self.egress), guard);
        let limit = self.egress.config.description_timeout();
        tokio::time::timeout(limit, description::fetch(&clients, url, max_bytes))
            .await
            .map_err(|_| timed_out(limit))?
    }

    /// Drops what is kept of a provider: connections, places, and its credential. Calls under way end by themselves.
    pub fn forget(&self, provider: ProviderId) {
        self.pool.forget(provider);
    }

    /// Takes the series of a tool that is gone off the metrics page.
    pub fn retire_tool(&self, tool: &str) {
        self.metrics.executions.remove_where("tool", tool);
        self.metrics.errors.remove_where("tool", tool);
        self.metrics.duration.remove_where("tool", tool);
    }

    /// Takes the series of a provider that is gone off the metrics page.
    pub fn retire_provider(&self, name: &str) {
        self.metrics.active.remove_where("provider", name);
        self.metrics.queue_size.remove_where("provider", name);
    }

    /// Whether calls of every provider are let through, as a health check wants it. An open circuit breaker stays open
    /// until a call comes after its time, and is let through to see.
    ///
    /// # Errors
    /// Names the providers whose circuit breakers are open in this process.
    pub fn breakers(&self) -> Result<(), String> {
        let open = self.pool.open_breakers();
        if open.is_empty() {
            return Ok(());
        }
        Err(format!("open: {}", open.join(", ")))
    }

    /// Asks for the credentials of these providers before they are needed, and again before they are too old, so that
    /// they are there while rest-api is away. Stops at the first that cannot be had: rest-api is away then.
    pub async fn keep_credentials(&self, providers: &[Arc<Provider>]) {
        for provider in providers {
            let Ok(entry) = self.pool.entry(provider) else {
                continue;
            };
            if !entry.connector.renew().await {
                return;
            }
        }
    }

    /// Drops credentials that were held long enough and connections that nobody uses. Calls do it on the way;
    /// a process that may be without calls for long does it now and then.
    pub fn sweep(&self) {
        self.pool.sweep();
    }
}

fn span(provider: &Provider, tool: &Tool) -> Span {
    if !telemetry::propagation::is_recording() {
        return Span::none();
    }
    tracing::info_span!(
        "ExecuteTool",
        tool.name = %tool.name,
        tool.provider = %provider.name,
        gen_ai.operation.name = "execute_tool",
        gen_ai.tool.name = %tool.name,
        tenant.id = %provider.tenant_id,
        otel.kind = "internal",
        otel.status_code = field::Empty,
        error.type = field::Empty,
    )
}

fn no_place(provider: &Provider, reason: NoPlace) -> CallFailure {
    let limits = &provider.limits;
    let why = match reason {
        NoPlace::QueueFull => format!("{} more wait for one already", limits.queue_length),
        NoPlace::InTime => format!("none was free within {} ms", limits.queue_timeout_ms),
    };
    CallFailure::new(
        CallErrorKind::Unavailable,
        format!(
            "all {} places for calls of `{}` are taken, and {why}; nothing was sent; try again later",
            limits.concurrency, provider.name
        ),
    )
}

fn timed_out(limit: Duration) -> CallFailure {
    CallFailure::new(
        CallErrorKind::Timeout,
        format!("no answer within {} ms", limit.as_millis()),
    )
}

async fn within(
    left: Option<Duration>,
    run: impl Future<Output = Result<CallOutcome, CallFailure>>,
) -> Result<CallOutcome, CallFailure> {
    match left {
        Some(left) => tokio::time::timeout(left, run)
            .await
            .unwrap_or_else(|_| Err(timed_out(left))),
        None => run.await,
    }
}
