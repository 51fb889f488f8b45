//! Who may use the admin endpoints.

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

/// The admin token. Without one the admin endpoints are closed (403).
#[derive(Clone, Debug, Default)]
pub struct AdminAccess(Option<SecretString>);

impl AdminAccess {
    /// Callers must present `token` as `Authorization: Bearer`. An empty token counts as none.
    #[must_use]
    pub fn new(token: Option<SecretString>) -> Self {
        AdminAccess(token.filter(|token| !token.expose_secret().is_empty()))
    }

    /// Nobody.
    #[must_use]
    pub fn closed() -> Self {
        AdminAccess(None)
    }

    /// Lets the caller in, or says with which status not.
    ///
    /// # Errors
    /// 403 where there is no admin token at all, 401 where the caller's is missing or wrong.
    pub fn check(&self, headers: &HeaderMap) -> Result<(), StatusCode> {
        let expected = self.0.as_ref().ok_or(StatusCode::FORBIDDEN)?;
        let given = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let (scheme, token) = given
            .and_then(|value| value.split_once(' '))
            .ok_or(StatusCode::UNAUTHORIZED)?;
        let same = expected.expose_secret().as_bytes().ct_eq(token.trim().as_bytes());
        if scheme.eq_ignore_ascii_case("bearer") && bool::from(same) {
            Ok(())
        } else {
            Err(StatusCode::UNAUTHORIZED)
        }
    }

    /// Lets the caller in, or says with which answer not.
    ///
    /// # Errors
    /// The answer for a caller without the token.
    pub fn admit(&self, headers: &HeaderMap) -> Result<(), Box<Response>> {
        self.check(headers)
            .map_err(|status| Box::new(crate::endpoints::refused(status)))
    }
}
