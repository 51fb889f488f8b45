//! The first start: the bootstrap key goes to a file that only its owner can read, never to a log.

use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use control::Control;

use super::BuildError;
use crate::config::Config;

/// The file in `data_dir`.
pub(super) const BOOTSTRAP_KEY: &str = "bootstrap.key";

/// Makes the first tenant and its key when there is no tenant yet.
pub(super) async fn run(control: &Control, config: &Config) -> Result<(), BuildError> {
    let Some((tenant, key)) = control.bootstrap().await? else {
        return Ok(());
    };
    let path = config.data_dir.join(BOOTSTRAP_KEY);
    write_private(&path, &key.reveal())?;
    tracing::info!(
        tenant_id = %tenant.id,
        path = %path.display(),
        "first start: the admin key of the tenant `default` is in this file; move it to a safe place"
    );
    Ok(())
}

/// Writes a file with mode 0600 in a directory with mode 0700. A file of that name is replaced as a whole.
pub(super) fn write_private(path: &Path, text: &str) -> Result<(), BuildError> {
    let failed = |source| BuildError::DataDir {
        path: path.display().to_string(),
        source,
    };
    if let Some(directory) = path.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .map_err(failed)?;
    }
    let new = path.with_extension("new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let write = || {
        let mut file = options.open(&new)?;
        writeln!(file, "{text}")?;
        file.sync_all()?;
        std::fs::rename(&new, path)
    };
    write().map_err(failed)
}
