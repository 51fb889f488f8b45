//! Certificates of listeners and their clients, as they are on disk.

use std::path::Path;

use domain::{Clock, SystemClock};
use runtime::listen::ListenConfig;
use runtime::tls::{certificate_end, client_is_taken};

use crate::commands::doctor::finding::Finding;

const DAY: f64 = 86_400.0;

/// Whether the listener's certificate can be read, is its key's, and holds for a while.
pub(super) fn of(service: &str, listen: &ListenConfig) -> Option<Finding> {
    let tls = listen.tls.as_ref()?;
    let check = format!("certificate of {service}");
    let end = match certificate_end(tls) {
        Ok(end) => end?,
        Err(error) => {
            let advice = "listen.tls.certificate and listen.tls.key name PEM files of one pair, which this user may read";
            return Some(Finding::fail(check, error, advice));
        }
    };
    Some(until(check, end))
}

/// Whether rest-api's gRPC takes a certificate that mcp-server or worker shows.
pub(super) fn of_client(file: &Path, rest_api: &ListenConfig) -> Finding {
    let check = format!("client certificate {}", file.display());
    let advice = "grpc.listen.tls.client_ca_file here and control_plane.certificate_file there belong together: \
                  `scripts/secrets` makes both, `--renew` new certificates";
    let Some(tls) = &rest_api.tls else {
        return Finding::fail(check, "rest-api's gRPC has no TLS (grpc.listen.tls)", advice);
    };
    match client_is_taken(tls, file) {
        Ok(Some(end)) => until(check, end),
        Ok(None) => Finding::ok(check, "is taken"),
        Err(error) => Finding::fail(check, error, advice),
    }
}

fn until(check: String, end: f64) -> Finding {
    let days = (end - seconds_now()) / DAY;
    let advice =
        "put a new pair in the place of these files (`scripts/secrets --renew`): it is taken over by itself";
    match days {
        days if days < 0.0 => Finding::fail(check, format!("ended {:.0} days ago", -days), advice),
        days if days < 14.0 => Finding::warn(check, format!("ends in {days:.0} days"), advice),
        days => Finding::ok(check, format!("ends in {days:.0} days")),
    }
}

#[expect(clippy::cast_precision_loss, reason = "seconds of Unix time")]
fn seconds_now() -> f64 {
    SystemClock.now().timestamp() as f64
}
