//! What storage writes into the log.

use telemetry::events::EventDeclaration;

const OPERATION: (&str, &str) = (
    "operation",
    "The port's method: the statement's name, never its values.",
);
const TABLE: (&str, &str) = ("table", "The table that it is about.");
const OUTCOME: (&str, &str) = ("outcome", "`ok` or the kind of the failure.");
const DURATION_MS: (&str, &str) = ("duration_ms", "Milliseconds, waiting for a connection included.");
const DOWNTIME: (&str, &str) = ("downtime_seconds", "Seconds since the first call that failed.");

/// The named events.
pub const EVENTS: &[EventDeclaration] = &[
    EventDeclaration {
        name: "database_query_completed",
        level: "DEBUG",
        help: "A storage call ended.",
        fields: &[OPERATION, TABLE, OUTCOME, DURATION_MS],
    },
    EventDeclaration {
        name: "slow_query",
        level: "WARN",
        help: "A storage call took longer than `database.slow_query`.",
        fields: &[OPERATION, TABLE, OUTCOME, DURATION_MS],
    },
    EventDeclaration {
        name: "database_connection_failed",
        level: "ERROR",
        help: "A call failed because the database cannot be used: the first, then the second, fourth, eighth … in a row.",
        fields: &[
            (
                "error",
                "Why, a word of a closed set: the label `reason` of `mcp_database_connection_errors_total`.",
            ),
            ("retry_attempt", "How many calls have failed in a row."),
            (
                "max_retries",
                "0: there is no last one, the next call tries again.",
            ),
        ],
    },
    EventDeclaration {
        name: "service_unavailable",
        level: "CRITICAL",
        help: "Every call has failed for two seconds; again each 30 seconds that it lasts.",
        fields: &[("reason", "`database_unreachable`."), DOWNTIME],
    },
    EventDeclaration {
        name: "service_available",
        level: "WARN",
        help: "The end of a `service_unavailable`.",
        fields: &[("reason", "What it was unavailable for."), DOWNTIME],
    },
];
