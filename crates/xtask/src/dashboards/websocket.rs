//! MCP WebSocket: the connections of live agents, and what goes over them.

use super::model::{Dashboard, Row, Unit};
use super::panels::{logs, piechart, quantiles, row, stat, timeseries};

/// The dashboard.
pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "grafana-mcp-websocket",
        title: "MCP WebSocket",
        description: "Connections of live agents: how many, how they end, what goes over them, how fast it is.",
        rows: vec![connections(), messages(), trouble()],
    }
}

fn connections() -> Row {
    row(
        "Connections",
        vec![
            stat("Open connections", "At all replicas.")
                .query("sum(mcp_websocket_connections_active{@})", "")
                .no_data("nobody is connected")
                .size(4, 8),
            timeseries("Active WebSocket connections", "Open connections by protocol version and type of agent.")
                .query("sum by (protocol_version, agent_type) (mcp_websocket_connections_active{@})", "v{{protocol_version}} {{agent_type}}")
                .stacked()
                .size(10, 8),
            piechart("Protocol version distribution", "Open connections by the version of the protocol.")
                .query("sum by (protocol_version) (mcp_websocket_connections_active{@})", "version {{protocol_version}}")
                .size(4, 8),
            timeseries("Comings and goings", "Connections a second that were established, closed, or rejected before they were established.")
                .unit(Unit::PerSecond)
                .query("sum by (status) (rate(mcp_websocket_connections_total{@}[$__rate_interval]))", "{{status}}")
                .size(6, 8),
        ],
    )
}

fn messages() -> Row {
    row(
        "Messages",
        vec![
            timeseries("WebSocket message rate", "Messages a second by the type of their frame.")
                .unit(Unit::PerSecond)
                .query("sum by (message_type) (rate(mcp_websocket_messages_sent_total{@}[$__rate_interval]))", "Sent - {{message_type}}")
                .query(
                    "sum by (message_type) (rate(mcp_websocket_messages_received_total{@}[$__rate_interval]))",
                    "Received - {{message_type}}",
                ),
            timeseries("Message size distribution", "95 of 100 messages are smaller, on the wire.")
                .unit(Unit::Bytes)
                .query(
                    "histogram_quantile(0.95, sum by (message_type, direction, le) (rate(mcp_websocket_message_size_bytes_bucket{@}[$__rate_interval])))",
                    "{{direction}} {{message_type}}",
                ),
            timeseries("Compression effectiveness", "What compression saves of a payload, in the median; messages below websocket.compress_from are not compressed.")
                .unit(Unit::Percent)
                .query(
                    "100 * histogram_quantile(0.5, sum by (le) (rate(mcp_websocket_compression_ratio_bucket{@}[$__rate_interval])))",
                    "Median compression %",
                )
                .max(100.0)
                .no_data("no message was large enough"),
            quantiles(
                timeseries("WebSocket ping latency", "Seconds from a ping to its pong.").unit(Unit::Seconds),
                "mcp_websocket_ping_latency_seconds",
                "{@}",
                &[("0.5", "p50"), ("0.99", "p99")],
            )
            .bad_above(0.1, 0.5),
        ],
    )
}

fn trouble() -> Row {
    row(
        "Trouble",
        vec![
            timeseries("WebSocket errors", "What went wrong, by kind: frames that are none, limits, keys, peers that vanish.")
                .unit(Unit::PerSecond)
                .query("sum by (error_type) (rate(mcp_websocket_errors_total{@}[$__rate_interval])) > 0", "{{error_type}}")
                .incident("nothing went wrong"),
            timeseries("Slow consumers", "Connections that were ended in the last 15 minutes because their agents did not read.")
                .query(
                    r#"sum by (instance) (increase(mcp_websocket_errors_total{error_type="slow_consumer",@}[15m])) > 0"#,
                    "{{instance}}",
                )
                .incident("everybody reads")
                .runbook("SlowConsumers"),
            logs("How connections ended", "The closing line of each connection that did not end well.")
                .query(r#"{job="mcp-services",service="mcp-server"} |= "websocket_closed" | json | event="websocket_closed" | outcome!="closed""#, "")
                .size(24, 6),
        ],
    )
}
