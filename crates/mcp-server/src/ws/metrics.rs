//! What the WebSocket door counts (observability contract, section 2).

use telemetry::Telemetry;

use super::end::End;

telemetry::metrics! {
    /// WebSocket connections and their messages.
    pub struct WebSocketMetrics {
        /// Connections that are open, by the type of the agent behind them (`none` before one is registered).
        active: gauge "mcp_websocket_connections_active" [protocol_version, agent_type],
        /// Connections by what became of them: `established`, `closed`, or `rejected` before they were established.
        connections: counter "mcp_websocket_connections_total" [protocol_version, status],
        /// Messages sent, by the type of their frame and whether they were compressed.
        sent: counter "mcp_websocket_messages_sent_total" [message_type, compressed, protocol_version],
        /// Messages received, by the type of their frame.
        received: counter "mcp_websocket_messages_received_total" [message_type, protocol_version],
        /// Bytes of messages as they are on the wire; direction is `in` or `out`.
        size: histogram "mcp_websocket_message_size_bytes" [direction, message_type, compressed]
            buckets &exponential::<12>(128.0, 2.0),
        /// What compression saves of a payload: 1 - compressed / original.
        ratio: histogram "mcp_websocket_compression_ratio" []
            buckets &[0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0],
        /// Connections that are open, by the version of the protocol.
        versions: gauge "mcp_websocket_protocol_version" [protocol_version],
        /// What went wrong, by kind.
        errors: counter "mcp_websocket_errors_total" [error_type],
        /// Seconds from a ping to its pong.
        ping_latency: histogram "mcp_websocket_ping_latency_seconds" []
            buckets &exponential::<10>(0.001, 2.0),
    }
}

impl WebSocketMetrics {
    /// Shows the counter of slow readers before there is one: Prometheus sees no increase in a series that is born at 1.
    pub(super) fn begun(telemetry: &Telemetry) -> Self {
        let metrics = Self::new(telemetry);
        metrics.errors.with([End::TOO_SLOW.outcome]).increment(0);
        metrics
    }
}
