//! The data directory of one mesh.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// Everything that a mesh on this machine keeps: database, keys, audit spools, log.
#[derive(Clone, Debug)]
pub struct DataDir(PathBuf);

/// Held as long as a mesh runs on the data directory.
pub struct Lock(#[expect(dead_code, reason = "its being open is the lock")] File);

impl DataDir {
    /// The directory `path`, by its absolute name; it need not be there yet.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        Self(crate::connection::Connection::absolute(path))
    }

    /// A file or directory in it.
    #[must_use]
    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Makes it, readable only for its owner, where it is not there.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create(&self) -> Result<(), Failure> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.0);
        made.map_err(|error| Failure::Usage(format!("--data {}: {error}", self.0.display())))
    }

    /// Takes it for this process. The operating system gives it back however the process ends.
    ///
    /// # Errors
    /// When another mesh has it; names that process.
    pub fn lock(&self) -> Result<Lock, Failure> {
        self.create()?;
        let path = self.join("lock");
        let mut options = OpenOptions::new();
        let opened = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path);
        let mut file = opened.map_err(|error| Failure::of(path.display(), error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                let _ = file.read_to_string(&mut pid);
                return Err(Failure::Failed(format!(
                    "another mesh runs on {} (process {}); stop it, or give this one a directory of its own with --data",
                    self.0.display(),
                    pid.trim()
                )));
            }
            Err(TryLockError::Error(error)) => return Err(Failure::of(path.display(), error)),
        }
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())?;
        Ok(Lock(file))
    }

    /// Whether a mesh runs on it now.
    #[must_use]
    pub fn is_in_use(&self) -> bool {
        File::open(self.join("lock"))
            .is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
    }

    /// Writes a file that only the owner can read; a file of that name is replaced as a whole.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_private(&self, name: &str, text: &str) -> Result<(), Failure> {
        let (path, new) = (self.join(name), self.join(&format!("{name}.new")));
        let write = || {
            let mut file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&new)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&new, &path)
        };
        write().map_err(|error| Failure::of(path.display(), error))
    }

    /// Takes away the note of where the mesh listens.
    pub fn forget_running(&self) {
        let _ = std::fs::remove_file(self.join(super::running::FILE));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_mesh_on_the_same_directory_is_refused_and_told_who_has_it() {
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::at(&dir.path().join("mesh"));
        let lock = data.lock().unwrap();
        assert!(data.is_in_use());
        let refused = data.lock().map(drop).unwrap_err().to_string();
        assert!(
            refused.contains(&format!("process {}", std::process::id())),
            "{refused}"
        );
        drop(lock);
        assert!(!data.is_in_use());
        assert!(data.lock().is_ok());
    }
}
