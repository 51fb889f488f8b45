//! What the engine counts (observability contract, section 2).

telemetry::metrics! {
    /// Requests, calls and sessions of MCP clients.
    pub struct EngineMetrics {
        /// MCP requests by JSON-RPC method, door, tool and the status code that fits the outcome.
        requests: counter "mcp_requests_total" [endpoint, method, tool, status],
        /// Seconds from a request's arrival to its answer, by JSON-RPC method.
        duration: histogram "mcp_request_duration_seconds" [endpoint, status],
        /// Tool calls that run now.
        active: gauge "mcp_requests_active" [tool],
        /// Requests that failed, by the kind of the error.
        errors: counter "mcp_errors_total" [tool, error_type],
        /// Seconds of an MCP operation, with the attributes of OpenTelemetry's MCP conventions.
        operations: histogram "mcp_server_operation_duration_seconds" otel "mcp.server.operation.duration"
            [
                mcp_method_name, gen_ai_tool_name, gen_ai_operation_name, error_type, rpc_response_status_code,
                mcp_protocol_version, network_transport, network_protocol_name,
            ]
            buckets LATENCY_MCP,
        /// Sessions that are open on this replica.
        sessions: gauge "mcp_sessions_active" [mcp_protocol_version],
        /// Seconds from a session's beginning to its end on this replica.
        session_duration: histogram "mcp_server_session_duration_seconds" otel "mcp.server.session.duration" [mcp_protocol_version] buckets LATENCY_MCP,
        /// Attempts to authenticate, by the way the key came and how it ended.
        auth_attempts: counter "mcp_auth_attempts_total" [method, outcome],
    }
}

impl EngineMetrics {
    /// Takes the series of a tool that is gone off the metrics page.
    pub fn retire_tool(&self, tool: &str) {
        self.requests.remove_where("tool", tool);
        self.active.remove_where("tool", tool);
        self.errors.remove_where("tool", tool);
        self.operations.remove_where("gen_ai_tool_name", tool);
    }
}
