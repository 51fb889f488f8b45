//! One request and what comes back, hop by hop: guard, credential, span, send, and redirects followed by hand.

use std::error::Error;
use std::io::ErrorKind;

use domain::CallErrorKind;
use http::Request;
use http::header::{ACCEPT, ACCEPT_ENCODING, HeaderMap, HeaderValue, LOCATION, USER_AGENT};
use http_body_util::Full;
use hyper_util::client::legacy;
use tracing::{Instrument, Span, field};
use url::Url;

use super::redirect::{Next, next};
use super::{Authorization, Outgoing};
use crate::context::CallContext;
use crate::egress_client::{Clients, Response, TooSlow, Unresolved};
use crate::failure::CallFailure;
use crate::guard::Refusal;

/// What [`super::read`] decodes.
const GZIP: HeaderValue = HeaderValue::from_static("gzip");
const ANYTHING: HeaderValue = HeaderValue::from_static("application/json, text/*;q=0.9, */*;q=0.8");

/// How a request is made.
pub(crate) struct Exchange<'a> {
    pub(crate) clients: &'a Clients,
    pub(crate) authorization: &'a Authorization,
    /// The path as the description writes it: an expanded one has arguments in it, and spans must not.
    pub(crate) template: Option<&'a str>,
    pub(crate) purpose: Purpose<'a>,
}

/// Whose request it is.
pub(crate) enum Purpose<'a> {
    /// A tool call.
    Call(&'a CallContext),
    /// The mesh's own: health, descriptions.
    Own,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) response: Response,
    /// Where the last hop went, without the credential.
    pub(crate) url: Url,
    /// Why the answer, a redirect, was not followed.
    pub(crate) refused_redirect: Option<&'static str>,
}

impl Exchange<'_> {
    /// Sends and follows. The body of the answer is not read yet.
    pub(crate) async fn run(&self, mut outgoing: Outgoing) -> Result<Answer, CallFailure> {
        if !outgoing.headers.contains_key(ACCEPT) {
            outgoing.headers.insert(ACCEPT, ANYTHING);
        }
        let most = self.clients.egress.config.max_redirects;
        let mut trusted = true;
        for hop in 0..=most {
            let response = self.hop(&outgoing, hop, trusted).await?;
            let location = response
                .headers()
                .get(LOCATION)
                .and_then(|value| value.to_str().ok());
            match next(&outgoing.method, response.status(), &outgoing.url, location) {
                Next::Stay => {
                    return Ok(Answer {
                        response,
                        url: outgoing.url,
                        refused_redirect: None,
                    });
                }
                Next::Refuse(reason) => {
                    return Ok(Answer {
                        response,
                        url: outgoing.url,
                        refused_redirect: Some(reason),
                    });
                }
                Next::Follow(url, method) => {
                    let away = url.origin() != outgoing.url.origin();
                    if away {
                        // Nothing that was meant for one origin is told to another, nor on the way back.
                        trusted = false;
                        outgoing.headers = HeaderMap::from_iter([(ACCEPT, ANYTHING)]);
                        outgoing.body.clear();
                    }
                    outgoing = Outgoing {
                        method,
                        url,
                        ..outgoing
                    };
                }
            }
        }
        Err(CallFailure::new(
            CallErrorKind::UpstreamInvalid,
            format!("the upstream redirects more than {most} times"),
        ))
    }

    async fn hop(&self, outgoing: &Outgoing, hop: usize, trusted: bool) -> Result<Response, CallFailure> {
        let span = self.span(outgoing, hop);
        let result = self.send(outgoing, hop, trusted).instrument(span.clone()).await;
        match &result {
            Ok(response) => {
                span.record("http.response.status_code", response.status().as_u16());
                span.record("network.protocol.version", version(response));
                if response.status().as_u16() >= 400 {
                    span.record("otel.status_code", "ERROR");
                    span.record("error.type", response.status().as_str());
                }
            }
            Err(failure) => {
                span.record("otel.status_code", "ERROR");
                span.record("error.type", failure.kind.as_str());
            }
        }
        result
    }

    async fn send(&self, outgoing: &Outgoing, hop: usize, trusted: bool) -> Result<Response, CallFailure> {
        let client = self.clients.client_for(&outgoing.url)?;
        let (mut headers, mut url) = (outgoing.headers.clone(), outgoing.url.clone());
        if trusted {
            self.authorization.apply(&mut headers, &mut url);
        }
        telemetry::propagation::inject(&mut headers);
        // Baggage is ours; strangers get the identifiers only.
        headers.remove("baggage");
        let first_of_call = match self.purpose {
            Purpose::Call(context) if hop == 0 => Some(context),
            _ => None,
        };
        if let Some(context) = first_of_call {
            context.about_to_send().await?;
        }
        headers
            .entry(USER_AGENT)
            .or_insert_with(|| self.clients.egress.user_agent.clone());
        headers.entry(ACCEPT_ENCODING).or_insert(GZIP);
        let mut request = Request::new(Full::new(outgoing.body.clone()));
        *request.method_mut() = outgoing.method.clone();
        *request.uri_mut() = url.as_str().parse().map_err(|_| nothing_known())?;
        *request.headers_mut() = headers;
        client.request(request).await.map_err(|error| {
            if let Some(context) = first_of_call
                && error.is_connect()
            {
                context.never_left();
            }
            failure(&error)
        })
    }

    fn span(&self, outgoing: &Outgoing, hop: usize) -> Span {
        if !telemetry::propagation::is_recording() {
            return Span::none();
        }
        let method = outgoing.method.as_str();
        let span = tracing::info_span!(
            "http.client",
            otel.name = field::Empty,
            otel.kind = "client",
            otel.status_code = field::Empty,
            http.request.method = method,
            http.request.resend_count = field::Empty,
            http.request.body.size = outgoing.body.len(),
            http.response.status_code = field::Empty,
            network.protocol.version = field::Empty,
            server.address = outgoing.url.host_str().unwrap_or_default(),
            server.port = outgoing.url.port_or_known_default().unwrap_or_default(),
            url.scheme = outgoing.url.scheme(),
            url.template = field::Empty,
            error.type = field::Empty,
        );
        match self.template.filter(|_| hop == 0) {
            Some(template) => {
                span.record("url.template", template);
                span.record("otel.name", format!("{method} {template}"));
            }
            None => {
                span.record("otel.name", method);
            }
        }
        if hop > 0 {
            span.record("http.request.resend_count", hop);
        }
        span
    }
}

