//! Reading PEM files, with errors that name the setting and what it expects.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::sign::CertifiedKey;
use x509_cert::der::Decode;

/// What a PEM file of certificates begins with.
const ARMOR: &str = "-----BEGIN ";

/// Why a file cannot be used for TLS. Nothing of what is in the file is in it.
#[derive(Debug, thiserror::Error)]
#[error("{setting}: {}{problem}; expected {expected}", shown(path))]
pub struct TlsFileError {
    /// The setting that names the file.
    pub setting: String,
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: String,
    /// What belongs there.
    pub expected: &'static str,
}

impl TlsFileError {
    /// The same, where the setting is in this section.
    #[must_use]
    pub fn in_section(mut self, section: &str) -> Self {
        self.setting = format!("{section}.{}", self.setting);
        self
    }
}

/// Who puts the key itself where its file belongs reads it in no log.
fn shown(path: &Path) -> String {
    if is_text(path) {
        String::new()
    } else {
        format!("{}: ", path.display())
    }
}

fn is_text(path: &Path) -> bool {
    path.to_string_lossy().contains(ARMOR)
}

/// A file, and the setting that names it.
#[derive(Clone, Copy)]
pub(super) struct Named<'a> {
    pub(super) setting: &'a str,
    pub(super) path: &'a Path,
}

impl Named<'_> {
    pub(super) fn wrong(self, problem: impl ToString, expected: &'static str) -> TlsFileError {
        TlsFileError {
            setting: self.setting.to_owned(),
            path: self.path.to_owned(),
            problem: problem.to_string(),
            expected,
        }
    }

    fn read(self, expected: &'static str) -> Result<Vec<u8>, TlsFileError> {
        if is_text(self.path) {
            return Err(self.wrong("holds a key or certificate itself", "the path of a PEM file"));
        }
        std::fs::read(self.path).map_err(|error| self.wrong(error, expected))
    }

    pub(super) fn certificates(
        self,
        expected: &'static str,
    ) -> Result<Vec<CertificateDer<'static>>, TlsFileError> {
        let text = self.read(expected)?;
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
        let read = read.map_err(|error| self.wrong(said(&error), expected))?;
        match read.is_empty() {
            false => Ok(read),
            true if has(&text, "PRIVATE KEY") => {
                Err(self.wrong("there is a private key in it and no certificate", expected))
            }
            true => Err(self.wrong("there is no certificate in it", expected)),
        }
    }

    fn private_key(self) -> Result<PrivateKeyDer<'static>, TlsFileError> {
        let expected = "a PEM file with the private key, not encrypted";
        let text = self.read(expected)?;
        PrivateKeyDer::from_pem_slice(&text).map_err(|error| {
            let problem = match error {
                pem::Error::NoItemsFound if has(&text, "ENCRYPTED PRIVATE KEY") => {
                    "the key in it is encrypted"
                }
                pem::Error::NoItemsFound if has(&text, "CERTIFICATE") => {
                    "there is a certificate in it and no private key"
                }
                pem::Error::NoItemsFound => "there is no private key in it",
                _ => "it is not whole",
            };
            self.wrong(problem, expected)
        })
    }

    /// The authorities in the file that have not ended.
    pub(super) fn authorities(self) -> Result<Vec<CertificateDer<'static>>, TlsFileError> {
        let expected = "a PEM file with the certificates of the authorities to trust, at least one of which has not ended";
        let mut read = self.certificates(expected)?;
        for certificate in &read {
            let mut one = RootCertStore::empty();
            one.add(certificate.clone())
                .map_err(|error| self.wrong(error, expected))?;
        }
        let now = UnixTime::now().as_secs_f64();
        read.retain(|certificate| not_after(certificate).is_none_or(|end| end > now));
        if read.is_empty() {
            return Err(self.wrong("every certificate in it has ended", expected));
        }
        Ok(read)
    }
}

trait Seconds {
    fn as_secs_f64(&self) -> f64;
}

impl Seconds for UnixTime {
    #[expect(clippy::cast_precision_loss, reason = "seconds of Unix time")]
    fn as_secs_f64(&self) -> f64 {
        self.as_secs() as f64
    }
}

/// rustls tells the bytes that it did not expect; ours is not to repeat them.
fn said(error: &pem::Error) -> &'static str {
    match error {
        pem::Error::MissingSectionEnd { .. } => "a section of it has no end",
        pem::Error::Base64Decode(_) => "a section of it is not base64",
        _ => "it is no PEM",
    }
}

fn has(text: &[u8], label: &str) -> bool {
    String::from_utf8_lossy(text)
        .lines()
        .any(|line| line.starts_with(ARMOR) && line.contains(label))
}

/// Reads a chain and its key; refuses a key that is not that of the first certificate.
pub(super) fn pair(certificate: Named<'_>, key: Named<'_>) -> Result<CertifiedKey, TlsFileError> {
    let expected = "a PEM file with the certificate chain, the service's own certificate first";
    let chain = certificate.certificates(expected)?;
    let private = key.private_key()?;
    let provider = ring::default_provider();
    let of = |chain: Vec<_>| CertifiedKey::from_der(chain, private.clone_key(), &provider);
    of(chain.clone()).map_err(|error| {
        let is_of = |other: &CertificateDer<'static>| of(vec![other.clone()]).is_ok();
        if chain.iter().skip(1).any(is_of) {
            return certificate.wrong("the certificate of the key is not the first in it", expected);
        }
        match error {
            rustls::Error::InconsistentKeys(_) => key.wrong(
                format!(
                    "it is not the key of the certificate in {}",
                    certificate.path.display()
                ),
                "the private key of that certificate",
            ),
            rustls::Error::InvalidCertificate(_) => certificate.wrong(error, expected),
            _ => key.wrong(error, "a private key of RSA, ECDSA or Ed25519"),
        }
    })
}

/// The file that this setting names, if one is, once it was seen to hold authorities that have not ended. For clients of
/// other servers than ours, which read it themselves.
///
/// # Errors
/// When it does not.
pub fn authorities(setting: &str, path: Option<&Path>) -> Result<Option<PathBuf>, TlsFileError> {
    let Some(path) = path else {
        return Ok(None);
    };
    Named { setting, path }.authorities()?;
    Ok(Some(path.to_owned()))
}

/// A store of these authorities.
pub(super) fn roots(authorities: &[CertificateDer<'static>]) -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    // Each was taken by such a store when it was read.
    roots.add_parsable_certificates(authorities.iter().cloned());
    Arc::new(roots)
}

/// When a certificate ends: seconds since 1970. RFC 5280, section 4.1.2.5. None where rustls reads more generously than
/// we do.
pub(super) fn not_after(certificate: &CertificateDer<'_>) -> Option<f64> {
    let read = x509_cert::Certificate::from_der(certificate).ok()?;
    let end = read.tbs_certificate.validity.not_after;
    Some(end.to_unix_duration().as_secs_f64())
}
