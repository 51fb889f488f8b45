//! `devmesh generate`: the documents that are made from the code.

use std::path::PathBuf;

use clap::Args;

use crate::failure::Failure;
use crate::generate;

/// Write the generated documents.
#[derive(Debug, Args)]
pub struct Generate {
    /// Directory that is laid out like the repository.
    #[arg(long, default_value = ".")]
    out: PathBuf,
}

impl Generate {
    pub(super) fn run(self) -> Result<(), Failure> {
        for (path, text) in generate::documents()? {
            let path = self.out.join(path);
            if let Some(directory) = path.parent() {
                std::fs::create_dir_all(directory)
                    .map_err(|error| Failure::of(directory.display(), error))?;
            }
            std::fs::write(&path, text).map_err(|error| Failure::of(path.display(), error))?;
        }
        Ok(())
    }
}
