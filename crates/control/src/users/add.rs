//! Adds a user.

use domain::{ApiKey, Principal, Role, Scope, StoreError, TenantId, User, UserId, user};
use zeroize::Zeroizing;

use super::check_role;
use crate::error::Check;
use crate::{Control, ControlError, require};

impl Control {
    /// Adds a user to the caller's tenant.
    ///
    /// # Errors
    /// Without `keys:write`; when the name is taken; when the password is too short or too long; when the role may do more
    /// than the caller.
    pub async fn add_user(
        &self,
        caller: &Principal,
        name: &str,
        role: Role,
        password: Zeroizing<String>,
    ) -> Result<User, ControlError> {
        require(caller, Scope::KeysWrite)?;
        let mut check = Check::default();
        let expected = "1 to 100 of a-z, 0-9, `.`, `_`, `@`, `+` and `-`, a letter or digit first";
        check.that(user::is_name(name), "name", expected);
        check_role(&mut check, caller, role);
        self.sign_in.passwords.check(&mut check, &password);
        check.finish()?;
        let password = self
            .sign_in
            .passwords
            .hash(password, self.entropy.as_ref())
            .await?;
        let key = self.key_of_user(caller.tenant_id, name, role);
        let now = self.now();
        let user = User {
            id: UserId::generate(),
            tenant_id: caller.tenant_id,
            name: name.to_owned(),
            role,
            password,
            key_id: key.id,
            disabled_at: None,
            password_at: now,
            created_at: now,
        };
        match self.storage.users.create(caller.tenant_id, &user, &key).await {
            Err(StoreError::Conflict { field: "name", .. }) => Err(ControlError::Conflict {
                field: "name",
                message: "this name is taken by a user, or by a key of this tenant".to_owned(),
            }),
            created => Ok(created.map(|()| user)?),
        }
    }

    /// The key that a user's tokens stand for. Nobody is told its text: it has none that anybody could show.
    pub(super) fn key_of_user(&self, tenant: TenantId, name: &str, role: Role) -> ApiKey {
        let (_, key) = self.mint_key(tenant, name, role.kind(), Some(role.scopes()), None);
        key
    }
}
