//! `devmesh secrets`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use control::SystemEntropy;
use control::seals::Seals;
use rest_api::service::{fresh_sealing_key, sealing_key_file};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::arguments::Global;
use crate::direct::Direct;
use crate::failure::Failure;
use crate::mesh::data_dir::DataDir;
use crate::terminal::{Column, Terminal, text};

/// The key-encryption keys, which seal the credentials of providers. Works on the file of keys and the database of this
/// machine, while the mesh runs or not.
#[derive(Debug, Args)]
pub struct Secrets {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Say how many secrets each key seals, and which key can go.
    #[command(after_help = "Example:\n  devmesh secrets status")]
    Status(Direct),
    /// Put a new key first. The mesh takes it up within a second or two, and seals under it what the old one sealed.
    #[command(after_help = "Example:\n  devmesh secrets rotate && devmesh secrets status")]
    Rotate(Direct),
    /// Take away the keys that seal nothing any more. Back-ups from before need them.
    #[command(after_help = "Example:\n  devmesh secrets prune")]
    Prune(Direct),
}

const COLUMNS: &[Column] = &[
    ("key", |row| text(row, "key")),
    ("secrets", |row| {
        row.get("secrets").map(Value::to_string).unwrap_or_default()
    }),
    ("state", |row| text(row, "state")),
];

impl Secrets {
    pub(super) async fn run(self, global: &Global, terminal: &Terminal) -> Result<(), Failure> {
        match self.action {
            Action::Status(direct) => {
                let seals = seals(&direct, global).await?;
                terminal.rows(COLUMNS, &rows(&seals), "no keys")?;
                not_wrong(&seals)
            }
            Action::Rotate(direct) => rotate(&direct, global, terminal),
            Action::Prune(direct) => prune(&direct, global, terminal).await,
        }
    }
}

pub(super) async fn seals(direct: &Direct, global: &Global) -> Result<Seals, Failure> {
    let control = direct.open(global).await?;
    let seals = control.seals().await;
    seals.map_err(|error| Failure::of("the database", error))
}

fn rows(seals: &Seals) -> Vec<Value> {
    let state = |key: &str, secrets: u64| {
        if seals.wrong.contains(key) {
            "another key"
        } else if key == seals.first {
            "seals"
        } else if seals.unopenable.contains_key(key) {
            "missing"
        } else if secrets > 0 {
            "still needed"
        } else {
            "can go"
        }
    };
    let row = |(key, secrets): (&String, &u64)| json!({"key": key, "secrets": secrets, "state": state(key, *secrets)});
    seals.by_key.iter().map(row).collect()
}

/// A key of the right name that opens nothing is better noticed here than at the first call.
pub(super) fn not_wrong(seals: &Seals) -> Result<(), Failure> {
    if seals.wrong.is_empty() {
        return Ok(());
    }
    Err(Failure::Failed(format!(
        "the keys {:?} are here under their names, but do not open what these have sealed: {:?}. Put the right ones back; if \
         they are lost, set these credentials again at their providers (`devmesh tools update`)",
        seals.wrong, seals.closed
    )))
}

fn rotate(direct: &Direct, global: &Global, terminal: &Terminal) -> Result<(), Failure> {
    let path = file(direct, global)?;
    let old = read(&path)?;
    let digits = fresh_sealing_key(&SystemEntropy);
    // A name of its own; from random bytes, but other ones than the key's.
    let name: String = fresh_sealing_key(&SystemEntropy).chars().take(8).collect();
    let new = Zeroizing::new(format!("{name} {}\n{}", digits.as_str(), old.as_str()));
    write(&path, &new)?;
    terminal.note(format_args!(
        "the key `{name}` is first in {}; a mesh that runs takes it up by itself. Once `devmesh secrets status` says that \
         the old one can go, `devmesh secrets prune` takes it away",
        path.display()
    ));
    Ok(())
}

async fn prune(direct: &Direct, global: &Global, terminal: &Terminal) -> Result<(), Failure> {
    let path = file(direct, global)?;
    let seals = seals(direct, global).await?;
    not_wrong(&seals)?;
    if seals.under_old > 0 {
        return Err(Failure::Failed(format!(
            "{} secrets are still sealed under an old key: the mesh has to run for up to a minute \
             (`credentials.rewrap_interval`) to seal them under the first",
            seals.under_old
        )));
    }
    let text = read(&path)?;
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let first = lines.next().unwrap_or_default();
    let gone = lines.count();
    if gone > 0 {
        write(&path, &Zeroizing::new(format!("{first}\n")))?;
    }
    terminal.note(format_args!("{gone} keys taken away; `{}` stays", seals.first));
    Ok(())
}

fn file(direct: &Direct, global: &Global) -> Result<PathBuf, Failure> {
    sealing_key_file(&direct.settings(global)?).ok_or_else(|| {
        Failure::Usage(
            "the keys are in the setting `credentials.keys`, not in a file (`credentials.file`): put the new one first there, \
             keep the old one, and start rest-api again"
                .to_owned(),
        )
    })
}

fn read(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let read = std::fs::read_to_string(path);
    read.map(Zeroizing::new)
        .map_err(|error| Failure::of(path.display(), error))
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let parts = path.parent().zip(path.file_name().and_then(|name| name.to_str()));
    let (directory, name) = parts.ok_or_else(|| Failure::Failed(format!("{} is no file", path.display())))?;
    DataDir::at(directory).write_private(name, text)
}
