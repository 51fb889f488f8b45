//! What proves to the upstream who we are.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::CallErrorKind;
use domain::provider::AuthScheme;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::ExposeSecret;
use secrecy::zeroize::Zeroizing;
use url::Url;

use super::redact::Redactor;
use crate::credentials::Secret;
use crate::failure::CallFailure;

/// A provider's credential in the form that its requests carry, and what keeps it out of answers.
pub(crate) struct Authorization {
    place: Place,
    redactor: Redactor,
}

enum Place {
    Nowhere,
    Header(HeaderName, HeaderValue),
    Query(String, Secret),
}

impl Authorization {
    /// Requests go without.
    pub(crate) fn none() -> Self {
        Self {
            place: Place::Nowhere,
            redactor: Redactor::default(),
        }
    }

    /// The secret under this scheme.
    pub(crate) fn new(scheme: &AuthScheme, secret: &Secret) -> Result<Self, CallFailure> {
        let text = secret.expose_secret();
        let place = match scheme {
            AuthScheme::None => Place::Nowhere,
            AuthScheme::Bearer => Place::Header(AUTHORIZATION, header(&format!("Bearer {text}"))?),
            AuthScheme::Basic => {
                let encoded = Zeroizing::new(STANDARD.encode(text));
                Place::Header(AUTHORIZATION, header(&format!("Basic {}", *encoded))?)
            }
            AuthScheme::Header { name } => {
                let name = name
                    .parse()
                    .map_err(|_| unusable("the header name of its auth setting is not valid"))?;
                Place::Header(name, header(text)?)
            }
            AuthScheme::Query { name } => Place::Query(name.clone(), secret.clone()),
        };
        let redactor = match scheme {
            AuthScheme::None => Redactor::default(),
            AuthScheme::Basic => Redactor::for_basic(text),
            _ => Redactor::new([text]),
        };
        Ok(Self { place, redactor })
    }

    pub(crate) fn is_none(&self) -> bool {
        matches!(self.place, Place::Nowhere)
    }

    pub(crate) fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// Puts it into a request, in place of what stands there under the same name.
    pub(crate) fn apply(&self, headers: &mut HeaderMap, url: &mut Url) {
        match &self.place {
            Place::Nowhere => {}
            Place::Header(name, value) => {
                headers.insert(name.clone(), value.clone());
            }
            Place::Query(name, secret) => {
                let others: Vec<(String, String)> = url
                    .query_pairs()
                    .filter(|(key, _)| key != name)
                    .map(|(k, v)| (k.into(), v.into()))
                    .collect();
                let has_same = url.query_pairs().count() != others.len();
                if has_same {
                    url.query_pairs_mut().clear().extend_pairs(others);
                }
                url.query_pairs_mut().append_pair(name, secret.expose_secret());
            }
        }
    }
}

fn header(text: &str) -> Result<HeaderValue, CallFailure> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| unusable("its credential has characters that a header cannot carry"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn unusable(reason: &str) -> CallFailure {
    CallFailure::new(
        CallErrorKind::Unavailable,
        format!("the provider cannot be called: {reason}"),
    )
}
