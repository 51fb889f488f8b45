//! What rest-api writes into the log.

use telemetry::events::EventDeclaration;

/// What both lines of an incident say.
const INCIDENT: &[(&str, &str)] = &[
    ("alertname", "The rule's name."),
    ("priority", "`P0` or `P1`."),
    ("fingerprint", "Alertmanager's: the same for the same labels."),
    ("runbook_url", "Where it is said what to do."),
    ("summary", "What the alert says."),
    ("duration", "Seconds from firing to the end, once it is over."),
];

/// The named events.
pub const EVENTS: &[EventDeclaration] = &[
    EventDeclaration {
        name: "incident_opened",
        level: "WARN",
        help: "Alertmanager told of an alert with priority P0 or P1 that was not known.",
        fields: INCIDENT,
    },
    EventDeclaration {
        name: "incident_resolved",
        level: "INFO",
        help: "Alertmanager told that such an alert is over.",
        fields: INCIDENT,
    },
];
