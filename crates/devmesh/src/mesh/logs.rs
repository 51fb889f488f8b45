//! Where the log lines go.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use telemetry::ring::TraceRing;
use telemetry::{Extras, ServiceInfo, Telemetry, TelemetryConfig, TelemetryError};

use crate::failure::Failure;

/// A log file that is larger than this at start is put aside as `….1`.
const LARGE: u64 = 64 << 20;

/// Where the log lines go.
pub enum Logs {
    /// To stdout or stderr, as `monitoring.logging.output` says.
    Stream,
    /// To a file; each service appends whole lines.
    File {
        /// Where it is.
        path: PathBuf,
        /// It, open.
        file: File,
    },
}

impl Logs {
    /// Logs that go to a file, which is made readable only for its owner.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn to_file(path: PathBuf) -> Result<Self, Failure> {
        if std::fs::metadata(&path).is_ok_and(|file| file.len() > LARGE) {
            let mut aside = path.clone().into_os_string();
            aside.push(".1");
            std::fs::rename(&path, aside).map_err(|error| Failure::of(path.display(), error))?;
        }
        let opened = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&path);
        let file = opened.map_err(|error| Failure::of(path.display(), error))?;
        Ok(Self::File { path, file })
    }

    /// The file, where it is one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Stream => None,
            Self::File { path, .. } => Some(path),
        }
    }

    pub(super) fn start(
        &self,
        info: ServiceInfo,
        config: &TelemetryConfig,
        ring: Option<TraceRing>,
        spans: PathBuf,
    ) -> Result<Telemetry, TelemetryError> {
        let output: Option<Box<dyn Write + Send>> = match self {
            Self::Stream => None,
            Self::File { file, .. } => Some(Box::new(file.try_clone()?)),
        };
        let extras = Extras {
            output,
            ring,
            spans: Some(spans),
        };
        Telemetry::start_with(info, config, extras)
    }
}
