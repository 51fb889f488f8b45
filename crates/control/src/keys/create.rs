//! Creates a key.

use chrono::{DateTime, Utc};
use domain::{ApiKey, KeyKind, PresentedKey, Principal, Scope, Scopes};

use super::outlives;
use super::pins::check_pins;
use crate::error::Check;
use crate::{Control, ControlError, require};

/// What a new key should be.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// What a person calls it, 1 to 100 characters.
    pub name: String,
    /// What it is for.
    pub kind: KeyKind,
    /// What it may do; the kind's own scopes when none are named.
    pub scopes: Option<Scopes>,
    /// Tools that its holder is shown by themselves (see [`domain::pin`]), at most 64.
    pub pins: Vec<String>,
    /// From when on it is refused; when its creator is, if that is not said.
    pub expires_at: Option<DateTime<Utc>>,
}

impl Control {
    /// Creates a key in the caller's tenant. The text is answered this once.
    ///
    /// # Errors
    /// Without `keys:write`; when the name is taken; when it should have scopes that its kind or its creator has not, or
    /// be accepted for longer than its creator.
    pub async fn create_key(
        &self,
        caller: &Principal,
        new: NewKey,
    ) -> Result<(PresentedKey, ApiKey), ControlError> {
        require(caller, Scope::KeysWrite)?;
        let own = self.own_expiry(caller).await?;
        self.check_new_key(caller, &new, own)?;
        let expires_at = new.expires_at.or(own);
        let (presented, mut key) =
            self.mint_key(caller.tenant_id, &new.name, new.kind, new.scopes, expires_at);
        key.pins = new.pins;
        self.storage.keys.create(caller.tenant_id, &key).await?;
        Ok((presented, key))
    }

    fn check_new_key(
        &self,
        caller: &Principal,
        new: &NewKey,
        own: Option<DateTime<Utc>>,
    ) -> Result<(), ControlError> {
        let mut check = Check::default();
        let printable = new.name.chars().all(shows) && new.name.trim() == new.name;
        let length = new.name.chars().count();
        check.that(
            (1..=100).contains(&length) && printable,
            "name",
            "1 to 100 printable characters",
        );
        let in_future = new.expires_at.is_none_or(|at| at > self.now());
        check.that(in_future, "expires_at", "an instant in the future");
        let too_long = new.expires_at.is_some() && outlives(new.expires_at, own);
        check.that(!too_long, "expires_at", "not after this caller's own key expires");
        check_pins(&mut check, &new.pins);
        let service = new.kind == KeyKind::Service;
        check.that(
            !service,
            "kind",
            "admin, user, agent or gateway; services share the configured service key",
        );
        let most = new.kind.default_scopes();
        for scope in new.scopes.as_ref().unwrap_or(&most) {
            let expected = format!(
                "only scopes that the kind `{}` and this caller have, not `{}`",
                new.kind.as_str(),
                scope.as_str()
            );
            check.that(
                most.contains(scope) && (service || caller.may(*scope)),
                "scopes",
                expected,
            );
        }
        check.finish()
    }
}

/// Whether a character shows as itself. Names are printed beside permissions, so none may be invisible, move the cursor
/// or turn the direction of what follows it.
fn shows(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}
