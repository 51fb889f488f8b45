//! What the worker counts.

telemetry::metrics! {
    /// Jobs.
    pub struct JobMetrics {
        /// Attempts that ended, by how: done, failed, retried, in_doubt, released, lost.
        processed: counter "mcp_jobs_processed_total" [job_type, outcome],
        /// Attempts that had no effect and are tried again.
        retried: counter "mcp_jobs_retried_total" [job_type],
        /// Read-back checks of writes in doubt that ended, by what they found: done, failed, undecided.
        readbacks: counter "mcp_job_readbacks_total" [outcome],
        /// Messages that were put aside because they cannot be read.
        dead_lettered: counter "mcp_jobs_dead_lettered_total" [job_type],
        /// Run time of an attempt, in seconds.
        duration: histogram "mcp_job_duration_seconds" [job_type] buckets LATENCY_30_60_300,
        /// From when a job was due to when an attempt began, in seconds.
        wait: histogram "mcp_job_wait_seconds" [job_type] buckets LATENCY_30_60_300,
    }
}
