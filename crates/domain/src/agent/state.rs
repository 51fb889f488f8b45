//! Where an agent stands, and from where to where it may go.

use serde::{Deserialize, Serialize};

/// The states of an agent.
///
/// ```text
/// pending ──first heartbeat──► ready ◄──► active        both ◄──► degraded (health, or silent for half of its time)
///                                │ drain
///                                ▼
///                             draining ──► offline ◄── any of them: it left, was sent away, or is lost
/// offline ──registers again──► pending
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentState {
    /// Registered; nothing was heard of it since.
    Pending,
    /// It may be given tasks and has none.
    Ready,
    /// It works.
    Active,
    /// It is late with its heartbeat, or says that it is not well.
    Degraded,
    /// It finishes what it has and is given nothing more.
    Draining,
    /// It is gone.
    Offline,
}

impl AgentState {
    /// Every state, in the order of a life.
    pub const ALL: [Self; 6] = [
        Self::Pending,
        Self::Ready,
        Self::Active,
        Self::Degraded,
        Self::Draining,
        Self::Offline,
    ];

    /// The text form and the `status` label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Ready => "ready",
            Self::Active => "active",
            Self::Degraded => "degraded",
            Self::Draining => "draining",
            Self::Offline => "offline",
        }
    }

    /// Whether an agent may go from here to there.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        use AgentState::{Active, Degraded, Draining, Offline, Pending, Ready};
        matches!(
            (self, next),
            (Pending, Ready | Degraded | Draining | Offline)
                | (Ready, Active | Degraded | Draining | Offline)
                | (Active, Ready | Degraded | Draining | Offline)
                | (Degraded, Ready | Active | Draining | Offline)
                | (Draining, Offline)
                | (Offline, Pending)
        )
    }

    /// Whether an agent in this state is given tasks.
    #[must_use]
    pub fn takes_tasks(self) -> bool {
        matches!(self, Self::Ready | Self::Active | Self::Degraded)
    }
}

/// Why an agent stands where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StateReason {
    /// It has registered.
    Registered,
    /// Its heartbeat came.
    Heard,
    /// It says that it is at work.
    AtWork,
    /// It says that it is not well.
    HealthReported,
    /// Half of its time has passed in silence.
    HeartbeatLate,
    /// All of its time has passed in silence, or its connection broke and it was not heard elsewhere.
    HeartbeatLost,
    /// It was asked to finish.
    DrainAsked,
    /// It said good-bye.
    Left,
    /// Somebody sent it away.
    Removed,
}

impl StateReason {
    /// The text form, and the `reason` label of `mcp_agent_marked_unhealthy_total`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::Heard => "heard",
            Self::AtWork => "at_work",
            Self::HealthReported => "health_reported",
            Self::HeartbeatLate => "heartbeat_late",
            Self::HeartbeatLost => "heartbeat_lost",
            Self::DrainAsked => "drain_asked",
            Self::Left => "left",
            Self::Removed => "removed",
        }
    }
}
