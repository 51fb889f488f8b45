//! Where a task stands, and from where to where it may go.

use serde::{Deserialize, Serialize};

/// The states of a task.
///
/// ```text
/// pending ──chosen──► assigned ──► accepted ──► in_progress ──► completed | failed
///    ▲                   │ not answered, refused      │ lost, silent, failed with tries left
///    └───────────────────┴────────────────────────────┘
/// assigned ──refused by the one who was named──► rejected ──delegated again──► pending
/// any that is not final ──► cancelled | timeout (its deadline has passed)
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskState {
    /// Nobody has it yet, or nobody has it any more.
    Pending,
    /// Given to an agent that has not answered.
    Assigned,
    /// An agent will do it.
    Accepted,
    /// The agent that a person named will not do it; a person decides what next.
    Rejected,
    /// An agent is doing it.
    InProgress,
    /// Done.
    Completed,
    /// Not done, and not tried again.
    Failed,
    /// Called off.
    Cancelled,
    /// Its deadline has passed.
    Timeout,
}

impl TaskState {
    /// Every state.
    pub const ALL: [Self; 9] = [
        Self::Pending,
        Self::Assigned,
        Self::Accepted,
        Self::Rejected,
        Self::InProgress,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
        Self::Timeout,
    ];

    /// The text form and the `status` label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Assigned => "assigned",
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Timeout => "timeout",
        }
    }

    /// Whether a task may go from here to there.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        use TaskState::{
            Accepted, Assigned, Cancelled, Completed, Failed, InProgress, Pending, Rejected, Timeout,
        };
        matches!(
            (self, next),
            (Pending, Assigned | Cancelled | Timeout)
                | (
                    Assigned,
                    Accepted | Rejected | Pending | Failed | Cancelled | Timeout
                )
                | (
                    Accepted,
                    InProgress | Completed | Failed | Pending | Cancelled | Timeout
                )
                | (InProgress, Completed | Failed | Pending | Cancelled | Timeout)
                | (Rejected, Pending | Cancelled | Timeout)
        )
    }

    /// Whether nothing moves it any more.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(
            self,
            Self::Completed | Self::Failed | Self::Cancelled | Self::Timeout
        )
    }

    /// Whether an agent holds a task in this state.
    #[must_use]
    pub fn is_held(self) -> bool {
        matches!(self, Self::Assigned | Self::Accepted | Self::InProgress)
    }
}
