//! Changes a user. Whatever changes, the tokens that were given before are refused from then on: at rest-api at once, at every
//! replica of the edge with a live watch within a second.

use domain::{Principal, Scope, User};
use zeroize::Zeroizing;

use super::check_role;
use crate::error::Check;
use crate::{Control, ControlError, require};

impl Control {
    /// Sets another password.
    ///
    /// # Errors
    /// Without `keys:write`; when there is no such user, or one who may do more than the caller; when the password is too
    /// short or too long.
    pub async fn set_password(
        &self,
        caller: &Principal,
        name: &str,
        password: Zeroizing<String>,
    ) -> Result<User, ControlError> {
        let mut user = self.user_to_change(caller, name).await?;
        let mut check = Check::default();
        self.sign_in.passwords.check(&mut check, &password);
        check.finish()?;
        user.password = self
            .sign_in
            .passwords
            .hash(password, self.entropy.as_ref())
            .await?;
        user.password_at = self.now();
        self.renew_user(user).await
    }

    /// Lets a user sign in, or not any more.
    ///
    /// # Errors
    /// Without `keys:write`; when there is no such user, or one who may do more than the caller; when it is the caller, who
    /// would be locked out.
    pub async fn enable_user(
        &self,
        caller: &Principal,
        name: &str,
        enabled: bool,
    ) -> Result<User, ControlError> {
        let mut user = self.user_to_change(caller, name).await?;
        if user.key_id == caller.key_id && !enabled {
            let message = "users cannot disable themselves; ask another".to_owned();
            return Err(ControlError::Conflict {
                field: "name",
                message,
            });
        }
        if user.disabled_at.is_none() == enabled {
            return Ok(user);
        }
        user.disabled_at = (!enabled).then(|| self.now());
        self.renew_user(user).await
    }

    async fn user_to_change(&self, caller: &Principal, name: &str) -> Result<User, ControlError> {
        require(caller, Scope::KeysWrite)?;
        let user = self.storage.users.get(caller.tenant_id, name).await?;
        let mut check = Check::default();
        check_role(&mut check, caller, user.role);
        check.finish()?;
        Ok(user)
    }

    /// Stores the user, with another key if they may sign in.
    async fn renew_user(&self, mut user: User) -> Result<User, ControlError> {
        let key = user
            .disabled_at
            .is_none()
            .then(|| self.key_of_user(user.tenant_id, &user.name, user.role));
        if let Some(key) = &key {
            user.key_id = key.id;
        }
        let renewed = self
            .storage
            .users
            .renew(user.tenant_id, &user, key.as_ref(), self.now());
        renewed.await?;
        Ok(user)
    }
}
