//! What tool calls write into the log by themselves.

use telemetry::events::EventDeclaration;

const PROVIDER: (&str, &str) = ("provider", "Whose credential it is.");
const REASON: (&str, &str) = ("reason", "Why; never the credential.");

/// The named events.
pub const EVENTS: &[EventDeclaration] = &[
    EventDeclaration {
        name: "credential_fetch_failed",
        level: "WARN",
        help: "A credential could not be fetched; the call that needs it fails.",
        fields: &[PROVIDER, REASON],
    },
    EventDeclaration {
        name: "credential_renewal_failed",
        level: "DEBUG",
        help: "A credential could not be renewed ahead of its time.",
        fields: &[PROVIDER, REASON],
    },
];
