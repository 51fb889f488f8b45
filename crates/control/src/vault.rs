//! Seals and opens the credentials of providers: envelope encryption with AES-256-GCM (NIST SP 800-38D).
//!
//! Each credential has a data key of its own; the data key is sealed under a key-encryption key (KEK) that only
//! rest-api holds. Tenant and provider are authenticated with both, so that a row copied elsewhere does not open.
//! The first KEK seals; the others still open, so that a KEK can be rotated.

use std::sync::Arc;

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use domain::credential::SealedCredential;
use domain::{ProviderId, TenantId};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::entropy::Entropy;

const NONCE: usize = 12;
const KEY: usize = 32;

/// Why a credential could not be sealed or opened.
#[derive(Debug, Error)]
pub enum VaultError {
    /// The KEK that sealed it is not configured.
    #[error("the key-encryption key `{0}` is not configured")]
    UnknownKek(String),
    /// The bytes were changed, or belong to another tenant or provider.
    #[error("the credential does not open: it was changed, or belongs elsewhere")]
    Broken,
    /// A configured KEK is not 32 bytes in hexadecimal.
    #[error("key-encryption key `{0}`: expected 64 hexadecimal digits")]
    Malformed(String),
    /// There is none.
    #[error("no key-encryption key is configured")]
    None,
}

struct Kek {
    id: String,
    key: Zeroizing<[u8; KEY]>,
}

/// Holds the key-encryption keys.
pub struct Vault {
    keks: Vec<Kek>,
    entropy: Arc<dyn Entropy>,
}

impl Vault {
    /// A vault with these keys, id and 64 hexadecimal digits each; the first one seals.
    ///
    /// # Errors
    /// When there is none, or one is malformed. The message names the id, never the key.
    pub fn new(keks: &[(String, String)], entropy: Arc<dyn Entropy>) -> Result<Self, VaultError> {
        let keks = keks
            .iter()
            .map(|(id, digits)| {
                let mut key = Zeroizing::new([0_u8; KEY]);
                hex::decode_to_slice(digits.trim(), key.as_mut())
                    .map_err(|_| VaultError::Malformed(id.clone()))?;
                Ok(Kek { id: id.clone(), key })
            })
            .collect::<Result<Vec<_>, VaultError>>()?;
        if keks.is_empty() {
            Err(VaultError::None)
        } else {
            Ok(Self { keks, entropy })
        }
    }

    /// Seals `secret` for this provider.
    ///
    /// # Errors
    /// [`VaultError::Broken`] only if the cipher refuses, which it does above 64 GiB.
    pub fn seal(
        &self,
        tenant: TenantId,
        provider: ProviderId,
        secret: &[u8],
    ) -> Result<SealedCredential, VaultError> {
        let kek = self.keks.first().ok_or(VaultError::None)?;
        let aad = associated_data(tenant, provider);
        let mut data_key = Zeroizing::new([0_u8; KEY]);
        self.entropy.fill(data_key.as_mut());
        Ok(SealedCredential {
            kek_id: kek.id.clone(),
            sealed_key: self.encrypt(&kek.key, data_key.as_ref(), &aad)?,
            sealed_secret: self.encrypt(&data_key, secret, &aad)?,
        })
    }

    /// Opens what was sealed for this provider.
    ///
    /// # Errors
    /// When its KEK is not configured, or it was changed or moved.
    pub fn open(
        &self,
        tenant: TenantId,
        provider: ProviderId,
        sealed: &SealedCredential,
    ) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let unknown = || VaultError::UnknownKek(sealed.kek_id.clone());
        let kek = self
            .keks
            .iter()
            .find(|kek| kek.id == sealed.kek_id)
            .ok_or_else(unknown)?;
        let aad = associated_data(tenant, provider);
        let opened = decrypt(&kek.key, &sealed.sealed_key, &aad)?;
        let mut data_key = Zeroizing::new([0_u8; KEY]);
        if opened.len() != KEY {
            return Err(VaultError::Broken);
        }
        data_key.copy_from_slice(&opened);
        decrypt(&data_key, &sealed.sealed_secret, &aad)
    }

    fn encrypt(&self, key: &[u8; KEY], plain: &[u8], aad: &[u8]) -> Result<Vec<u8>, VaultError> {
        let mut nonce = [0_u8; NONCE];
        self.entropy.fill(&mut nonce);
        let cipher = Aes256Gcm::new(key.into());
        let sealed = cipher
            .encrypt(&Nonce::from(nonce), Payload { msg: plain, aad })
            .map_err(|_| VaultError::Broken)?;
        Ok([nonce.as_slice(), &sealed].concat())
    }
}

