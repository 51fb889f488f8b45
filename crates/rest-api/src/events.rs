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

const AGENT: &[(&str, &str)] = &[
    ("agent_id", "The agent."),
    ("agent", "Its name."),
    ("agent_type", "What it is."),
    ("model", "The model behind it."),
    ("epoch", "Number of the registration."),
    ("state", "Where it stands now."),
    ("reason", "Why."),
    ("tasks_released", "How many tasks were taken from it."),
];

const ASSIGNMENT: &[(&str, &str)] = &[
    ("assignment_id", "The assignment."),
    ("assignee", "The name of the user or agent."),
    ("recipient_type", "`user` or `agent`."),
    ("priority", "Its class."),
    ("task_id", "As which task an agent does it."),
    ("outcome", "`completed` or `cancelled`."),
    ("duration", "Seconds since it was given."),
    ("duration_ms", "The same in milliseconds."),
];

/// What the closing line of a task says.
const TASK: &[(&str, &str)] = &[
    ("task_id", "The task."),
    ("task_type", "What sort of work it is."),
    ("priority", "Its class."),
    ("strategy", "How its agent was to be chosen."),
    ("outcome", "`completed`, `failed`, `cancelled` or `timeout`."),
    ("agent", "The agent that had it last."),
    ("attempts", "How often an agent accepted it."),
    ("assignments", "How often it was given to an agent."),
    ("error_type", "Why it did not come to a result."),
    ("worked", "Seconds from the last acceptance to the end."),
    ("cost_usd", "What it cost, by the tokens that its agents told of."),
    ("duration", "Seconds from creation to the end."),
    ("duration_ms", "The same in milliseconds."),
];

const MESSAGE: &[(&str, &str)] = &[
    ("message_id", "The message."),
    ("source", "The agent or the key that sent it."),
    ("source_type", "The agent's type; `key` for people and services."),
    ("receivers", "How many are to get it."),
    ("full", "How many others have no room for it."),
    ("size_bytes", "Bytes of its body, as JSON."),
];

/// The named events.
pub const EVENTS: &[EventDeclaration] = &[
    EventDeclaration {
        name: "signed_in",
        level: "INFO",
        help: "A user got an access token.",
        fields: &[("role", "What they may do.")],
    },
    EventDeclaration {
        name: "sign_in_failed",
        level: "INFO",
        help: "Somebody tried to sign in, and did not. Whom they tried to be is not said: it may be a password, mistyped.",
        fields: &[("reason", "`unknown`, `wrong_password` or `disabled`.")],
    },
    EventDeclaration {
        name: "agent_registered",
        level: "INFO",
        help: "An agent registered, or a new instance of it.",
        fields: AGENT,
    },
    EventDeclaration {
        name: "agent_left",
        level: "INFO",
        help: "An agent said good-bye, or was sent away.",
        fields: AGENT,
    },
    EventDeclaration {
        name: "agent_missed",
        level: "WARN",
        help: "An agent is late with its heartbeat (`degraded`), or lost (`offline`).",
        fields: AGENT,
    },
    EventDeclaration {
        name: "task_moved",
        level: "DEBUG",
        help: "Something happened to a task; the same stands in its history.",
        fields: &[
            ("task_id", "The task."),
            ("task_type", "What sort of work it is."),
            ("what", "What happened."),
            ("state", "The task's state since."),
            ("agent", "Whom it is about."),
            ("fence", "The number of the assignment."),
            ("detail", "More, for a person."),
        ],
    },
    EventDeclaration {
        name: "task_completed",
        level: "INFO",
        help: "The closing line of a task that was done.",
        fields: TASK,
    },
    EventDeclaration {
        name: "task_failed",
        level: "WARN",
        help: "The closing line of a task that failed, was cancelled, or whose deadline passed.",
        fields: TASK,
    },
    EventDeclaration {
        name: "assignment_created",
        level: "INFO",
        help: "Somebody was given a task by name.",
        fields: ASSIGNMENT,
    },
    EventDeclaration {
        name: "assignment_notified",
        level: "INFO",
        help: "The assignee was told: an agent by a task, a user by this line and in the list of theirs.",
        fields: ASSIGNMENT,
    },
    EventDeclaration {
        name: "assignment_closed",
        level: "INFO",
        help: "The closing line of what a user was given; an agent's is that of its task.",
        fields: ASSIGNMENT,
    },
    EventDeclaration {
        name: "agent_message_sent",
        level: "INFO",
        help: "The closing line of a message between agents: it is stored for its receivers.",
        fields: MESSAGE,
    },
    EventDeclaration {
        name: "agent_message_acknowledged",
        level: "DEBUG",
        help: "A receiver has a message.",
        fields: &[
            ("message_id", "The message."),
            ("agent_id", "The receiver."),
            ("duration", "Seconds since it was sent."),
        ],
    },
    EventDeclaration {
        name: "agent_message_expired",
        level: "WARN",
        help: "A message's time was over before its receiver had it.",
        fields: &[
            ("message_id", "The message."),
            ("agent_id", "The receiver."),
            ("agent", "Its name."),
        ],
    },
    EventDeclaration {
        name: "border_closed",
        level: "WARN",
        help: "Somebody tried to reach into another tenant, whose border is closed to that.",
        fields: &[("resource", "`agent`, `message` or `task`.")],
    },
    EventDeclaration {
        name: "event_stream_closed",
        level: "INFO",
        help: "A stream of events was ended by the mesh.",
        fields: &[(
            "reason",
            "`slow`: its reader took nothing for too long; `revoked`: its key or access token is not valid any more; `failed`.",
        )],
    },
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
