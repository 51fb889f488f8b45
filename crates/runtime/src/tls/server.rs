//! A listener's side: its certificate, and the authorities of clients where it asks for their certificates.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{CertificateError, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::CertificateMetrics;
use super::files::{Named, TlsFileError, not_after, pair, roots};
use crate::listen::{ClientCertificates, TlsConfig};

/// How long a client that was refused may take to read why.
const FAREWELL: Duration = Duration::from_secs(1);

/// The TLS of one listener, as its files are now.
pub(crate) struct ServerTls {
    config: TlsConfig,
    current: watch::Sender<Arc<Current>>,
    shown: OnceLock<(String, CertificateMetrics)>,
}

struct Current {
    acceptor: TlsAcceptor,
    chain: Vec<CertificateDer<'static>>,
    authorities: Vec<CertificateDer<'static>>,
    clients: Option<Arc<dyn ClientCertVerifier>>,
}

/// What the files hold.
struct Read {
    certified: CertifiedKey,
    authorities: Vec<CertificateDer<'static>>,
}

impl ServerTls {
    /// Reads the files.
    pub(crate) fn read(config: &TlsConfig) -> Result<Arc<Self>, TlsFileError> {
        let current = Current::of(read(config)?, config.client_certificates)?;
        Ok(Arc::new(Self {
            config: config.clone(),
            current: watch::Sender::new(Arc::new(current)),
            shown: OnceLock::new(),
        }))
    }

    /// Shows when the certificate ends and who is refused, from now on, by the listener's name.
    pub(crate) fn shown(&self, listener: &str, metrics: CertificateMetrics) {
        let _ = self.shown.set((listener.to_owned(), metrics));
        self.show_end();
    }

    fn show_end(&self) {
        let end = self.current.borrow().chain.first().and_then(not_after);
        if let (Some((listener, metrics)), Some(end)) = (self.shown.get(), end) {
            metrics.expiry.with([listener]).set(end);
        }
    }

    /// Shakes hands. Who is refused has a moment to read why.
    pub(crate) async fn accept(&self, stream: TcpStream, peer: SocketAddr) -> Option<TlsStream<TcpStream>> {
        let current = Arc::clone(&self.current.borrow());
        let accepted = current.acceptor.accept(stream).into_fallible().await;
        let (error, stream) = match accepted {
            Ok(stream) => return Some(stream),
            Err(refused) => refused,
        };
        match refusal(&error).filter(|_| current.clients.is_some()) {
            Some(reason) => self.count_refused(peer, reason, &error),
            None => tracing::debug!(%peer, %error, "TLS handshake failed"),
        }
        farewell(stream).await;
        None
    }

    fn count_refused(&self, peer: SocketAddr, reason: &'static str, error: &io::Error) {
        let listener = self.shown.get().map_or("", |(listener, metrics)| {
            metrics.refused.with([listener.as_str(), reason]).increment(1);
            listener
        });
        tracing::warn!(%peer, reason, %error, listener, "a client was refused because of its certificate");
    }

    /// Returns when the certificate that the client of `stream` showed is no longer good: it has ended, or its authority
    /// is trusted no more.
    pub(crate) fn distrusted<S>(
        &self,
        stream: &TlsStream<S>,
    ) -> impl Future<Output = rustls::Error> + use<S> {
        let chain = stream.get_ref().1.peer_certificates();
        let chain: Vec<_> = chain
            .unwrap_or_default()
            .iter()
            .map(|of| of.clone().into_owned())
            .collect();
        let mut current = self.current.subscribe();
        async move {
            loop {
                let Some((own, others)) = chain.split_first() else {
                    std::future::pending().await
                };
                if current.changed().await.is_err() {
                    std::future::pending().await
                }
                let clients = current.borrow_and_update().clients.clone();
                if let Some(clients) = clients
                    && let Err(error) = clients.verify_client_cert(own, others, UnixTime::now())
                {
                    return error;
                }
            }
        }
    }

    /// Takes over changed files, for as long as it is polled. Files that do not fit (a renewal half done) are
    /// reported and the old ones stay.
    pub(crate) async fn follow(&self) {
        loop {
            tokio::time::sleep(self.config.reload.get()).await;
            let config = self.config.clone();
            match tokio::task::spawn_blocking(move || read(&config)).await {
                Ok(Ok(read)) => self.take_over(read),
                Ok(Err(error)) => tracing::error!(%error, "certificate not renewed, keeping the old one"),
                Err(error) => tracing::error!(%error, "certificate files could not be looked at"),
            }
        }
    }