fn version(response: &Response) -> &'static str {
    match response.version() {
        http::Version::HTTP_10 => "1.0",
        http::Version::HTTP_2 => "2",
        http::Version::HTTP_3 => "3",
        _ => "1.1",
    }
}

/// What a transport error means. Its own text is not used: it has the URL in it, and that may have a credential.
pub(super) fn failure(error: &(dyn Error + 'static)) -> CallFailure {
    if let Some(refusal) = cause::<Refusal>(error) {
        return CallFailure::refused(refusal.to_string());
    }
    let unreachable = |message: String| CallFailure::new(CallErrorKind::UpstreamUnreachable, message);
    if cause::<TooSlow>(error).is_some() {
        return unreachable("the upstream did not accept a connection in time".to_owned());
    }
    if let Some(tls) = cause::<rustls::Error>(error) {
        return unreachable(format!("no TLS connection to the upstream: {tls}"));
    }
    if cause::<Unresolved>(error).is_some() {
        return unreachable("the upstream's host name does not resolve".to_owned());
    }
    if cause::<legacy::Error>(error).is_some_and(legacy::Error::is_connect) {
        return unreachable("the upstream cannot be connected to".to_owned());
    }
    if let Some(transport) = cause::<hyper::Error>(error) {
        // Chunks that are none are an `io::Error` of these kinds; a cut connection is one of others.
        let garbled = cause::<std::io::Error>(transport)
            .is_some_and(|error| matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::InvalidData));
        let kind = if garbled || transport.is_parse() {
            CallErrorKind::UpstreamInvalid
        } else {
            CallErrorKind::UpstreamUnreachable
        };
        let message = match kind {
            CallErrorKind::UpstreamInvalid => "the upstream answered something that is not HTTP",
            _ => "the upstream cut the connection before it had answered",
        };
        return CallFailure::new(kind, message);
    }
    nothing_known()
}

fn nothing_known() -> CallFailure {
    CallFailure::new(
        CallErrorKind::UpstreamUnreachable,
        "the request to the upstream failed",
    )
}

/// The cause of this type, however deep. `io::Error` hides what it wraps from `source`.
fn cause<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        next = match error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref)
        {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}
