//! What the worker writes into the log.

use telemetry::events::{DURATION, DURATION_MS, EventDeclaration};

const JOB_TYPE: (&str, &str) = ("job_type", "The kind of job.");
const ATTEMPT: (&str, &str) = ("attempt", "Which attempt it is, from 1.");

/// The named events.
pub const EVENTS: &[EventDeclaration] = &[
    EventDeclaration {
        name: "job_started",
        level: "DEBUG",
        help: "An attempt begins.",
        fields: &[
            JOB_TYPE,
            ATTEMPT,
            ("wait_ms", "Milliseconds that it waited since it could run."),
        ],
    },
    EventDeclaration {
        name: "job_completed",
        level: "INFO",
        help: "The closing line of an attempt of a job.",
        fields: &[
            JOB_TYPE,
            ATTEMPT,
            (
                "outcome",
                "What became of the job: the label `outcome` of `mcp_jobs_processed_total`.",
            ),
            ("error_type", "The kind of the error, if there was one."),
            ("error", "What it says."),
            DURATION,
            DURATION_MS,
        ],
    },
    EventDeclaration {
        name: "read_back_ended",
        level: "INFO",
        help: "A look whether a write in doubt took effect has ended.",
        fields: &[
            ("doubtful_job_id", "The job whose write is in doubt."),
            ("tool", "Its tool."),
            ("outcome", "What was found."),
        ],
    },
];