    fn take_over(&self, read: Read) {
        let old = Arc::clone(&self.current.borrow());
        let renewed = old.chain != read.certified.cert;
        let trust_changed = old.authorities != read.authorities;
        if !renewed && !trust_changed {
            // Connections look whether their client's certificate has ended.
            self.current.send_modify(|_| {});
            return;
        }
        match Current::of(read, self.config.client_certificates) {
            Ok(current) => drop(self.current.send_replace(Arc::new(current))),
            Err(error) => tracing::error!(%error, "certificate not renewed, keeping the old one"),
        }
        self.show_end();
        if renewed {
            tracing::info!(certificate = %self.config.certificate.display(), "certificate renewed");
        }
        if trust_changed {
            let file = self.config.client_ca_file.as_deref().unwrap_or("".as_ref());
            tracing::info!(client_ca_file = %file.display(), "other authorities of clients are trusted now");
        }
    }
}

impl Current {
    fn of(read: Read, demand: ClientCertificates) -> Result<Self, TlsFileError> {
        let Read {
            certified,
            authorities,
        } = read;
        let provider = Arc::new(ring::default_provider());
        let clients = if authorities.is_empty() {
            None
        } else {
            let verifier =
                WebPkiClientVerifier::builder_with_provider(roots(&authorities), Arc::clone(&provider));
            let verifier = match demand {
                ClientCertificates::Required => verifier,
                ClientCertificates::Optional => verifier.allow_unauthenticated(),
            };
            Some(verifier.build().map_err(unfit)?)
        };
        let chain = certified.cert.clone();
        let builder = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(unfit)?;
        let builder = match &clients {
            Some(clients) => builder.with_client_cert_verifier(Arc::clone(clients)),
            None => builder.with_no_client_auth(),
        };
        let mut tls = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        if clients.is_some() {
            // A session that is resumed looks at no certificate again.
            tls.session_storage = Arc::new(NoServerSessionStorage {});
            tls.send_tls13_tickets = 0;
        }
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(tls)),
            chain,
            authorities,
            clients,
        })
    }
}

fn unfit(error: impl ToString) -> TlsFileError {
    TlsFileError {
        setting: "tls".to_owned(),
        path: "".into(),
        problem: error.to_string(),
        expected: "certificates that rustls takes",
    }
}

fn read(config: &TlsConfig) -> Result<Read, TlsFileError> {
    let authorities = config.client_ca_file.as_deref().map(|path| {
        Named {
            setting: "tls.client_ca_file",
            path,
        }
        .authorities()
    });
    Ok(Read {
        certified: certified_key(config)?,
        authorities: authorities.transpose()?.unwrap_or_default(),
    })
}

fn certified_key(config: &TlsConfig) -> Result<CertifiedKey, TlsFileError> {
    let certificate = Named {
        setting: "tls.certificate",
        path: &config.certificate,
    };
    let key = Named {
        setting: "tls.key",
        path: &config.key,
    };
    pair(certificate, key)
}

/// When the certificate of these files ends, in seconds since 1970; none where rustls reads more generously than we do.
///
/// # Errors
/// When one of the files does not fit.
pub fn certificate_end(config: &TlsConfig) -> Result<Option<f64>, TlsFileError> {
    Ok(read(config)?.certified.cert.first().and_then(not_after))
}

/// When the certificate in `file` ends, in seconds since 1970, which a client of a listener with these files shows.
///
/// # Errors
/// When the listener would not take it, or one of the files does not fit.
pub fn client_is_taken(config: &TlsConfig, file: &Path) -> Result<Option<f64>, TlsFileError> {
    let expected = "a certificate for clients, of an authority in tls.client_ca_file, whose time is not over";
    let shown = Named {
        setting: "certificate of a client",
        path: file,
    };
    let chain = shown.certificates(expected)?;
    let listener = Current::of(read(config)?, config.client_certificates)?;
    let (Some(clients), Some((own, others))) = (listener.clients, chain.split_first()) else {
        return Err(shown.wrong(
            "the listener asks for none: tls.client_ca_file is not set",
            expected,
        ));
    };
    clients
        .verify_client_cert(own, others, UnixTime::now())
        .map_err(|error| shown.wrong(error, expected))?;
    Ok(not_after(own))
}

/// What was wrong with a client's certificate, if that is why the handshake failed.
fn refusal(error: &io::Error) -> Option<&'static str> {
    match error.get_ref()?.downcast_ref()? {
        rustls::Error::NoCertificatesPresented => Some("none"),
        rustls::Error::InvalidCertificate(why) => Some(match why {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => "expired",
            // A signature that does not fit is what another authority of the same name looks like.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => "unknown_authority",
            _ => "invalid",
        }),
        _ => None,
    }
}

/// Reads what the client still sends: bytes that nobody reads turn the close into a reset, which may overtake the alert.
async fn farewell(mut stream: TcpStream) {
    let _ = stream.shutdown().await;
    let mut rest = [0; 1024];
    let read = async { while stream.read(&mut rest).await.is_ok_and(|read| read > 0) {} };
    let _ = tokio::time::timeout(FAREWELL, read).await;
}
