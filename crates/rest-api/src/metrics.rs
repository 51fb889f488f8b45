//! What rest-api counts.

use domain::agent::{AgentType, StateReason};

telemetry::metrics! {
    /// Authentication.
    pub struct AuthMetrics {
        /// Attempts to authenticate, by how the key was presented and how it ended.
        attempts: counter "mcp_auth_attempts_total" [method, outcome],
    }
}

telemetry::metrics! {
    /// Keys, read by every replica from the database.
    pub struct KeyMetrics {
        /// API keys that are neither revoked nor expired.
        active: gauge "mcp_api_keys_active" [],
    }
}

telemetry::metrics! {
    /// What key-encryption keys seal.
    pub struct SealMetrics {
        /// Secrets that a key-encryption key other than the first still seals: while it is not 0, the old key is needed.
        under_old: gauge "mcp_credentials_under_old_keys" [],
        /// Secrets that no configured key-encryption key opens.
        unopenable: gauge "mcp_credentials_unopenable" [],
        /// Secrets that were sealed under the first key-encryption key in place of another.
        rewrapped: counter "mcp_credentials_rewrapped_total" [],
    }
}

telemetry::metrics! {
    /// Back-ups, read by every replica from the database.
    pub struct BackupMetrics {
        /// When the newest back-up that `devmesh backup` has noted was begun, in seconds since 1970; absent while there is none.
        last_success: gauge "backup_last_success_timestamp_seconds" [],
    }
}

telemetry::metrics! {
    /// Alerts, from Alertmanager's webhook and from their reviews.
    pub struct AlertMetrics {
        /// Alerts that fired; notifications that repeat one are not counted.
        fired: counter "alertmanager_alerts_fired_total" [alertname, severity, team],
        /// Seconds from firing to the end.
        resolution: histogram "alertmanager_alert_resolution_seconds" [alertname, priority]
            buckets &[60.0, 120.0, 240.0, 480.0, 960.0, 1920.0, 3840.0, 7680.0, 15360.0, 30720.0, 61440.0, 122880.0],
        /// Alerts that a person called false positives.
        false_positives: counter "alertmanager_false_positives_total" [alertname],
    }
}

/// The alerts that the monitoring pack ships: name, severity and team.
const SHIPPED: &str = include_str!("shipped_alerts.tsv");

impl AlertMetrics {
    /// Shows the counters of the pack's own alerts before the first of them fires: Prometheus sees no increase in a series
    /// that is born at 1.
    pub fn begin(&self) {
        for line in SHIPPED.lines() {
            if let [name, severity, team] = line.split('\t').collect::<Vec<_>>()[..] {
                self.fired.with([name, severity, team]).increment(0);
                self.false_positives.with([name]).increment(0);
            }
        }
    }
}

telemetry::metrics! {
    /// Agents. The gauges are read by every replica from the database; agents that are offline are in none of them.
    pub struct AgentMetrics {
        /// Agents that are here, by type, model and state.
        registered: gauge "mcp_agents_registered" [agent_type, model, status],
        /// How busy an agent says that it is, in percent.
        workload: gauge "mcp_agent_workload_current" [agent_id, agent_type],
        /// Tasks that have ended at an agent, by how.
        completed: counter "mcp_agent_tasks_completed_total" [agent_id, agent_type, task_type, status],
        /// Seconds from an agent's acceptance of a task to the task's end.
        duration: histogram "mcp_agent_task_duration_seconds" [agent_type, task_type]
            buckets &[0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2],
        /// Agents that offer a capability.
        capabilities: gauge "mcp_agent_capabilities" [capability, agent_type],
        /// Manifests: kinds of agents that a tenant allows.
        manifests: gauge "mcp_agent_manifests_total" [tenant_id],
        /// Registrations that are not offline.
        active: gauge "mcp_agent_registrations_active" [agent_type],
        /// Agents by their health, as they say themselves: healthy, degraded, unhealthy, unknown.
        health: gauge "mcp_agent_health_status" [agent_type, status],
        /// Searches for agents by what they can do.
        discovery: counter "mcp_agent_discovery_requests_total" [capability],
        /// Agents that were late with their heartbeat, or lost.
        unhealthy: counter "mcp_agent_marked_unhealthy_total" [agent_type, reason],
        /// Agents of a tenant that are here.
        of_tenant: gauge "mcp_tenant_agents_total" [tenant_id],
    }
}

