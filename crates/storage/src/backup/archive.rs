//! The archive: packed, unpacked, and put in its place as a whole.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::{BackupError, FORMAT, Manifest};

const MANIFEST: &str = "manifest.json";

/// A manifest has a line for each table and key.
const LARGEST_MANIFEST: u64 = 1 << 20;

/// A directory beside `target`, on the same file system, closed to others.
pub fn workshop(target: &Path) -> Result<TempDir, BackupError> {
    let beside = target.parent().filter(|parent| !parent.as_os_str().is_empty());
    let beside = beside.unwrap_or(Path::new("."));
    tempfile::Builder::new()
        .prefix(".devmesh-backup-")
        .tempdir_in(beside)
        .map_err(BackupError::file(beside))
}

/// A new file that only its owner can read.
pub fn private(path: &Path) -> std::io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// Size and SHA-256.
pub fn digest(path: &Path) -> Result<(u64, String), BackupError> {
    let mut file = File::open(path).map_err(BackupError::file(path))?;
    sum(&mut file, &mut std::io::sink()).map_err(BackupError::file(path))
}

/// Copies, and tells the size and SHA-256 of what was copied.
fn sum(from: &mut impl Read, to: &mut impl Write) -> std::io::Result<(u64, String)> {
    let (mut hash, mut size, mut buffer) = (Sha256::new(), 0, vec![0; 1 << 16]);
    loop {
        let read = from.read(&mut buffer)?;
        if read == 0 {
            return Ok((size, hex::encode(hash.finalize())));
        }
        let part = buffer.get(..read).unwrap_or_default();
        hash.update(part);
        to.write_all(part)?;
        size += u64::try_from(read).unwrap_or(u64::MAX);
    }
}

/// Writes the archive.
pub fn pack(manifest: &Manifest, database: &Path, whole: &Path) -> Result<(), BackupError> {
    let write = || {
        let mut tar = tar::Builder::new(private(whole)?);
        let text = serde_json::to_vec_pretty(manifest)?;
        let made_at = u64::try_from(manifest.made_at.timestamp()).unwrap_or_default();
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o600);
        header.set_mtime(made_at);
        header.set_size(u64::try_from(text.len()).unwrap_or(u64::MAX));
        tar.append_data(&mut header, MANIFEST, text.as_slice())?;
        header.set_size(manifest.bytes);
        tar.append_data(&mut header, manifest.backend.entry(), File::open(database)?)?;
        tar.into_inner()?.sync_all()
    };
    write().map_err(BackupError::file(whole))
}

/// Gives the archive its name, which nobody else has taken meanwhile, for good.
pub fn publish(whole: &Path, name: &Path) -> Result<(), BackupError> {
    // A rename would replace a file that came up meanwhile; a link does not.
    std::fs::hard_link(whole, name).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => BackupError::Exists(name.to_owned()),
        _ => BackupError::File {
            path: name.to_owned(),
            source: error,
        },
    })?;
    sync_directory(name)
}

/// Makes what happened to names in the directory of `path` outlive a power cut.
pub fn sync_directory(path: &Path) -> Result<(), BackupError> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    File::open(parent)
        .and_then(|directory| directory.sync_all())
        .map_err(BackupError::file(parent))
}

/// Reads the archive: its manifest, and the database's entry as a file in `work`, whose digest fits.
pub fn unpack(path: &Path, work: &Path) -> Result<(Manifest, PathBuf), BackupError> {
    let broken = |reason: &dyn std::fmt::Display| BackupError::broken(path, reason);
    // A pipe would be waited for.
    let found = std::fs::metadata(path).map_err(BackupError::file(path))?;
    if !found.is_file() {
        return Err(broken(&"it is no file"));
    }
    let file = File::open(path).map_err(BackupError::file(path))?;
    let mut archive = tar::Archive::new(file);
    let mut entries = archive.entries().map_err(|error| broken(&error))?;
    let mut next = || match entries.next() {
        Some(entry) => entry.map_err(|error| BackupError::broken(path, error)),
        None => Err(BackupError::broken(path, "it ends too early")),
    };

    let first = next()?;
    if first.path_bytes().as_ref() != MANIFEST.as_bytes() || first.size() > LARGEST_MANIFEST {
        return Err(broken(&"it does not begin with a manifest.json of 1 MiB at most"));
    }
    let manifest: Manifest =
        serde_json::from_reader(first).map_err(|error| broken(&format_args!("manifest.json: {error}")))?;
    // It goes into a statement.
    if !manifest.sha256.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(broken(&"manifest.json: sha256 is not hexadecimal"));
    }
    if manifest.format != FORMAT {
        return Err(broken(&format_args!(
            "its layout is {}, not {FORMAT}",
            manifest.format
        )));
    }

    let name = manifest.backend.entry();
    let mut second = next()?;
    if second.path_bytes().as_ref() != name.as_bytes() || second.size() != manifest.bytes {
        return Err(broken(&format_args!(
            "there is no {name} of {} bytes in it",
            manifest.bytes
        )));
    }
    let database = work.join(format!("unpacked-{name}"));
    let mut to = private(&database).map_err(BackupError::file(&database))?;
    let (size, sha256) = sum(&mut second, &mut to).map_err(|error| broken(&error))?;
    if size != manifest.bytes || sha256 != manifest.sha256 {
        return Err(broken(&format_args!(
            "{name} is not what manifest.json describes (SHA-256)"
        )));
    }
    drop(second);
    if next().is_ok() {
        return Err(broken(&format_args!(
            "there is more in it than manifest.json and {name}"
        )));
    }
    if !is_zero(&mut archive.into_inner()).map_err(BackupError::file(path))? {
        return Err(broken(&"something comes after its end"));
    }
    Ok((manifest, database))
}

/// Whether what is left is padding.
fn is_zero(rest: &mut impl Read) -> std::io::Result<bool> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = rest.read(&mut buffer)?;
        if read == 0 {
            return Ok(true);
        }
        if buffer.iter().take(read).any(|byte| *byte != 0) {
            return Ok(false);
        }
    }
}
