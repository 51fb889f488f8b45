//! TLS with rustls and ring: certificates, keys and authorities in files that are followed while they change.
//!
//! [`server`] is a listener's side, [`client`] that of a service which connects to another one; [`files`] reads what both
//! are given and says which setting is wrong.

mod client;
mod files;
mod server;
#[cfg(test)]
pub(crate) mod tests;

use rustls::crypto::ring;

pub use client::{ClientFiles, ClientTls, client_certificate_end};
pub use files::{TlsFileError, authorities};
pub use server::{certificate_end, client_is_taken};

pub(crate) use server::ServerTls;

telemetry::metrics! {
    /// Certificates of listeners, and of a service as a client of another.
    pub struct CertificateMetrics {
        /// When the certificate that a listener shows ends (its not-after), in seconds since 1970; under the listener
        /// `control_plane` the one that this service shows to rest-api. Without TLS there is none.
        expiry: gauge "tls_certificate_expiry_timestamp_seconds" [listener],
        /// Clients that were refused because of their certificate, where a listener asks for one. Reason: `none`, `expired`,
        /// `unknown_authority`, or `invalid`.
        refused: counter "tls_client_certificates_refused_total" [listener, reason],
    }
}

/// Makes ring the cryptography of every rustls client and server of this process. The first call counts,
/// further ones do nothing.
pub fn install_crypto_provider() {
    // An error says that a provider is installed already, which is what is wanted.
    let _ = ring::default_provider().install_default();
}
