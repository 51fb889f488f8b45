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
