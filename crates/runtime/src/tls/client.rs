//! The side of a service that connects to another one: whom it trusts, and what it shows.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore};
use telemetry::Telemetry;

use super::CertificateMetrics;
use super::files::{Named, TlsFileError, not_after, pair, roots};

/// The files of a client; their settings are called `ca_file`, `certificate_file` and `key_file`.
#[derive(Clone, Debug, Default)]
pub struct ClientFiles {
    /// The authorities to trust; the public ones when absent.
    pub authorities: Option<PathBuf>,
    /// The client's own certificate and its key.
    pub certificate: Option<(PathBuf, PathBuf)>,
}

/// The TLS of one client, as its files are now. Offers HTTP/2 only.
pub struct ClientTls {
    files: ClientFiles,
    name: &'static str,
    metrics: CertificateMetrics,
    current: RwLock<Current>,
}

struct Current {
    read: Read,
    tls: Arc<ClientConfig>,
}

#[derive(PartialEq)]
struct Read {
    authorities: Option<Vec<CertificateDer<'static>>>,
    chain: Vec<CertificateDer<'static>>,
}

impl ClientTls {
    /// Reads the files; `name` stands for the listener in `tls_certificate_expiry_timestamp_seconds`.
    ///
    /// # Errors
    /// When one does not fit.
    pub fn read(files: ClientFiles, name: &'static str, telemetry: &Telemetry) -> Result<Self, TlsFileError> {
        let current = RwLock::new(Current::of(&files)?);
        let metrics = CertificateMetrics::new(telemetry);
        let tls = Self {
            files,
            name,
            metrics,
            current,
        };
        tls.show_end();
        Ok(tls)
    }

    /// Whether it has a certificate to show.
    pub fn shows_a_certificate(&self) -> bool {
        self.files.certificate.is_some()
    }

    /// What a connection is made with now. Files that do not fit are reported, and what they held before is used.
    pub fn now(&self) -> Arc<ClientConfig> {
        match Current::of(&self.files) {
            Ok(read) => self.take_over(read),
            Err(error) => {
                tracing::error!(%error, "certificates to connect with not renewed, keeping the old ones")
            }
        }
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner).tls)
    }

    /// Looks at the files again and again, so that the metric is true also while one connection lasts.
    pub async fn follow(&self, every: Duration) {
        loop {
            tokio::time::sleep(every).await;
            self.now();
        }
    }

    fn take_over(&self, read: Current) {
        {
            let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
            if current.read == read.read {
                return;
            }
            *current = read;
        }
        tracing::info!(of = self.name, "certificates to connect with have changed");
        self.show_end();
    }

    fn show_end(&self) {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(end) = current.read.chain.first().and_then(not_after) {
            self.metrics.expiry.with([self.name]).set(end);
        }
    }
}

impl Current {
    fn of(files: &ClientFiles) -> Result<Self, TlsFileError> {
        let authorities = files.authorities.as_deref().map(|path| {
            Named {
                setting: "ca_file",
                path,
            }
            .authorities()
        });
        let authorities = authorities.transpose()?;
        let trusted = match &authorities {
            Some(authorities) => roots(authorities),
            None => Arc::new(RootCertStore {
                roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
            }),
        };
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsFileError {
                setting: "ca_file".to_owned(),
                path: PathBuf::new(),
                problem: error.to_string(),
                expected: "certificates that rustls takes",
            })?
            .with_root_certificates(trusted);
        let own = certified_key(files)?;
        let chain = own.as_ref().map(|own| own.cert.clone()).unwrap_or_default();
        let mut tls = match own {
            Some(own) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(own))),
            None => builder.with_no_client_auth(),
        };
        tls.alpn_protocols = vec![b"h2".to_vec()];
        let read = Read { authorities, chain };
        Ok(Self {
            read,
            tls: Arc::new(tls),
        })
    }
}

fn certified_key(files: &ClientFiles) -> Result<Option<CertifiedKey>, TlsFileError> {
    let Some((certificate, key)) = &files.certificate else {
        return Ok(None);
    };
    let certificate = Named {
        setting: "certificate_file",
        path: certificate,
    };
    let key = Named {
        setting: "key_file",
        path: key,
    };
    pair(certificate, key).map(Some)
}

/// When the certificate of these files ends, in seconds since 1970; none where there is none.
///
/// # Errors
/// When one of the files does not fit.
pub fn client_certificate_end(files: &ClientFiles) -> Result<Option<f64>, TlsFileError> {
    Ok(Current::of(files)?.read.chain.first().and_then(not_after))
}
