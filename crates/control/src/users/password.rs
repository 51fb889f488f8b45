//! Passwords: argon2id (RFC 9106), kept in the usual text form with parameters and salt, so that they can be made costlier
//! without anybody's password getting lost.

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use domain::user::HashedPassword;
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::error::Check;
use crate::{ControlError, Entropy};

/// The longest password, in bytes: more is no safer, and has to be hashed.
pub const MAX_PASSWORD: usize = 1_024;
const SALT: usize = 16;
const HASH: usize = 32;
/// What a stored hash may ask for at most, in KiB: it comes from a database, not from the settings.
const MAX_MEMORY: u32 = 4 << 20;

/// How passwords are kept.
#[derive(Debug, Clone)]
pub struct PasswordRules {
    /// The shortest, in characters.
    pub min_length: usize,
    /// Memory that one hash takes, in KiB.
    pub memory_kib: u32,
    /// How often it goes over the memory.
    pub passes: u32,
    /// How many are worked out at once.
    pub at_once: usize,
}

/// Makes and checks hashes.
pub(super) struct Passwords {
    rules: PasswordRules,
    params: Params,
    /// Each takes its memory, so there is a bound.
    places: Semaphore,
}

impl Passwords {
    pub(super) fn new(rules: PasswordRules) -> Result<Self, String> {
        let params = Params::new(rules.memory_kib, rules.passes, 1, Some(HASH));
        Ok(Self {
            params: params.map_err(|error| error.to_string())?,
            places: Semaphore::new(rules.at_once.max(1)),
            rules,
        })
    }

    pub(super) fn check(&self, check: &mut Check, password: &str) {
        let (least, length) = (self.rules.min_length, password.chars().count());
        let fits = length >= least && length <= MAX_PASSWORD;
        check.that(fits, "password", format!("{least} to {MAX_PASSWORD} characters"));
    }

    pub(super) async fn hash(
        &self,
        password: Zeroizing<String>,
        entropy: &dyn Entropy,
    ) -> Result<HashedPassword, ControlError> {
        let mut salt = [0; SALT];
        entropy.fill(&mut salt);
        let params = self.params.clone();
        let hash = self.derive(password, params.clone(), salt.to_vec()).await?;
        Ok(HashedPassword(text_of(&params, &salt, hash.as_slice())))
    }

    /// Whether it is the password that became `stored`. Without one it takes as long as with one, and is not.
    pub(super) async fn is(
        &self,
        password: Zeroizing<String>,
        stored: Option<&HashedPassword>,
    ) -> Result<bool, ControlError> {
        let Some(stored) = stored else {
            self.derive(password, self.params.clone(), vec![0; SALT]).await?;
            return Ok(false);
        };
        let (params, salt, hash) =
            read(&stored.0).ok_or_else(|| ControlError::internal("a stored password cannot be read"))?;
        let derived = self.derive(password, params, salt).await?;
        Ok(derived.as_slice().ct_eq(&hash).into())
    }

    async fn derive(
        &self,
        password: Zeroizing<String>,
        params: Params,
        salt: Vec<u8>,
    ) -> Result<Zeroizing<[u8; HASH]>, ControlError> {
        let _place = self.places.acquire().await.map_err(ControlError::internal)?;
        let work = move || {
            let mut hash = Zeroizing::new([0; HASH]);
            let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
            argon
                .hash_password_into(password.as_bytes(), &salt, hash.as_mut())
                .map(|()| hash)
        };
        let derived = tokio::task::spawn_blocking(work)
            .await
            .map_err(ControlError::internal)?;
        derived.map_err(|error| ControlError::internal(error.to_string()))
    }
}

fn text_of(params: &Params, salt: &[u8], hash: &[u8]) -> String {
    let (memory, passes, lanes) = (params.m_cost(), params.t_cost(), params.p_cost());
    let encode = |bytes: &[u8]| STANDARD_NO_PAD.encode(bytes);
    format!(
        "$argon2id$v=19$m={memory},t={passes},p={lanes}${}${}",
        encode(salt),
        encode(hash)
    )
}

/// Parameters, salt and hash of a stored password.
fn read(text: &str) -> Option<(Params, Vec<u8>, Vec<u8>)> {
    let mut parts = text.strip_prefix("$argon2id$v=19$")?.split('$');
    let (params, salt, hash) = (parts.next()?, parts.next()?, parts.next()?);
    let mut numbers = params.split(',');
    let mut number = |name| numbers.next()?.strip_prefix(name)?.parse::<u32>().ok();
    let (memory, passes, lanes) = (number("m=")?, number("t=")?, number("p=")?);
    let params = Params::new(memory, passes, lanes, Some(HASH)).ok()?;
    let decode = |part| STANDARD_NO_PAD.decode(part).ok();
    let (salt, hash) = (decode(salt)?, decode(hash)?);
    (memory <= MAX_MEMORY && hash.len() == HASH && parts.next().is_none()).then_some((params, salt, hash))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemEntropy;

    fn passwords(memory_kib: u32) -> Passwords {
        Passwords::new(PasswordRules {
            min_length: 8,
            memory_kib,
            passes: 1,
            at_once: 1,
        })
        .unwrap()
    }

    fn secret(text: &str) -> Zeroizing<String> {
        Zeroizing::new(text.to_owned())
    }

    #[tokio::test]
    async fn a_password_is_itself_and_no_other() {
        let passwords = passwords(64);
        let one = passwords
            .hash(secret("correct horse"), &SystemEntropy)
            .await
            .unwrap();
        let two = passwords
            .hash(secret("correct horse"), &SystemEntropy)
            .await
            .unwrap();
        assert_ne!(one, two, "each has a salt of its own");
        assert!(passwords.is(secret("correct horse"), Some(&one)).await.unwrap());
        assert!(!passwords.is(secret("correct horses"), Some(&one)).await.unwrap());
        assert!(!passwords.is(secret("correct horse"), None).await.unwrap());
    }

    #[tokio::test]
    async fn passwords_from_before_the_parameters_changed_still_hold() {
        let old = passwords(64)
            .hash(secret("correct horse"), &SystemEntropy)
            .await
            .unwrap();
        assert!(old.0.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{}", old.0);
        assert!(
            passwords(128)
                .is(secret("correct horse"), Some(&old))
                .await
                .unwrap()
        );
    }

    #[tokio::test]
    async fn hashes_are_those_of_the_reference_implementation() {
        // argon2-cffi: PasswordHasher(time_cost=2, memory_cost=256, parallelism=1, type=Type.ID), salt `somesaltsomesalt`.
        let text =
            "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$yrdGtGIZk/3JHsUHh5gLQUqQppLwvGjf4Z+cJbPLqew";
        let stored = HashedPassword(text.to_owned());
        assert!(passwords(64).is(secret("password"), Some(&stored)).await.unwrap());
    }

    #[test]
    fn what_is_no_hash_is_not_read() {
        for text in [
            "",
            "$argon2i$v=19$m=64,t=1,p=1$AAAA$AAAA",
            "$argon2id$v=19$m=4294967295,t=1,p=1$AAAA$AAAA",
        ] {
            assert!(read(text).is_none(), "{text}");
        }
    }
}
