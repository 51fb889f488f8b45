//! Callers are services: they show the service key as `authorization: Bearer KEY`.

use std::sync::Arc;

use runtime::config::{LiveSecret, Secret};
use subtle::ConstantTimeEq;
use tonic::service::Interceptor;
use tonic::{Request, Status};

/// Lets through only calls with a service key.
#[derive(Clone)]
pub struct ServiceKey(Arc<LiveSecret>);

impl ServiceKey {
    /// The shortest key: 128 bits in hexadecimal.
    pub const MIN_LEN: usize = 32;

    /// None when a key is too short to be one.
    #[must_use]
    pub fn new(keys: LiveSecret) -> Option<Self> {
        keys.now()
            .iter()
            .all(is_long_enough)
            .then(|| Self(Arc::new(keys)))
    }

    /// Whether what a caller shows is one of the keys. All are compared, in constant time.
    fn accepts(&self, shown: &[u8]) -> bool {
        let keys = self.0.now();
        // A file may have changed since the start.
        let long_enough = keys.iter().filter(|key| is_long_enough(key));
        long_enough.fold(false, |found, key| {
            bool::from(shown.ct_eq(key.expose().as_bytes())) | found
        })
    }
}

fn is_long_enough(key: &Secret) -> bool {
    key.expose().len() >= ServiceKey::MIN_LEN
}

impl Interceptor for ServiceKey {
    fn call(&mut self, request: Request<()>) -> Result<Request<()>, Status> {
        let shown = request
            .metadata()
            .get("authorization")
            .map_or(&b""[..], |value| value.as_bytes());
        if self.accepts(shown.strip_prefix(b"Bearer ").unwrap_or_default()) {
            telemetry::propagation::caller_known(&tracing::Span::current(), true);
            Ok(request)
        } else {
            Err(Status::unauthenticated("the service key is missing or wrong"))
        }
    }
}
