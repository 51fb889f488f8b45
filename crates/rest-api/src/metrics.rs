//! What rest-api counts.

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
        AlertMetrics::DECLARATIONS,
        AuthMetrics::DECLARATIONS,
        KeyMetrics::DECLARATIONS,
        SealMetrics::DECLARATIONS,
        JobMetrics::DECLARATIONS,
    ]
    .into_iter()
    .flatten()
    .collect()
}
