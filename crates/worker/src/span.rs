//! The span of an attempt. Its id follows from job and number, so that the next attempt can name it, also when the worker
//! that made it was killed and nobody was told.

use domain::{Job, JobId};
use sha2::{Digest, Sha256};
use telemetry::propagation::{self, SpanKey};
use tracing::Span;

/// Opens `attempt N` under the current span, linked to the attempt before. Where nothing is recorded it is the current span.
pub(crate) fn attempt(job: &Job) -> Span {
    if !propagation::is_recording() {
        return Span::current();
    }
    let span = propagation::span_with_key(key(job.id, job.attempt), || {
        tracing::info_span!(
            "attempt",
            otel.name = %format_args!("attempt {}", job.attempt),
            job.id = %job.id,
            job.type = job.kind.as_str(),
            job.attempt = job.attempt,
            job.max_attempts = job.max_attempts,
            tenant.id = %job.tenant_id,
            error.type = tracing::field::Empty,
            otel.status_code = tracing::field::Empty,
        )
    });
    if job.attempt > 1 {
        propagation::link_by_key(&span, key(job.id, job.attempt - 1));
    }
    span
}

fn key(job: JobId, attempt: u32) -> SpanKey {
    let digest = Sha256::digest(format!("{job}/{attempt}"));
    let mut key = [0; 8];
    key.copy_from_slice(&digest[..8]);
    SpanKey(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_attempt_of_each_job_has_an_id_of_its_own_that_anyone_can_tell() {
        let (one, other) = (JobId::generate(), JobId::generate());
        assert_eq!(key(one, 1), key(one, 1));
        assert_ne!(key(one, 1), key(one, 2));
        assert_ne!(key(one, 1), key(other, 1));
    }
}