telemetry::metrics! {
    /// Assignments: tasks that are given to agents.
    pub struct AssignmentMetrics {
        /// Tasks given to an agent; one that is given anew counts again.
        created: counter "mcp_assignments_created_total" [task_type, priority, strategy],
        /// Tasks that have ended, by how: completed, failed, cancelled, timeout.
        completed: counter "mcp_assignments_completed_total" [task_type, priority, strategy, status],
        /// Seconds from a task's creation to its end.
        duration: histogram "mcp_assignment_duration_seconds" [task_type, priority]
            buckets &[1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262144.0],
    }
}

telemetry::metrics! {
    /// Messages between agents.
    pub struct MessageMetrics {
        /// Messages by who sent them and who is to get them: the types of the agents, `key` for people and services. A message
        /// to a group counts once for each receiver.
        sent: counter "mcp_cross_agent_messages_total" [source_type, target_type],
    }
}

telemetry::metrics! {
    /// The borders between tenants. The gauge is read by every replica from the database.
    pub struct BorderMetrics {
        /// Attempts to reach into another tenant that found its border closed, by what they reached for: agent, message, task.
        blocked: counter "mcp_cross_org_attempts_blocked_total" [resource],
        /// Tenants by how far their agents may see others: strict, relaxed, open.
        modes: gauge "mcp_tenant_isolation_mode" [mode],
    }
}

telemetry::metrics! {
    /// Tasks that nobody has, read by every replica from the database, and tasks that were taken from their agents.
    pub struct TaskMetrics {
        /// Tasks that no agent has.
        waiting: gauge "mcp_tasks_waiting" [task_type],
        /// Age of the oldest task that no agent has, in seconds since its creation.
        oldest: gauge "mcp_tasks_oldest_waiting_seconds" [task_type],
        /// Tasks that were taken from their agents, by why: not_accepted, silent, agent_lost, agent_left, agent_replaced.
        released: counter "mcp_tasks_released_total" [task_type, reason],
    }
}

impl AgentMetrics {
    /// Shows what is counted of silent agents before there is one: Prometheus sees no increase in a series that is born at 1.
    pub fn begin(&self) {
        for agent_type in AgentType::ALL {
            for reason in [StateReason::HeartbeatLate, StateReason::HeartbeatLost] {
                let labels = [agent_type.as_str(), reason.as_str()];
                self.unhealthy.with(labels).increment(0);
            }
        }
    }
}

telemetry::metrics! {
    /// What models cost, by the tokens that agents tell of and the price list.
    pub struct CostMetrics {
        /// US dollars that attempts at tasks have cost, counted when they end.
        usd: counter "mcp_cost_usd_total" [tenant_id, model],
        /// Tokens that they took: `input` was read, `output` written.
        tokens: counter "mcp_llm_tokens_total" [tenant_id, model, direction],
    }
}

telemetry::metrics! {
    /// The relay and the sweeper.
    pub struct JobMetrics {
        /// Jobs whose message the broker has confirmed.
        published: counter "mcp_jobs_published_total" [job_type],
        /// Dead letters that an admin had handed to their queues again.
        replayed: counter "mcp_jobs_dead_letters_replayed_total" [],
        /// Writes that were cut off and wait for a person.
        in_doubt: gauge "mcp_jobs_in_doubt" [job_type],
        /// Jobs that are due and not yet running.
        depth: gauge "mcp_queue_depth" [queue],
        /// Age of the oldest job that is due and not yet running, in seconds.
        oldest_age: gauge "mcp_queue_oldest_age_seconds" [queue],
        /// Jobs that the relay has not yet published.
        outbox_pending: gauge "mcp_outbox_pending" [queue],
    }
}

/// Everything that rest-api declares itself, for the catalogue.
#[must_use]
pub fn declarations() -> Vec<&'static telemetry::metrics::Declaration> {
    [
        AgentMetrics::DECLARATIONS,
        AlertMetrics::DECLARATIONS,
        AssignmentMetrics::DECLARATIONS,
        AuthMetrics::DECLARATIONS,
        BackupMetrics::DECLARATIONS,
        CostMetrics::DECLARATIONS,
        BorderMetrics::DECLARATIONS,
        KeyMetrics::DECLARATIONS,
        MessageMetrics::DECLARATIONS,
        SealMetrics::DECLARATIONS,
        JobMetrics::DECLARATIONS,
        TaskMetrics::DECLARATIONS,
    ]
    .into_iter()
    .flatten()
    .collect()
}