fn decrypt(key: &[u8; KEY], sealed: &[u8], aad: &[u8]) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE>().ok_or(VaultError::Broken)?;
    let cipher = Aes256Gcm::new(key.into());
    let payload = Payload { msg: sealed, aad };
    cipher
        .decrypt(&Nonce::from(*nonce), payload)
        .map(Zeroizing::new)
        .map_err(|_| VaultError::Broken)
}

fn associated_data(tenant: TenantId, provider: ProviderId) -> Vec<u8> {
    [tenant.0.as_bytes().as_slice(), provider.0.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SystemEntropy;

    fn vault(ids: &[&str]) -> Vault {
        let keks: Vec<_> = ids
            .iter()
            .map(|id| ((*id).to_owned(), hex::encode([id.len() as u8; 32])))
            .collect();
        Vault::new(&keks, Arc::new(SystemEntropy)).unwrap()
    }

    #[test]
    fn a_sealed_secret_opens_for_its_own_provider_only() {
        let (tenant, provider) = (TenantId::generate(), ProviderId::generate());
        let vault = vault(&["a"]);
        let sealed = vault.seal(tenant, provider, b"hunter2").unwrap();
        assert_eq!(
            vault.open(tenant, provider, &sealed).unwrap().as_slice(),
            b"hunter2"
        );
        assert!(matches!(
            vault.open(TenantId::generate(), provider, &sealed),
            Err(VaultError::Broken)
        ));
        assert!(matches!(
            vault.open(tenant, ProviderId::generate(), &sealed),
            Err(VaultError::Broken)
        ));
    }

    #[test]
    fn a_changed_byte_does_not_open() {
        let (tenant, provider) = (TenantId::generate(), ProviderId::generate());
        let vault = vault(&["a"]);
        let mut sealed = vault.seal(tenant, provider, b"hunter2").unwrap();
        *sealed.sealed_secret.last_mut().unwrap() ^= 1;
        assert!(matches!(
            vault.open(tenant, provider, &sealed),
            Err(VaultError::Broken)
        ));
    }

    #[test]
    fn a_rotated_key_still_opens_what_the_old_one_sealed() {
        let (tenant, provider) = (TenantId::generate(), ProviderId::generate());
        let sealed = vault(&["a"]).seal(tenant, provider, b"hunter2").unwrap();
        assert!(vault(&["bb", "a"]).open(tenant, provider, &sealed).is_ok());
        let error = vault(&["bb"]).open(tenant, provider, &sealed).unwrap_err();
        assert!(matches!(error, VaultError::UnknownKek(id) if id == "a"));
    }

    #[test]
    fn the_same_secret_never_seals_to_the_same_bytes() {
        let (tenant, provider) = (TenantId::generate(), ProviderId::generate());
        let vault = vault(&["a"]);
        let (one, two) = (
            vault.seal(tenant, provider, b"x").unwrap(),
            vault.seal(tenant, provider, b"x").unwrap(),
        );
        assert_ne!(one.sealed_secret, two.sealed_secret);
    }

    #[test]
    fn a_malformed_key_is_refused_without_being_shown() {
        let error = Vault::new(
            &[("main".to_owned(), "s3cret".to_owned())],
            Arc::new(SystemEntropy),
        )
        .err()
        .unwrap();
        assert_eq!(
            error.to_string(),
            "key-encryption key `main`: expected 64 hexadecimal digits"
        );
    }
}
