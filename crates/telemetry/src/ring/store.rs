//! The ring on disk, so that a kill does not take it: a record a span, in files of which the oldest goes first.
//!
//! A record is its length (4 bytes), the service (1) and the span in OTLP's encoding. They wait for each
//! other and are appended in one `write`, without a flush: the page cache outlives the process. Only the last record of a file can be
//! torn.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The bytes are spread over so many files.
const FILES: u64 = 4;
/// Most bytes that wait.
const WAITING: usize = 32 << 10;
/// The services that a span may be of, by their number in a record: one that names another is not ours.
const SERVICES: [&str; 3] = ["mcp-server", "rest-api", "worker"];

/// The files.
#[derive(Debug)]
pub(super) struct Store {
    dir: PathBuf,
    file_bytes: u64,
    open: Mutex<Open>,
}

#[derive(Debug)]
struct Open {
    /// None once the disk took no more, until the next file would begin.
    file: Option<File>,
    number: u64,
    size: u64,
    /// Records that are not written yet.
    waiting: Vec<u8>,
}

impl Store {
    /// Reads what is in `dir`, handing each span to `keep`, and goes on in a new file. `bytes` bounds all of them.
    pub(super) fn open(
        dir: &Path,
        bytes: usize,
        mut keep: impl FnMut(&'static str, &[u8]),
    ) -> io::Result<Self> {
        std::fs::create_dir_all(dir)?;
        let numbers = numbers(dir)?;
        for number in &numbers {
            // One that is not readable is as good as one that is gone.
            if let Ok(bytes) = std::fs::read(path(dir, *number)) {
                read(&bytes, &mut keep);
            }
        }
        let store = Store {
            dir: dir.to_owned(),
            file_bytes: (bytes as u64 / FILES).max(1),
            open: Mutex::new(Open {
                file: None,
                number: numbers.last().copied().unwrap_or(0),
                size: 0,
                waiting: Vec::new(),
            }),
        };
        store.begin(&mut store.opened())?;
        Ok(store)
    }

    /// Appends a span of one of the services to those that wait for [`write`](Self::write).
    pub(super) fn append(&self, service: &'static str, span: &[u8]) {
        let number = SERVICES.iter().position(|name| *name == service);
        let number = number.and_then(|number| u8::try_from(number).ok());
        let (Some(number), Ok(length)) = (number, u32::try_from(span.len())) else {
            return;
        };
        let mut open = self.opened();
        open.waiting.extend_from_slice(&length.to_le_bytes());
        open.waiting.push(number);
        open.waiting.extend_from_slice(span);
        if open.waiting.len() > WAITING {
            self.write_to(&mut open);
        }
    }

    /// Writes what waits.
    pub(super) fn write(&self) {
        let mut open = self.opened();
        if !open.waiting.is_empty() {
            self.write_to(&mut open);
        }
    }

    fn opened(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_to(&self, open: &mut Open) {
        let Open {
            file, size, waiting, ..
        } = open;
        *size += waiting.len() as u64;
        let taken = file.as_mut().map(|file| file.write_all(waiting));
        if matches!(taken, Some(Err(_))) {
            *file = None;
        }
        waiting.clear();
        if *size > self.file_bytes {
            // Where it cannot begin, the next file may.
            let _ = self.begin(open);
        }
    }

    /// Begins the next file, and removes what is too old.
    fn begin(&self, open: &mut Open) -> io::Result<()> {
        open.number += 1;
        open.size = 0;
        for number in numbers(&self.dir)? {
            if number + FILES <= open.number {
                std::fs::remove_file(path(&self.dir, number))?;
            }
        }
        let options = File::options().create(true).append(true).mode(0o600).clone();
        open.file = Some(options.open(path(&self.dir, open.number))?);
        Ok(())
    }
}

fn path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:012}.traces"))
}

/// The numbers of the files, ascending.
fn numbers(dir: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let name = entry?.file_name();
        let number: Option<u64> = name
            .to_str()
            .and_then(|name| name.strip_suffix(".traces")?.parse().ok());
        numbers.extend(number);
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Up to the end, or to the record that was torn.
fn read(mut bytes: &[u8], keep: &mut impl FnMut(&'static str, &[u8])) {
    while let Some((length, [service, rest @ ..])) = bytes.split_first_chunk::<4>() {
        let Some((span, rest)) = rest.split_at_checked(u32::from_le_bytes(*length) as usize) else {
            return;
        };
        if let Some(service) = SERVICES.get(usize::from(*service)) {
            keep(service, span);
        }
        bytes = rest;
    }
}
