//! The credentials of providers, sealed. Only rest-api holds the key that opens them.

use serde::{Deserialize, Serialize};

/// A secret sealed with AES-256-GCM under a data key, which itself is sealed under a key-encryption key
/// (envelope encryption). The tenant and the provider are authenticated with it, so that a row copied to another
/// tenant does not open.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedCredential {
    /// Which key-encryption key sealed the data key.
    pub kek_id: String,
    /// Nonce (12 bytes) and the sealed data key.
    #[serde(with = "hex")]
    pub sealed_key: Vec<u8>,
    /// Nonce (12 bytes) and the sealed secret.
    #[serde(with = "hex")]
    pub sealed_secret: Vec<u8>,
}

impl std::fmt::Debug for SealedCredential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "SealedCredential(kek {}, {} bytes)",
            self.kek_id,
            self.sealed_secret.len()
        )
    }
}
