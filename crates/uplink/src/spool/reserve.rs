//! Disk space that is held free: a file of zeros. When a record does not fit on the disk any more the file becomes a segment,
//! and the record, with those of the other calls that are under way, is written over the zeros: whoever fills the disk
//! cannot take that space in between.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Written at once.
static BLOCK: [u8; 1 << 16] = [0; 1 << 16];

/// The space, held or given up.
pub(super) struct Reserve {
    path: PathBuf,
    bytes: u64,
    held: bool,
}

impl Reserve {
    pub(super) fn new(path: PathBuf, bytes: u64) -> Self {
        Self {
            path,
            bytes,
            held: false,
        }
    }

    /// Whether the space is there. No space is always there.
    pub(super) fn is_held(&self) -> bool {
        self.held || self.bytes == 0
    }

    /// Takes the space, unless it is held.
    pub(super) fn take(&mut self) -> io::Result<()> {
        if !self.is_held() {
            if let Err(error) = self.fill() {
                // Half of it would only take space from the records.
                let _ = std::fs::remove_file(&self.path);
                return Err(error);
            }
            self.held = true;
        }
        Ok(())
    }

    /// Hands its file over under the name `path`, to be written from its beginning; none when there is none.
    pub(super) fn become_segment(&mut self, path: &Path) -> Option<File> {
        if !std::mem::take(&mut self.held) {
            return None;
        }
        std::fs::rename(&self.path, path).ok()?;
        File::options().write(true).open(path).ok()
    }

    /// Gives the space up for good.
    pub(super) fn retire(&mut self) {
        if std::mem::take(&mut self.held) {
            // Nothing needs it any more; what cannot be removed is found and used by the next process.
            let _ = std::fs::remove_file(&self.path);
        }
        self.bytes = 0;
    }

    fn fill(&self) -> io::Result<()> {
        if std::fs::metadata(&self.path).is_ok_and(|file| file.len() == self.bytes) {
            return Ok(());
        }
        let mut file = File::create(&self.path)?;
        let mut left = self.bytes;
        while left > 0 {
            let next = left.min(BLOCK.len() as u64);
            file.write_all(BLOCK.get(..next as usize).unwrap_or(&BLOCK))?;
            left -= next;
        }
        Ok(())
    }
}
