//! A name and a password become an access token.

use domain::User;
use domain::token::Claims;
use zeroize::Zeroizing;

use super::password::{PasswordRules, Passwords};
use crate::{Control, ControlError};

/// How users sign in.
pub struct SignIn {
    pub(super) passwords: Passwords,
    token_seconds: u32,
}

/// Why a sign-in is refused. Whoever tries is told only that it is; metrics tell these apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// There is no such user.
    Unknown,
    /// It is another password.
    WrongPassword,
    /// The user may not sign in.
    Disabled,
}

impl Denied {
    /// The `outcome` label of `mcp_auth_attempts_total`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::WrongPassword => "wrong_password",
            Self::Disabled => "disabled",
        }
    }
}

/// A user who has signed in.
pub struct SignedIn {
    /// Who.
    pub user: User,
    /// The access token.
    pub token: Zeroizing<String>,
    /// For how long it is accepted.
    pub seconds: u32,
}

impl SignIn {
    /// With these rules; tokens are accepted for so many seconds.
    ///
    /// # Errors
    /// When argon2 does not know such parameters; says why.
    pub fn new(rules: PasswordRules, token_seconds: u32) -> Result<Self, String> {
        Ok(Self {
            passwords: Passwords::new(rules)?,
            token_seconds,
        })
    }
}

impl Control {
    /// Checks a password. Takes as long for a name that nobody has.
    ///
    /// # Errors
    /// When storage cannot answer.
    pub async fn sign_in(
        &self,
        name: &str,
        password: Zeroizing<String>,
    ) -> Result<Result<SignedIn, Denied>, ControlError> {
        let known = self.storage.users.by_name(name).await?;
        let stored = known.as_ref().map(|user| &user.password);
        let fits = self.sign_in.passwords.is(password, stored).await?;
        let user = match known {
            None => return Ok(Err(Denied::Unknown)),
            Some(_) if !fits => return Ok(Err(Denied::WrongPassword)),
            Some(user) if user.disabled_at.is_some() => return Ok(Err(Denied::Disabled)),
            Some(user) => user,
        };
        let seconds = self.sign_in.token_seconds;
        let claims = Claims::new(user.id, user.tenant_id, user.key_id, self.now(), seconds);
        let token = self.vault.sign(&claims).map_err(ControlError::internal)?;
        Ok(Ok(SignedIn { user, token, seconds }))
    }
}
