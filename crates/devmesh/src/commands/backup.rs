//! `devmesh backup` and `devmesh restore`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use domain::{Clock, SystemClock};
use serde_json::{Value, json};
use storage::backup::{self, BackupError, Manifest};

use super::secrets;
use crate::arguments::Global;
use crate::direct::{Direct, Place};
use crate::failure::Failure;
use crate::mesh::data_dir::DataDir;
use crate::terminal::{Column, Terminal, text};

/// Back up the database into one file, while the mesh runs. Credentials in it are sealed; the keys that open them
/// (credentials.key) are not in it: keep a copy of them elsewhere.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  devmesh backup /backup/devmesh-$(date +%F).tar\n  devmesh backup verify /backup/devmesh-2026-11-21.tar\n  \
    devmesh backup nightly.tar --for rest-api --login-file /run/secrets/backup-url\n\nOn PostgreSQL it runs pg_dump, with a \
    login that sees every row (BYPASSRLS)."
)]
pub struct Backup {
    #[command(subcommand)]
    action: Option<Action>,
    /// The file to make; there must be none of that name.
    #[arg(required = true)]
    file: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Read a back-up from its first to its last byte, and say what is in it.
    #[command(after_help = "Example:\n  devmesh backup verify /backup/devmesh-2026-11-21.tar")]
    Verify {
        /// The back-up.
        file: PathBuf,
    },
}

/// Put a back-up where the database is. The mesh must not run meanwhile.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  devmesh restore /backup/devmesh-2026-11-21.tar --data /srv/mesh\n  \
    devmesh restore nightly.tar --for rest-api --replace\n\nThe keys that open its credentials have to be in credentials.key (or \
    `credentials.keys`); it says which are missing. Restore only files of your own: on PostgreSQL a dump is a program."
)]
pub struct Restore {
    /// The back-up.
    file: PathBuf,
    /// Put it in the place of a database that is not empty. A SQLite file is kept beside, under another name.
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    place: Place,
}

const COLUMNS: &[Column] = &[
    ("made", |row| text(row, "made_at")),
    ("of", |row| text(row, "backend")),
    ("schema", |row| number(row, "schema")),
    ("bytes", |row| number(row, "bytes")),
    ("rows", |row| number(row, "total")),
    ("devmesh", |row| text(row, "devmesh")),
    ("keys needed", |row| text(row, "keys")),
];

fn number(row: &Value, field: &str) -> String {
    row.get(field).map(Value::to_string).unwrap_or_default()
}

impl Backup {
    pub(super) async fn run(self, global: &Global, terminal: &Terminal) -> Result<(), Failure> {
        let (file, manifest) = match (self.action, self.file) {
            (Some(Action::Verify { file }), _) => {
                let manifest = backup::verify(&file).await.map_err(refused)?;
                (file, manifest)
            }
            (None, Some(file)) => {
                let url = self.place.url(global)?;
                let manifest = backup::create(&url, &file, SystemClock.now())
                    .await
                    .map_err(refused)?;
                (file, manifest)
            }
            (None, None) => return Err(Failure::Usage("name the file to make".to_owned())),
        };
        show(&file, &manifest, terminal)
    }
}

impl Restore {
    pub(super) async fn run(self, global: &Global, terminal: &Terminal) -> Result<(), Failure> {
        let data = DataDir::at(&global.connection.data);
        // A mesh in one process has its directory locked; one of several processes is for the operator to stop.
        let _lock = data.lock()?;
        let url = self.place.url(global)?;
        let restored = backup::restore(&self.file, &url, self.replace, SystemClock.now()).await;
        let (manifest, kept) = restored.map_err(refused)?;
        if let Some(kept) = kept {
            terminal.note(format_args!("what was there is now {}", kept.display()));
        }
        show(&self.file, &manifest, terminal)?;
        keys_at_hand(&self.place.direct, &manifest, global)?;
        self.keys_open(&url, global).await
    }

    /// Whether they are the ones, and not others of their names. A schema of before is looked at once it is up to date.
    async fn keys_open(&self, url: &str, global: &Global) -> Result<(), Failure> {
        let schema = storage::migrate::status(url).await;
        if !schema.is_ok_and(|schema| schema.pending() == 0) {
            return Ok(());
        }
        let seals = secrets::seals(&self.place.direct, global).await;
        let looked = seals.and_then(|seals| secrets::not_wrong(&seals));
        looked.map_err(|failure| Failure::Failed(format!("the database is restored, but {failure}")))
    }
}

/// Whether the keys at hand open what was restored: better known now than at the first call.
fn keys_at_hand(direct: &Direct, manifest: &Manifest, global: &Global) -> Result<(), Failure> {
    let known = rest_api::direct::key_names(&direct.settings(global)?);
    let known = known.map_err(|error| Failure::Failed(format!("the database is restored, but {error}")))?;
    let missing: Vec<_> = manifest
        .sealed_by
        .keys()
        .filter(|key| !known.contains(key.as_str()))
        .collect();
    match missing.as_slice() {
        [] => Ok(()),
        missing => Err(Failure::Failed(format!(
            "the database is restored, but its credentials need the keys {missing:?}, which are not here: add their lines to \
                 credentials.key (or `credentials.keys`) before the mesh starts"
        ))),
    }
}

fn show(file: &Path, manifest: &Manifest, terminal: &Terminal) -> Result<(), Failure> {
    let mut value = serde_json::to_value(manifest).map_err(|error| Failure::of("manifest", error))?;
    if terminal.is_json() {
        return terminal.json(&value);
    }
    let keys: Vec<_> = manifest.sealed_by.keys().map(String::as_str).collect();
    value["keys"] = json!(if keys.is_empty() {
        "none".to_owned()
    } else {
        keys.join(", ")
    });
    value["total"] = json!(manifest.rows.values().sum::<u64>());
    terminal.note(format_args!("{} is whole", file.display()));
    terminal.record(COLUMNS, &value)
}

fn refused(error: BackupError) -> Failure {
    match error {
        BackupError::Database(sqlx) if sqlx.as_database_error().is_none() => {
            Failure::Unreachable(sqlx.to_string())
        }
        BackupError::Exists(_) | BackupError::NotEmpty | BackupError::Url => {
            Failure::Usage(error.to_string())
        }
        other => Failure::Failed(other.to_string()),
    }
}
