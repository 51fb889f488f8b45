//! A file of the journal while it is written to.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// It, and what is in it.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) file: File,
    pub(super) number: u64,
    pub(super) path: PathBuf,
    /// Of its whole records.
    pub(super) size: u64,
    /// Writes in a row that took too long, also of the files before.
    pub(super) slow: u32,
    /// Whole records that are written with the next.
    pub(super) waiting: Vec<u8>,
}

impl Open {
    /// Begins the file of this number.
    pub(super) fn begin(dir: &Path, number: u64, header: &[u8]) -> io::Result<Self> {
        let path = dir.join(format!("{number:012}.spans"));
        let mut file = File::options()
            .create_new(true)
            .append(true)
            .mode(0o600)
            .open(&path)?;
        if let Err(error) = file.write_all(header) {
            // The next attempt has the same number.
            let _ = std::fs::remove_file(&path);
            return Err(error);
        }
        Ok(Self {
            file,
            number,
            path,
            size: header.len() as u64,
            slow: 0,
            waiting: Vec::new(),
        })
    }

    /// Appends records.
    pub(super) fn take(&mut self, records: &[u8]) -> io::Result<()> {
        self.file.write_all(records)?;
        self.size += records.len() as u64;
        Ok(())
    }
}

/// The bytes of a file from one place to another.
pub(super) fn part(file: &File, from: u64, to: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(to.saturating_sub(from)).unwrap_or_default()];
    file.read_exact_at(&mut bytes, from)?;
    Ok(bytes)
}
