//! `devmesh init`.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;

use clap::Args;

use crate::arguments::Global;
use crate::failure::Failure;
use crate::mesh::data_dir::DataDir;
use crate::settings::FILE;
use crate::terminal::Terminal;

/// Write a commented devmesh.toml and make the data directory. `devmesh up` works without either; this is for those who
/// want to change something.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  devmesh init\n  devmesh --data /srv/mesh init --config /etc/devmesh/devmesh.toml"
)]
pub struct Init {
    /// Where to write the settings.
    #[arg(long, value_name = "FILE", default_value = FILE)]
    config: PathBuf,
    /// Replace a file that is there.
    #[arg(long)]
    force: bool,
}

/// What is written: every line that says something is commented out, so that the defaults hold.
pub(super) const TEMPLATE: &str = include_str!("init/devmesh.toml");

impl Init {
    pub(super) fn run(self, global: &Global, terminal: &Terminal) -> Result<(), Failure> {
        let mut options = OpenOptions::new();
        options.write(true);
        if self.force {
            options.create(true).truncate(true)
        } else {
            options.create_new(true)
        };
        let mut file = options.open(&self.config).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => Failure::Failed(format!(
                "{} is there already; --force replaces it",
                self.config.display()
            )),
            _ => Failure::of(self.config.display(), error),
        })?;
        file.write_all(TEMPLATE.as_bytes())?;
        let data = DataDir::at(&global.connection.data);
        data.create()?;
        terminal.note(format_args!(
            "wrote {}, made {}\nnext: devmesh config check, then devmesh up",
            self.config.display(),
            data.path().display()
        ));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mesh::config::Config;

    /// The template with its commented settings switched on.
    fn switched_on() -> String {
        let line = |line: &str| match line.strip_prefix("# ") {
            Some(setting) if setting.contains(" = ") && !setting.ends_with('.') => setting.to_owned(),
            _ => line.to_owned(),
        };
        TEMPLATE.lines().map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn every_setting_in_the_template_exists_and_has_its_default_value() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        std::fs::write(&path, switched_on()).unwrap();
        let load = |sources| runtime::config::load::<Config>(sources).unwrap();
        let read = load(runtime::config::Sources::new().file(&path));
        let plain = load(runtime::config::Sources::new());
        let masked = |config: &Config| runtime::config::masked(config).unwrap();
        assert_eq!(masked(&read), masked(&plain));
        assert!(switched_on().matches(" = ").count() > 8);
    }
}
