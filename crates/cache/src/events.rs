//! What the cache and the limits write into the log.

use telemetry::events::EventDeclaration;

/// The named events.
pub const EVENTS: &[EventDeclaration] = &[
    EventDeclaration {
        name: "cache_lookup",
        level: "DEBUG",
        help: "Something was looked up in the cache. (How long it stays there is not asked: that would be a second question.)",
        fields: &[
            ("cache_key", "The key; its first word is the label `cache`."),
            ("cache_hit", "Whether it was there."),
        ],
    },
    EventDeclaration {
        name: "slow_cache_operation",
        level: "WARN",
        help: "An operation on the cache took longer than `cache.slow_query`.",
        fields: &[
            ("operation", "The port's method; never the key."),
            ("duration_ms", "Milliseconds."),
            ("outcome", "`ok` or `error`."),
        ],
    },
    EventDeclaration {
        name: "rate_limit_approaching",
        level: "WARN",
        help: "A rate limit is nearly used up.",
        fields: &[
            (
                "subject",
                "What is limited: `tenant`, `key`, `provider` or `tool`.",
            ),
            ("name", "Which one; empty for a tenant."),
            ("current_rate", "Calls a second lately."),
            ("limit", "Calls a second that are allowed."),
            ("burst", "Calls that are allowed at once."),
            (
                "threshold_percent",
                "From how much of the limit on this is written.",
            ),
        ],
    },
    EventDeclaration {
        name: "rate_limits_local",
        level: "WARN",
        help: "The cache cannot be reached: this replica counts for itself until it is back.",
        fields: &[("error", "Why.")],
    },
    EventDeclaration {
        name: "rate_limits_shared",
        level: "INFO",
        help: "The cache is back: replicas count together again.",
        fields: &[],
    },
];
