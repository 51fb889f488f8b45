//! Seals and opens the credentials of providers: envelope encryption with AES-256-GCM (NIST SP 800-38D).
//!
//! Each credential has a data key of its own; the data key is sealed under a key-encryption key (KEK) that only
//! rest-api holds. Tenant and provider are authenticated with both, so that a row copied elsewhere does not open.
//! The first KEK seals; the others still open, so that a KEK can be rotated (see [`crate::seals`]). What signs access tokens
//! follows from a KEK and is rotated with it.

use std::sync::{Arc, PoisonError, RwLock};

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use domain::credential::SealedCredential;
use domain::token::{Claims, TokenKey, TokenSigner};
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
    /// Two keys have the same id, so that what they sealed cannot be told apart.
    #[error("key-encryption key `{0}` is there twice")]
    Twice(String),
    /// There is none.
    #[error("no key-encryption key is configured")]
    None,
}

struct Kek {
    id: String,
    key: Zeroizing<[u8; KEY]>,
    /// Signs access tokens; it follows from the key.
    signer: TokenSigner,
}

/// Holds the key-encryption keys.
pub struct Vault {
    keks: RwLock<Arc<[Kek]>>,
    entropy: Arc<dyn Entropy>,
}

impl Vault {
    /// A vault with these keys, id and 64 hexadecimal digits each; the first one seals.
    ///
    /// # Errors
    /// When there is none, one is malformed, or two have the same id. The message names the id, never the key.
    pub fn new(keks: &[(String, Zeroizing<String>)], entropy: Arc<dyn Entropy>) -> Result<Self, VaultError> {
        let keks = RwLock::new(parse(keks)?);
        Ok(Self { keks, entropy })
    }

    /// Takes these keys in place of the ones it has.
    ///
    /// # Errors
    /// As [`Self::new`]; the ones that it has stay.
    pub fn replace(&self, keks: &[(String, Zeroizing<String>)]) -> Result<(), VaultError> {
        let keks = parse(keks)?;
        *self.keks.write().unwrap_or_else(PoisonError::into_inner) = keks;
        Ok(())
    }

    /// The ids of the keys, the one that seals first.
    #[must_use]
    pub fn key_ids(&self) -> Vec<String> {
        self.keks().iter().map(|kek| kek.id.clone()).collect()
    }

    /// Signs an access token, with what follows from the first key.
    ///
    /// # Errors
    /// [`VaultError::Broken`] if the claims are no JSON, which they are.
    pub fn sign(&self, claims: &Claims) -> Result<Zeroizing<String>, VaultError> {
        let keks = self.keks();
        let kek = keks.first().ok_or(VaultError::None)?;
        kek.signer.sign(claims).map_err(|_| VaultError::Broken)
    }

    /// What checks access tokens: one public key for each key, so that those signed before a rotation still hold.
    #[must_use]
    pub fn token_keys(&self) -> Vec<TokenKey> {
        self.keks()
            .iter()
            .map(|kek| kek.signer.public().clone())
            .collect()
    }

