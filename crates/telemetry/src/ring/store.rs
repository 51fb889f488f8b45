//! The ring on disk, so that a kill does not take it: a line a span, in files of which the oldest goes first.
//!
//! Lines are appended in one `write` each, without a flush: the page cache outlives the process. A line that was torn, or
//! a file that cannot be read, costs what is in it.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::encode::Encoded;

/// The bytes are spread over so many files.
const FILES: u64 = 4;
/// The services that a span may be of: a line that names another is not ours.
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
}

#[derive(Serialize, Deserialize)]
struct Line<'a> {
    service: Cow<'a, str>,
    trace_id: Cow<'a, str>,
    started: u64,
    tenant: Option<String>,
    request_id: Option<String>,
    #[serde(borrow)]
    span: &'a RawValue,
}

impl Store {
    /// Reads what is in `dir`, handing each span to `keep`, and goes on in a new file. `bytes` bounds all of them.
    pub(super) fn open(
        dir: &Path,
        bytes: usize,
        mut keep: impl FnMut(&'static str, Encoded),
    ) -> io::Result<Self> {
        std::fs::create_dir_all(dir)?;
        let numbers = numbers(dir)?;
        for number in &numbers {
            // One that is not readable is as good as one that is gone.
            let _ = read(&path(dir, *number), &mut keep);
        }
        let store = Store {
            dir: dir.to_owned(),
            file_bytes: (bytes as u64 / FILES).max(1),
            open: Mutex::new(Open {
                file: None,
                number: numbers.last().copied().unwrap_or(0),
                size: 0,
            }),
        };
        store.begin(&mut store.open.lock().unwrap_or_else(PoisonError::into_inner))?;
        Ok(store)
    }

    /// Appends a span.
    pub(super) fn append(&self, service: &'static str, span: &Encoded) {
        let line = Line {
            service: service.into(),
            trace_id: (&span.trace_id).into(),
            started: span.started,
            tenant: span.tenant.clone(),
            request_id: span.request_id.clone(),
            span: &span.text,
        };
        let Ok(mut line) = serde_json::to_vec(&line) else {
            return;
        };
        line.push(b'\n');
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.size += line.len() as u64;
        let taken = open.file.as_mut().map(|file| file.write_all(&line));
        if matches!(taken, Some(Err(_))) {
            open.file = None;
        }
        if open.size > self.file_bytes {
            // Where it cannot begin, the next file may.
            let _ = self.begin(&mut open);
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

fn read(path: &Path, keep: &mut impl FnMut(&'static str, Encoded)) -> io::Result<()> {
    let mut file = BufReader::new(File::open(path)?);
    let mut text = Vec::new();
    while file.read_until(b'\n', &mut text)? > 0 {
        if let Ok(line) = serde_json::from_slice::<Line<'_>>(&text)
            && let Some(service) = SERVICES.iter().find(|name| **name == line.service)
        {
            let span = Encoded {
                trace_id: line.trace_id.into_owned(),
                started: line.started,
                tenant: line.tenant,
                request_id: line.request_id,
                text: line.span.to_owned(),
            };
            keep(service, span);
        }
        text.clear();
    }
    Ok(())
}
