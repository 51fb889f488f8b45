//! TLS of listeners: rustls with ring, certificates followed on disk.

use std::path::Path;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use telemetry::metrics::Gauge;
use tokio_rustls::TlsAcceptor;
use x509_cert::der::Decode;

use super::{ListenError, TlsConfig};

telemetry::metrics! {
    /// The certificates of listeners.
    pub struct CertificateMetrics {
        /// When the certificate that a listener shows ends (its not-after), in seconds since 1970. Listeners without
        /// TLS have none.
        expiry: gauge "tls_certificate_expiry_timestamp_seconds" [listener],
    }
}

/// Makes ring the cryptography of every rustls client and server of this process. The first call counts,
/// further ones do nothing.
pub fn install_crypto_provider() {
    // An error says that a provider is installed already, which is what is wanted.
    let _ = ring::default_provider().install_default();
}

/// The certificate of one listener, as it is now.
#[derive(Debug)]
pub(super) struct Certificate {
    config: TlsConfig,
    current: RwLock<Arc<CertifiedKey>>,
    expiry: OnceLock<Gauge>,
}

impl Certificate {
    /// Reads the files.
    pub(super) fn read(config: &TlsConfig) -> Result<Arc<Self>, ListenError> {
        let current = RwLock::new(Arc::new(certified_key(config)?));
        Ok(Arc::new(Self {
            config: config.clone(),
            current,
            expiry: OnceLock::new(),
        }))
    }

    /// Shows when it ends, from now on.
    pub(super) fn shown(&self, listener: &str, metrics: &CertificateMetrics) {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(end) = not_after(&current) {
            self.expiry
                .get_or_init(|| metrics.expiry.with([listener]))
                .set(end);
        }
    }

    /// Accepts TLS connections with this certificate; offers HTTP/2 and HTTP/1.1.
    pub(super) fn acceptor(self: &Arc<Self>) -> Result<TlsAcceptor, ListenError> {
        let mut tls = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| wrong(&self.config.certificate, error))?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(tls)))
    }

    /// Takes over renewed files, for as long as it is polled. Files that do not fit (a renewal half done) are
    /// reported and the old certificate stays.
    pub(super) async fn follow(&self) {
        loop {
            tokio::time::sleep(self.config.reload.get()).await;
            let config = self.config.clone();
            match tokio::task::spawn_blocking(move || certified_key(&config)).await {
                Ok(Ok(read)) => self.take_over(read),
                Ok(Err(error)) => tracing::error!(%error, "certificate not renewed, keeping the old one"),
                Err(error) => tracing::error!(%error, "certificate files could not be looked at"),
            }
        }
    }

    fn take_over(&self, read: CertifiedKey) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if current.cert != read.cert {
            if let (Some(gauge), Some(end)) = (self.expiry.get(), not_after(&read)) {
                gauge.set(end);
            }
            *current = Arc::new(read);
            tracing::info!(certificate = %self.config.certificate.display(), "certificate renewed");
        }
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(
            &self.current.read().unwrap_or_else(PoisonError::into_inner),
        ))
    }
}

/// When the first certificate of the chain, which is the listener's own, ends: seconds since 1970. RFC 5280, section
/// 4.1.2.5. None where rustls reads more generously than we do.
fn not_after(key: &CertifiedKey) -> Option<f64> {
    let own = x509_cert::Certificate::from_der(key.cert.first()?).ok()?;
    Some(
        own.tbs_certificate
            .validity
            .not_after
            .to_unix_duration()
            .as_secs_f64(),
    )
}

/// When the certificate of these files ends, in seconds since 1970; none where rustls reads more generously than we do.
///
/// # Errors
/// When a file cannot be read, or the key is not the certificate's.
pub fn certificate_end(config: &TlsConfig) -> Result<Option<f64>, ListenError> {
    Ok(not_after(&certified_key(config)?))
}

/// Reads a chain and its key; refuses a key that is not the certificate's.
fn certified_key(config: &TlsConfig) -> Result<CertifiedKey, ListenError> {
    let chain =
        CertificateDer::pem_file_iter(&config.certificate).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let chain = chain.map_err(|error| wrong(&config.certificate, error))?;
    if chain.is_empty() {
        return Err(wrong(&config.certificate, "no certificate in it"));
    }
    let key = PrivateKeyDer::from_pem_file(&config.key).map_err(|error| wrong(&config.key, error))?;
    CertifiedKey::from_der(chain, key, &ring::default_provider()).map_err(|error| wrong(&config.key, error))
}

fn wrong(path: &Path, message: impl ToString) -> ListenError {
    ListenError::Tls {
        path: path.to_owned(),
        message: message.to_string(),
    }
}
