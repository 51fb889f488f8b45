//! A disk that a test can fill.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use tempfile::TempDir;

/// A file system in memory of its own, unmounted when dropped. (After a SIGKILL of the test it stays until somebody
/// unmounts it, or its mount namespace ends.)
pub struct SmallDisk {
    dir: TempDir,
}

impl SmallDisk {
    /// Mounts one of so many KiB; none where that is not allowed (it takes root, or `CAP_SYS_ADMIN`).
    ///
    /// # Errors
    /// When there is no temporary directory.
    pub fn mount(kibibytes: u32) -> Result<Option<Self>> {
        let disk = Self { dir: TempDir::new()? };
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={kibibytes}k,mode=0700")]);
        mount.arg("devmesh-test").arg(disk.path());
        match mount.output() {
            Ok(output) if output.status.success() => Ok(Some(disk)),
            _ => Ok(None),
        }
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Takes every byte that is left.
    ///
    /// # Errors
    /// When it cannot be written for another reason than that it is full.
    pub fn fill(&self) -> Result<()> {
        let mut file = OpenOptions::new().create(true).append(true).open(self.filler())?;
        loop {
            match file.write_all(&[0; 4_096]) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => return Ok(()),
                Err(error) => return Err(error).context("cannot fill the disk"),
            }
        }
    }

    /// Gives back what [`Self::fill`] took.
    ///
    /// # Errors
    /// When it took nothing.
    pub fn free(&self) -> Result<()> {
        Ok(std::fs::remove_file(self.filler())?)
    }

    fn filler(&self) -> PathBuf {
        self.path().join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a killed process may hold a file open for a moment. Nothing to do when it was never mounted.
        drop(Command::new("umount").arg("-l").arg(self.path()).output());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_takes_nothing_more_until_it_is_freed() {
        let Some(disk) = SmallDisk::mount(64).unwrap() else {
            return; // Not root: what needs such a disk says so itself.
        };
        disk.fill().unwrap();
        let file = disk.path().join("more");
        assert_eq!(
            std::fs::write(&file, "x").unwrap_err().kind(),
            ErrorKind::StorageFull
        );
        disk.free().unwrap();
        std::fs::write(&file, "x").unwrap();
        let path = disk.path().to_owned();
        drop(disk);
        assert!(!path.exists());
    }
}
