//! A certificate authority for tests, and what it signs.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use anyhow::Result;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType,
    date_time_ymd,
};

/// A certificate authority with a key of its own.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// A certificate and its key in files.
#[derive(Clone, Debug)]
pub struct CertificateFiles {
    /// The certificate, PEM.
    pub certificate: PathBuf,
    /// Its key, PEM.
    pub key: PathBuf,
}

impl Authority {
    /// One that nobody else has.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn new(name: &str) -> Result<Self> {
        Self::until(name, 2100)
    }

    /// One that ends as `year` begins.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn until(name: &str, year: i32) -> Result<Self> {
        let mut asked = params(name, year);
        asked.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate()?;
        let pem = asked.self_signed(&key)?.pem();
        Ok(Self {
            issuer: Issuer::new(asked, key),
            pem,
        })
    }

    /// Its certificate, PEM.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate for a server on this host (127.0.0.1, localhost): `NAME.crt` and `NAME.key` in `dir`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn server(&self, dir: &Path, name: &str) -> Result<CertificateFiles> {
        let mut asked = params(name, 2100);
        asked.subject_alt_names = vec![
            SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            SanType::DnsName("localhost".try_into()?),
        ];
        asked.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(&asked, dir, name)
    }

    /// The same for a client.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn client(&self, dir: &Path, name: &str) -> Result<CertificateFiles> {
        self.client_until(dir, name, 2100)
    }

    /// The same for a client, ending as `year` begins.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn client_until(&self, dir: &Path, name: &str, year: i32) -> Result<CertificateFiles> {
        let mut asked = params(name, year);
        asked.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(&asked, dir, name)
    }

    fn sign(&self, asked: &CertificateParams, dir: &Path, name: &str) -> Result<CertificateFiles> {
        let key = KeyPair::generate()?;
        let files = CertificateFiles {
            certificate: dir.join(format!("{name}.crt")),
            key: dir.join(format!("{name}.key")),
        };
        std::fs::write(&files.key, key.serialize_pem())?;
        std::fs::write(&files.certificate, asked.signed_by(&key, &self.issuer)?.pem())?;
        Ok(files)
    }
}

fn params(name: &str, year: i32) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2000, 1, 1);
    params.not_after = date_time_ymd(year, 1, 1);
    params
}
