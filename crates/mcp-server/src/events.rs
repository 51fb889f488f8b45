//! What the agents' edge writes into the log.

use telemetry::events::{DURATION, DURATION_MS, EventDeclaration};

const CLOSING: &[(&str, &str)] = &[
    ("endpoint", "The JSON-RPC method."),
    (
        "tool",
        "The tool; `unknown` for a name that is none; empty for other methods.",
    ),
    ("provider", "The tool's provider, where it was called."),
    ("outcome", "`ok`, or the kind of the error."),
    (
        "status",
        "The status code that fits the outcome, as metrics show it.",
    ),
    ("door", "`POST`, `WS` or `STDIO`."),
    DURATION,
    DURATION_MS,
];

/// The named events.
pub const EVENTS: &[EventDeclaration] = &[
    EventDeclaration {
        name: "tool_call_started",
        level: "DEBUG",
        help: "A tool call begins.",
        fields: &[("tool", "The tool; `unknown` for a name that is none.")],
    },
    EventDeclaration {
        name: "tool_call_completed",
        level: "INFO",
        help: "The closing line of a tool call that was answered with a status below 400.",
        fields: CLOSING,
    },
    EventDeclaration {
        name: "tool_call_failed",
        level: "INFO",
        help: "The closing line of any other tool call.",
        fields: CLOSING,
    },
    EventDeclaration {
        name: "mcp_request_completed",
        level: "INFO",
        help: "The closing line of another MCP request that was answered with a status below 400.",
        fields: CLOSING,
    },
    EventDeclaration {
        name: "mcp_request_failed",
        level: "INFO",
        help: "The closing line of any other MCP request.",
        fields: CLOSING,
    },
    EventDeclaration {
        name: "authentication_failed",
        level: "INFO",
        help: "A request without a valid key was refused.",
        fields: &[
            (
                "reason",
                "Why the key is none: only the log and the metrics tell.",
            ),
            ("way", "How it came: `bearer`, `api_key` or `none`."),
            ("endpoint", "The JSON-RPC method that the caller claimed."),
        ],
    },
    EventDeclaration {
        name: "request_refused",
        level: "WARN",
        help: "There was no place for a further request: 503.",
        fields: &[],
    },
    EventDeclaration {
        name: "websocket_closed",
        level: "INFO",
        help: "The closing line of a WebSocket connection.",
        fields: &[
            (
                "connection_id",
                "The connection, as `initialize` named it; empty before a key was shown.",
            ),
            (
                "agent_type",
                "The type of the agent; `none` where none was registered.",
            ),
            (
                "outcome",
                "How it ended: `closed` by its client, or what else happened.",
            ),
            ("code", "The WebSocket close code; 1006 where none was sent."),
            ("reason", "What the client was told."),
            ("protocol_version", "The version of the protocol."),
            ("received", "Messages that came."),
            ("received_bytes", "Their bytes."),
            ("sent", "Messages that went."),
            ("sent_bytes", "Their bytes."),
            (
                "dropped",
                "Messages that were dropped because the client read too slowly.",
            ),
            DURATION,
            DURATION_MS,
        ],
    },
    EventDeclaration {
        name: "session_stream_lost",
        level: "WARN",
        help: "The replica that answered a request of a session is gone: its stream was ended.",
        fields: &[
            ("session_id", "The session."),
            ("replica", "The replica that is gone."),
        ],
    },
];
