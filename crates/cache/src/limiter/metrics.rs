//! What is counted of rate limits (observability contract, section 2).

use domain::limit::{Bucket, Subject};

telemetry::metrics! {
    /// Rate limits. The label `limit` is the rate that was exceeded, `type` the kind of bucket.
    pub struct LimitMetrics {
        /// Calls that a tenant's limits of any kind refused.
        hits: counter "mcp_tenant_rate_limit_hits_total" [tenant_id],
        /// Calls that the limit of a key refused.
        agent: counter "mcp_rate_limit_agent_exceeded_total" [limit],
        /// Calls that the limit of a whole tenant refused.
        tenant: counter "mcp_rate_limit_tenant_exceeded_total" [limit],
        /// Calls that the limit of a tool, or of a provider's tools together, refused.
        capability: counter "mcp_rate_limit_capability_exceeded_total" [limit],
        /// Calls a second that this replica lets through under limits of a type, over the last seconds.
        current: gauge "mcp_rate_limit_current_rps" [type],
        /// Largest share of a burst, 0 to 1, that any bucket of a type had in use over the last seconds.
        burst: gauge "mcp_rate_limit_burst_used" [type],
        /// 1 while rate limits are this replica's own because the shared ones cannot be reached.
        alone: gauge "mcp_rate_limit_local" [],
    }
}

impl LimitMetrics {
    /// Counts a call that `bucket` refused.
    pub(super) fn count(&self, bucket: &Bucket) {
        let counter = match bucket.subject {
            Subject::Key(_) => &self.agent,
            Subject::Tenant => &self.tenant,
            Subject::Provider(_) | Subject::Tool(_) => &self.capability,
        };
        counter
            .with([bucket.limit.rate.to_string().as_str()])
            .increment(1);
        self.hits
            .with([bucket.tenant_id.to_string().as_str()])
            .increment(1);
    }
}

/// The label `type` of a bucket, in the contract's words.
pub(super) fn type_of(subject: &Subject) -> &'static str {
    match subject {
        Subject::Key(_) => "agent",
        Subject::Tenant => "tenant",
        Subject::Provider(_) => "capability",
        Subject::Tool(_) => "tool",
    }
}
