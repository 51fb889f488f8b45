//! The nouns and the rules of the mesh: identities, tools, calls, jobs, audit records, and the ports through which
//! the rest of the product reaches storage, queue and cache.
//!
//! Nothing here does I/O, and no rule reads a clock: `now` is an argument. The one exception is
//! [`clock::SystemClock`], the real implementation of the [`clock::Clock`] port.

pub mod agent;
pub mod alert;
pub mod assignment;
pub mod audit;
pub mod breaker;
pub mod call;
pub mod catalogue;
pub mod clock;
pub mod credential;
pub mod error;
pub mod event;
pub mod grant;
pub mod id;
pub mod job;
pub mod key;
pub mod limit;
pub mod message;
pub mod page;
pub mod pin;
pub mod ports;
pub mod principal;
pub mod provider;
pub mod readback;
pub mod task;
pub mod tenant;
pub mod token;
pub mod tool;
pub mod user;

pub use agent::{Agent, Manifest};
pub use audit::AuditRecord;
pub use call::{CallErrorKind, CallOutcome, Content};
pub use catalogue::{Change, Entity, EntityKind};
pub use clock::{Clock, SystemClock};
pub use error::StoreError;
pub use event::Event;
pub use grant::{Grant, Verb};
pub use id::{
    AgentId, AlertId, AssignmentId, DecisionId, JobId, KeyId, LimitId, MessageId, OrganizationId, ProviderId,
    RecordId, TaskId, TenantId, ToolId, UserId,
};
pub use job::{Effect, Job, JobKind, JobState, Priority};
pub use key::{ApiKey, KeyKind, PresentedKey, Scope, Scopes};
pub use limit::{Limit, RateLimit};
pub use message::Message;
pub use page::{Cursor, Page, PageRequest};
pub use principal::Principal;
pub use provider::Provider;
pub use task::Task;
pub use tenant::{Isolation, Organization, Tenant};
pub use token::Presented;
pub use tool::Tool;
pub use user::{Role, User};
