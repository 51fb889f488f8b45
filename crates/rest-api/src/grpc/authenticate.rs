//! Callers are services: they show the service key as `authorization: Bearer KEY`.

use std::sync::Arc;

use runtime::config::Secret;
use subtle::ConstantTimeEq;
use tonic::service::Interceptor;
use tonic::{Request, Status};

/// Lets through only calls with the service key.
#[derive(Clone)]
pub struct ServiceKey(Arc<Secret>);

impl ServiceKey {
    /// The shortest key: 128 bits in hexadecimal.
    pub const MIN_LEN: usize = 32;

    /// None when the key is too short to be one.
    #[must_use]
    pub fn new(key: Secret) -> Option<Self> {
        (key.expose().len() >= Self::MIN_LEN).then(|| Self(Arc::new(key)))
    }
}

impl Interceptor for ServiceKey {
    fn call(&mut self, request: Request<()>) -> Result<Request<()>, Status> {
        let shown = request
            .metadata()
            .get("authorization")
            .map_or(&b""[..], |value| value.as_bytes());
        let shown = shown.strip_prefix(b"Bearer ").unwrap_or_default();
        if bool::from(shown.ct_eq(self.0.expose().as_bytes())) {
            Ok(request)
        } else {
            Err(Status::unauthenticated("the service key is missing or wrong"))
        }
    }
}
