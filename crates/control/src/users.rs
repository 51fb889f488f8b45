//! Users: people who sign in with a password and get an access token.

mod add;
mod change;
mod password;
mod sign_in;

use domain::{Page, PageRequest, Principal, Role, Scope, User};

pub use password::{MAX_PASSWORD, PasswordRules};
pub use sign_in::{Denied, SignIn, SignedIn};

use crate::error::Check;
use crate::{Control, ControlError, require};

impl Control {
    /// The users of the caller's tenant, newest first.
    ///
    /// # Errors
    /// Without `keys:read`.
    pub async fn list_users(
        &self,
        caller: &Principal,
        page: PageRequest,
    ) -> Result<Page<User>, ControlError> {
        require(caller, Scope::KeysRead)?;
        Ok(self.storage.users.list(caller.tenant_id, page).await?)
    }

    /// One user of the caller's tenant.
    ///
    /// # Errors
    /// Without `keys:read`; when there is no such user.
    pub async fn get_user(&self, caller: &Principal, name: &str) -> Result<User, ControlError> {
        require(caller, Scope::KeysRead)?;
        Ok(self.storage.users.get(caller.tenant_id, name).await?)
    }
}

/// Nobody gives, or takes away, what they do not have themselves.
fn check_role(check: &mut Check, caller: &Principal, role: Role) {
    let has_all = role.scopes().iter().all(|scope| caller.may(*scope));
    let expected = format!(
        "a role that may do no more than this caller, not `{}`",
        role.as_str()
    );
    check.that(has_all, "role", expected);
}
