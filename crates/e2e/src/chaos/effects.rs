//! The upstream's own log of effects: a file with one line for each, written before the answer leaves.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use test_support::{Gate, Recorded, Reply};

use crate::Shop;

/// Writes whose marker begins so are held open until [`Effects::release`].
pub(super) const HELD: &str = "held-";

/// The log, and the gate before the answers to held writes.
pub(super) struct Effects {
    path: PathBuf,
    gate: Mutex<Gate>,
}

impl Effects {
    /// Makes every write of the shop an effect that is in the log.
    pub(super) fn of(shop: &Shop, dir: &Path) -> Result<Arc<Self>> {
        let path = dir.join("effects.log");
        let file = Mutex::new(OpenOptions::new().create(true).append(true).open(&path)?);
        let gate = Mutex::new(Gate::new());
        let effects = Arc::new(Self { path, gate });
        let log = effects.clone();
        let reply = move |request: &Recorded| log.answer(&file, request).unwrap_or(Reply::status(500));
        shop.upstream().on("POST", "/items", Reply::computed(reply));
        Ok(effects)
    }

    fn answer(&self, file: &Mutex<File>, request: &Recorded) -> Result<Reply> {
        let item = request.json()?;
        let marker = item["name"].as_str().unwrap_or_default();
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(file, "{marker}")?;
        file.sync_data()?;
        let reply = Reply::json(201, &serde_json::json!({"id": 7, "name": marker}));
        if marker.starts_with(HELD) {
            return Ok(reply.held_by(&self.gate.lock().unwrap_or_else(PoisonError::into_inner)));
        }
        Ok(reply)
    }

    /// Answers what is held; what comes later is held again.
    pub(super) fn release(&self) {
        let mut gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *gate).open();
    }

    /// The markers of all effects so far.
    pub(super) fn markers(&self) -> Result<Vec<String>> {
        let text = std::fs::read_to_string(&self.path)?;
        Ok(text.lines().map(str::to_owned).collect())
    }
}
