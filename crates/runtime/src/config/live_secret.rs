//! A secret that may change while the process runs.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Secret;

/// How often a file is looked at, at most.
const EVERY: Duration = Duration::from_secs(1);

/// Secrets that are interchangeable for a while: the first is the one to show, all of them are accepted. Either one that a
/// setting holds, or the lines of a file, which is read again when it has changed.
pub struct LiveSecret(Source);

enum Source {
    Fixed(Arc<[Secret]>),
    File(PathBuf, Mutex<Seen>),
}

struct Seen {
    looked: Instant,
    stamp: Stamp,
    lines: Arc<[Secret]>,
}

/// What differs when a file was written, or another one was put in its place.
type Stamp = (u64, u64, i64, i64);

impl LiveSecret {
    /// One secret, for as long as the process runs.
    #[must_use]
    pub fn fixed(secret: Secret) -> Self {
        Self(Source::Fixed([secret].into()))
    }

    /// The lines of the file at `path`.
    ///
    /// # Errors
    /// When it cannot be read, or has no line with anything in it.
    pub fn file(path: &Path) -> io::Result<Self> {
        let (stamp, lines) = read(path)?;
        let seen = Seen {
            looked: Instant::now(),
            stamp,
            lines,
        };
        Ok(Self(Source::File(path.to_owned(), Mutex::new(seen))))
    }

    /// The secrets as they are now, to about a second; never none. What a file held stays while it cannot be read.
    #[must_use]
    pub fn now(&self) -> Arc<[Secret]> {
        match &self.0 {
            Source::Fixed(secrets) => Arc::clone(secrets),
            Source::File(path, seen) => {
                let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                if seen.looked.elapsed() >= EVERY {
                    seen.look(path);
                }
                Arc::clone(&seen.lines)
            }
        }
    }
}

impl Seen {
    fn look(&mut self, path: &Path) {
        self.looked = Instant::now();
        let same = stamp(path).is_ok_and(|stamp| stamp == self.stamp);
        if same {
            return;
        }
        match read(path) {
            Ok((stamp, lines)) => {
                tracing::info!(path = %path.display(), secrets = lines.len(), "a file of secrets has changed");
                (self.stamp, self.lines) = (stamp, lines);
            }
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "a file of secrets cannot be read; what it held is used");
            }
        }
    }
}

fn stamp(path: &Path) -> io::Result<Stamp> {
    let file = fs::metadata(path)?;
    Ok((file.ino(), file.len(), file.mtime(), file.mtime_nsec()))
}

fn read(path: &Path) -> io::Result<(Stamp, Arc<[Secret]>)> {
    let stamp = stamp(path)?;
    let text = fs::read_to_string(path)?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let lines: Arc<[Secret]> = lines.map(Secret::new).collect();
    if lines.is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "there is nothing in it",
        ));
    }
    Ok((stamp, lines))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(secret: &LiveSecret) -> Vec<String> {
        secret.now().iter().map(|line| line.expose().to_owned()).collect()
    }

    /// Polls until the secret is `expected`.
    fn becomes(secret: &LiveSecret, expected: &[&str]) {
        let end = Instant::now() + Duration::from_secs(10);
        while shown(secret) != expected {
            assert!(Instant::now() < end, "{:?}", shown(secret));
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_file_that_changes_is_read_again_and_one_that_is_broken_is_not_believed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("service.key");
        assert!(LiveSecret::file(&path).is_err(), "it is not there");
        fs::write(&path, "\n").unwrap();
        assert!(LiveSecret::file(&path).is_err(), "it is empty");
        fs::write(&path, "old\n").unwrap();
        let secret = LiveSecret::file(&path).unwrap();
        assert_eq!(shown(&secret), ["old"]);
        fs::write(&path, "old\nnew\n").unwrap();
        becomes(&secret, &["old", "new"]);
        // As Kubernetes does it: another file takes its place, here of the same length.
        fs::write(dir.path().join("next"), "new\nold\n").unwrap();
        fs::rename(dir.path().join("next"), &path).unwrap();
        becomes(&secret, &["new", "old"]);
        fs::remove_file(&path).unwrap();
        let end = Instant::now() + EVERY + EVERY / 2;
        while Instant::now() < end {
            assert_eq!(shown(&secret), ["new", "old"]);
            std::thread::yield_now();
        }
    }

    #[test]
    fn it_is_not_printed() {
        assert_eq!(format!("{:?}", LiveSecret::fixed("s3cret".into()).now()), "[***]");
    }
}
