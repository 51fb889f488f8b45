//! The clients that requests leave through: guarded, pooled, one for each origin of a provider.
//!
//! A client per provider keeps one tenant's connections from another's; a client per origin lets the guard know the
//! port when a name is resolved, and its pool holds only connections to addresses that the guard admitted.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::HeaderValue;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use url::Url;

use crate::egress::EgressConfig;
use crate::failure::CallFailure;
use crate::guard::{AllowList, Guard, InvalidEntry};

mod dial;

use dial::Dial;
pub(crate) use dial::{TooSlow, Unresolved};

/// A client of one origin. hyper's own, as nothing is wanted of what others put around it: redirects are followed by hand,
/// nothing is retried, there is no proxy and no cookie. Each layer costs a call, all of them a sixteenth of it.
pub(crate) type Client = legacy::Client<Dial, Full<Bytes>>;

/// What comes back, its body not read yet.
pub(crate) type Response = http::Response<Incoming>;

/// Most origins that one provider's clients are kept for; redirects could otherwise pile them up.
const MAX_ORIGINS: usize = 16;

/// Why outgoing requests cannot be made at all.
#[derive(Debug, thiserror::Error)]
pub enum EgressError {
    /// `egress.allow_hosts` has an entry that is none.
    #[error("egress.allow_hosts: {0}")]
    AllowHosts(#[from] InvalidEntry),
    /// `egress.ca_file` cannot be used.
    #[error("egress.ca_file {path}: {reason}")]
    CaFile {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The TLS library refused its settings.
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// The user agent cannot be a header.
    #[error("egress.user_agent is no header value")]
    UserAgent,
}

/// What all clients of a process share.
pub(crate) struct Egress {
    pub(crate) config: EgressConfig,
    pub(crate) user_agent: HeaderValue,
    allowed: AllowList,
    tls: Arc<rustls::ClientConfig>,
}

impl Egress {
    pub(crate) fn new(config: EgressConfig) -> Result<Self, EgressError> {
        Ok(Self {
            user_agent: HeaderValue::from_str(&config.user_agent).map_err(|_| EgressError::UserAgent)?,
            allowed: AllowList::parse(&config.allow_hosts)?,
            tls: Arc::new(tls(&config)?),
            config,
        })
    }

    /// The guard for somebody with a list of his own.
    pub(crate) fn guard(&self, allowed_hosts: &[String]) -> Result<Guard, InvalidEntry> {
        let own = AllowList::parse(allowed_hosts)?;
        Ok(Guard::new(if self.config.honour_provider_hosts {
            self.allowed.and(&own)
        } else {
            self.allowed.clone()
        }))
    }
}

/// The authorities of the system, those of `ca_file`, and Mozilla's where the system has none (a bare container).
fn tls(config: &EgressConfig) -> Result<rustls::ClientConfig, EgressError> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    if let Some(path) = &config.ca_file {
        let failed = |reason: String| EgressError::CaFile {
            path: path.display().to_string(),
            reason,
        };
        let certificates = CertificateDer::pem_file_iter(path).map_err(|error| failed(error.to_string()))?;
        let before = roots.len();
        for certificate in certificates {
            roots.add(certificate.map_err(|error| failed(error.to_string()))?)?;
        }
        if roots.len() == before {
            return Err(failed("it has no certificate in it".to_owned()));
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(tls)
}

/// The clients of one provider.
pub(crate) struct Clients {
    pub(crate) egress: Arc<Egress>,
    pub(crate) guard: Arc<Guard>,
    by_origin: Mutex<HashMap<(String, u16), Client>>,
}

impl Clients {
    pub(crate) fn new(egress: Arc<Egress>, guard: Guard) -> Self {
        Self {
            egress,
            guard: Arc::new(guard),
            by_origin: Mutex::default(),
        }
    }

    /// The client for `url`, if the guard lets it through.
    pub(crate) fn client_for(&self, url: &Url) -> Result<Client, CallFailure> {
        let origin = self
            .guard
            .check_url(url)
            .map_err(|refusal| CallFailure::refused(refusal.to_string()))?;
        let mut clients = self.by_origin.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&origin) {
            return Ok(client.clone());
        }
        let client = self.build(origin.1);
        if clients.len() >= MAX_ORIGINS {
            clients.clear();
        }
        clients.insert(origin, client.clone());
        Ok(client)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one function that builds guarded clients"
    )]
    fn build(&self, port: u16) -> Client {
        let Egress { config, tls, .. } = &*self.egress;
        legacy::Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(config.pool_idle_timeout())
            .pool_max_idle_per_host(config.pool_max_idle_per_host)
            .build(Dial::new(
                Arc::clone(&self.guard),
                port,
                Arc::clone(tls),
                config.connect_timeout(),
            ))
    }
}
