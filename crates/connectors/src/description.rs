//! Fetches API descriptions.

use domain::CallErrorKind;
use http::header::{ACCEPT, HeaderValue};
use http::{Method, StatusCode};
use url::Url;

use crate::egress_client::Clients;
use crate::failure::CallFailure;
use crate::http_api::{Authorization, Exchange, Outgoing, Purpose, read};

const DESCRIPTIONS: HeaderValue =
    HeaderValue::from_static("application/json, application/yaml, text/yaml, */*;q=0.8");

/// The text of a description, UTF-8, of at most so many bytes.
pub(crate) async fn fetch(clients: &Clients, url: &Url, most: u64) -> Result<String, CallFailure> {
    let mut outgoing = Outgoing::new(Method::GET, url.clone());
    outgoing.headers.insert(ACCEPT, DESCRIPTIONS);
    let none = Authorization::none();
    let exchange = Exchange {
        clients,
        authorization: &none,
        template: None,
        purpose: Purpose::Own,
    };
    let answer = exchange.run(outgoing).await?;
    if let Some(reason) = answer.refused_redirect {
        return Err(invalid(format!(
            "the description's address redirects, which is not followed: {reason}"
        )));
    }
    let status = answer.response.status();
    if status != StatusCode::OK {
        let kind = match status.is_server_error() {
            true => CallErrorKind::UpstreamFailed,
            false => CallErrorKind::UpstreamRejected,
        };
        return Err(CallFailure::new(
            kind,
            format!("the description's address answered {status}"),
        ));
    }
    let body = read(answer.response, most).await?;
    if body.cut {
        return Err(invalid(format!(
            "the description has more than {most} bytes (the worker's import.max_bytes)"
        )));
    }
    String::from_utf8(body.bytes).map_err(|_| invalid("the description is not UTF-8 text".to_owned()))
}

fn invalid(message: String) -> CallFailure {
    CallFailure::new(CallErrorKind::UpstreamInvalid, message)
}