    fn keks(&self) -> Arc<[Kek]> {
        Arc::clone(&self.keks.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether the key of that name opens it. One that does not is another key under the same name.
    #[must_use]
    pub fn opens(&self, tenant: TenantId, provider: ProviderId, sealed: &SealedCredential) -> bool {
        self.data_key(tenant, provider, sealed).is_ok()
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
        let keks = self.keks();
        let kek = keks.first().ok_or(VaultError::None)?;
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
        let data_key = self.data_key(tenant, provider, sealed)?;
        decrypt(
            &data_key,
            &sealed.sealed_secret,
            &associated_data(tenant, provider),
        )
    }

    /// Seals under the first key what another one has sealed. The secret itself is not opened.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn rewrap(
        &self,
        tenant: TenantId,
        provider: ProviderId,
        sealed: &SealedCredential,
    ) -> Result<SealedCredential, VaultError> {
        let data_key = self.data_key(tenant, provider, sealed)?;
        let keks = self.keks();
        let kek = keks.first().ok_or(VaultError::None)?;
        let aad = associated_data(tenant, provider);
        Ok(SealedCredential {
            kek_id: kek.id.clone(),
            sealed_key: self.encrypt(&kek.key, data_key.as_ref(), &aad)?,
            sealed_secret: sealed.sealed_secret.clone(),
        })
    }

    fn data_key(
        &self,
        tenant: TenantId,
        provider: ProviderId,
        sealed: &SealedCredential,
    ) -> Result<Zeroizing<[u8; KEY]>, VaultError> {
        let unknown = || VaultError::UnknownKek(sealed.kek_id.clone());
        let keks = self.keks();
        let kek = keks
            .iter()
            .find(|kek| kek.id == sealed.kek_id)
            .ok_or_else(unknown)?;
        let opened = decrypt(&kek.key, &sealed.sealed_key, &associated_data(tenant, provider))?;
        let data_key: [u8; KEY] = opened.as_slice().try_into().map_err(|_| VaultError::Broken)?;
        Ok(Zeroizing::new(data_key))
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

fn parse(keks: &[(String, Zeroizing<String>)]) -> Result<Arc<[Kek]>, VaultError> {
    let mut parsed: Vec<Kek> = Vec::new();
    for (id, digits) in keks {
        let mut key = Zeroizing::new([0_u8; KEY]);
        hex::decode_to_slice(digits.trim(), key.as_mut()).map_err(|_| VaultError::Malformed(id.clone()))?;
        if parsed.iter().any(|kek| kek.id == *id) {
            return Err(VaultError::Twice(id.clone()));
        }
        let signer = TokenSigner::derived(&key).ok_or_else(|| VaultError::Malformed(id.clone()))?;
        parsed.push(Kek {
            id: id.clone(),
            key,
            signer,
        });
    }
    if parsed.is_empty() {
        return Err(VaultError::None);
    }
    Ok(parsed.into())
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
            .map(|id| ((*id).to_owned(), hex::encode([id.len() as u8; 32]).into()))
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
    fn what_is_sealed_under_the_first_key_again_opens_without_the_old_one() {
        let (tenant, provider) = (TenantId::generate(), ProviderId::generate());
        let old = vault(&["a"]).seal(tenant, provider, b"hunter2").unwrap();
        let new = vault(&["bb", "a"]).rewrap(tenant, provider, &old).unwrap();
        assert_eq!(
            (new.kek_id.as_str(), &new.sealed_secret),
            ("bb", &old.sealed_secret)
        );
        assert_ne!(new.sealed_key, old.sealed_key);
        let opened = vault(&["bb"]).open(tenant, provider, &new).unwrap();
        assert_eq!(opened.as_slice(), b"hunter2");
        // It is bound as before.
        assert!(vault(&["bb"]).open(TenantId::generate(), provider, &new).is_err());
        assert!(
            vault(&["bb", "a"])
                .rewrap(tenant, ProviderId::generate(), &old)
                .is_err()
        );
    }

    #[test]
    fn keys_that_do_not_fit_leave_the_vault_as_it_was() {
        let vault = vault(&["a"]);
        let keys = |ids: &[&str]| -> Vec<_> {
            let digits = || Zeroizing::new("ab".repeat(32));
            ids.iter().map(|id| ((*id).to_owned(), digits())).collect()
        };
        assert!(matches!(
            vault.replace(&keys(&["b", "b"])),
            Err(VaultError::Twice(_))
        ));
        assert!(matches!(vault.replace(&[]), Err(VaultError::None)));
        assert_eq!(vault.key_ids(), ["a"]);
        vault.replace(&keys(&["b", "a"])).unwrap();
        assert_eq!(vault.key_ids(), ["b", "a"]);
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
            &[("main".to_owned(), "s3cret".to_owned().into())],
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
