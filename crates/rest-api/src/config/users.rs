//! People who sign in with a password.

use control::SignIn;
use control::users::PasswordRules;
use domain::limit::{Limit, Rate};
use runtime::config::{ByteSize, Duration};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// People who sign in with a password.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct UsersConfig {
    /// How long an access token is accepted, to a second. 15 minutes: a token that got lost is soon worth nothing, and whoever
    /// works on signs in again by themselves. A user who is disabled is refused at once all the same.
    pub token_lifetime: Duration,
    /// The shortest password, in characters. Twelve: length is what protects a password whose hash got lost; rules about
    /// its characters make people write it down.
    pub min_password: u32,
    /// Memory that one password takes to check (argon2id). 19 MiB with two passes, the least that OWASP advises (2024).
    pub password_memory: ByteSize,
    /// How often the check goes over that memory.
    pub password_passes: u32,
    /// How many passwords are checked at once; others wait. Four: with the default 76 MiB at most.
    pub passwords_at_once: u32,
    /// Attempts to sign in as one user, a minute, from wherever. Ten: nobody mistypes more often, and a guesser needs years.
    pub attempts_per_user: u32,
    /// Attempts to sign in from one address, a minute. Sixty, because an office has one address; behind a proxy that is the
    /// proxy's.
    pub attempts_per_address: u32,
}

impl Default for UsersConfig {
    fn default() -> Self {
        Self {
            token_lifetime: Duration::from_mins(15),
            min_password: 12,
            password_memory: ByteSize::mib(19),
            password_passes: 2,
            passwords_at_once: 4,
            attempts_per_user: 10,
            attempts_per_address: 60,
        }
    }
}

impl UsersConfig {
    /// As the verbs want them.
    ///
    /// # Errors
    /// When argon2 does not know such parameters.
    pub fn sign_in(&self) -> Result<SignIn, String> {
        let rules = PasswordRules {
            min_length: self.min_password.max(1) as usize,
            memory_kib: u32::try_from(self.password_memory.as_len() / 1_024).unwrap_or(u32::MAX),
            passes: self.password_passes,
            at_once: self.passwords_at_once as usize,
        };
        let seconds = u32::try_from(self.token_lifetime.get().as_secs()).unwrap_or(u32::MAX);
        SignIn::new(rules, seconds.max(1))
    }

    /// The limits of a user and of an address.
    #[must_use]
    pub fn attempts(&self) -> [Limit; 2] {
        [self.attempts_per_user, self.attempts_per_address].map(|a_minute| Limit {
            rate: Rate::per(f64::from(a_minute) / 60.0),
            burst: a_minute.max(1),
        })
    }
}
