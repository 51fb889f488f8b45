//! Changes what a key's holder is shown by itself. It grants nothing: what a key may see and call are its scopes.

use domain::pin::{MAX_PINS, Pin};
use domain::{ApiKey, KeyId, Principal, Scope};

use crate::error::Check;
use crate::{Control, ControlError, require};

impl Control {
    /// Puts `pins` in the place of the key's pins; replicas with a live watch show it within a second.
    ///
    /// # Errors
    /// Without `keys:write`; when there is no such key; a pin that can pin nothing, by its place.
    pub async fn pin(
        &self,
        caller: &Principal,
        id: KeyId,
        pins: Vec<String>,
    ) -> Result<ApiKey, ControlError> {
        require(caller, Scope::KeysWrite)?;
        let mut check = Check::default();
        check_pins(&mut check, &pins);
        check.finish()?;
        Ok(self.storage.keys.pin(caller.tenant_id, id, &pins).await?)
    }
}

pub(super) fn check_pins(check: &mut Check, pins: &[String]) {
    check.that(pins.len() <= MAX_PINS, "pins", format!("at most {MAX_PINS}"));
    for (at, pin) in pins.iter().enumerate() {
        if let Err(error) = Pin::parse(pin) {
            check.that(false, &format!("pins[{at}]"), error.to_string());
        }
    }
}
