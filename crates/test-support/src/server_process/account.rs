//! The user that servers run as: Postgres refuses root, and none of them needs it.

use std::{os::unix::process::CommandExt, path::Path, process::Command};

use anyhow::{Context, Result};
use nix::unistd::{Gid, Uid, User, chown, geteuid};

/// Tried in this order when the tests run as root.
const CANDIDATES: [&str; 2] = ["postgres", "nobody"];

/// The account a server runs as: another one than root's if the tests run as root, else the tests' own.
pub(crate) struct Account(Option<(Uid, Gid)>);

impl Account {
    pub(crate) fn unprivileged() -> Result<Self> {
        if !geteuid().is_root() {
            return Ok(Self(None));
        }
        let mut known = CANDIDATES
            .into_iter()
            .filter_map(|name| User::from_name(name).ok().flatten());
        let user = known
            .next()
            .context("neither postgres nor nobody is a user of this system")?;
        Ok(Self(Some((user.uid, user.gid))))
    }

    /// Gives a path to the account.
    pub(crate) fn own(&self, path: &Path) -> Result<()> {
        if let Some((uid, gid)) = self.0 {
            chown(path, Some(uid), Some(gid))?;
        }
        Ok(())
    }

    /// Makes the command run as the account, without supplementary groups.
    pub(crate) fn apply(&self, command: &mut Command) {
        if let Some((uid, gid)) = self.0 {
            command.uid(uid.as_raw()).gid(gid.as_raw());
        }
    }
}
