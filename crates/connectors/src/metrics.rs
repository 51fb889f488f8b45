//! What tool execution counts (observability contract, section 2).

telemetry::metrics! {
    /// Executions of tools, wherever they run.
    pub struct ToolMetrics {
        /// Tool executions by outcome: the status code that fits it.
        executions: counter "mcp_tool_executions_total" [tool, provider, status],
        /// Failed tool executions by kind of failure.
        errors: counter "mcp_tool_errors_total" [tool, provider, error_type],
        /// Seconds that a tool execution takes, waiting for a place included.
        duration: histogram "mcp_tool_duration_seconds" [tool, provider] buckets LATENCY_30_60,
        /// Tool executions running now.
        active: gauge "mcp_tools_active" [provider],
        /// Tool executions waiting for a place at their provider.
        queue_size: gauge "mcp_tool_queue_size" [provider],
    }
}

telemetry::metrics! {
    /// Credentials of providers, in this process.
    pub struct CredentialMetrics {
        /// Credentials of providers that are held in memory.
        held: gauge "mcp_credentials_held" [],
    }
}

telemetry::metrics! {
    /// Circuit breakers of providers, in this process.
    pub struct BreakerMetrics {
        /// Where a provider's circuit breaker stands: 0 closed, 1 half-open, 2 open.
        state: gauge "mcp_circuit_breaker_state" [breaker],
        /// Calls that a circuit breaker took for failed: unreachable, cut off, 5xx, no HTTP, not in time.
        failures: counter "mcp_circuit_breaker_failures_total" [breaker],
        /// Calls that a circuit breaker took for answered.
        success: counter "mcp_circuit_breaker_success_total" [breaker],
        /// How often a circuit breaker opened.
        trips: counter "mcp_circuit_breaker_trips_total" [breaker],
        /// The worst state of a tenant's circuit breakers: 0 closed, 1 half-open, 2 open.
        tenant_state: gauge "mcp_tenant_circuit_breaker_state" [tenant_id],
    }
}
