//! One file of the spool.

use std::io;
use std::path::{Path, PathBuf};

use prost::Message;
use proto::v1::AuditRecord;

/// One file of the spool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) number: u64,
    pub(super) path: PathBuf,
}

impl Segment {
    pub(super) fn size(&self) -> io::Result<u64> {
        Ok(std::fs::metadata(&self.path)?.len())
    }

    /// Its records, and how many bytes at its end are none: what a process wrote when it was killed.
    pub(super) fn read(&self) -> io::Result<(Vec<AuditRecord>, usize)> {
        let bytes = std::fs::read(&self.path)?;
        let mut rest = bytes.as_slice();
        let mut records = Vec::new();
        // No record is empty: zeros are what is left of the reserve.
        while rest.first().is_some_and(|length| *length != 0) {
            let before = rest.len();
            match AuditRecord::decode_length_delimited(&mut rest) {
                Ok(record) => records.push(record),
                Err(_) => return Ok((records, before)),
            }
        }
        Ok((records, 0))
    }
}

/// The segments of a directory, oldest first.
pub(super) fn all(dir: &Path) -> io::Result<Vec<Segment>> {
    let mut segments = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        let number = path
            .file_name()
            .and_then(|name| name.to_str()?.strip_suffix(".audit")?.parse().ok());
        if let Some(number) = number {
            segments.push(Segment { number, path });
        }
    }
    segments.sort_by_key(|segment| segment.number);
    Ok(segments)
}
