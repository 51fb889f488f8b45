//! The upstream's own log of effects: a file with one line for each, written before the answer leaves.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use serde_json::json;
use test_support::{Gate, Recorded, Reply};

use super::plan::Broken;
use crate::Shop;

/// Writes whose marker begins so are held open until [`Effects::release`].
pub(super) const HELD: &str = "held-";
/// The address of cloud metadata: no mesh may go there.
const FORBIDDEN: &str = "http://169.254.169.254/latest/meta-data/";

/// The log, and how the upstream answers.
pub(super) struct Effects {
    path: PathBuf,
    file: Mutex<File>,
    gate: Mutex<Gate>,
    broken: Mutex<Option<Broken>>,
    /// Requests so far: what is broken treats every other one in another way.
    requests: Mutex<usize>,
}

impl Effects {
    /// Makes every write of the shop an effect that is in the log.
    pub(super) fn of(shop: &Shop, dir: &Path) -> Result<Arc<Self>> {
        let path = dir.join("effects.log");
        let effects = Arc::new(Self {
            file: Mutex::new(OpenOptions::new().create(true).append(true).open(&path)?),
            path,
            gate: Mutex::new(Gate::new()),
            broken: Mutex::new(None),
            requests: Mutex::new(0),
        });
        let (writes, reads) = (effects.clone(), effects.clone());
        let write = move |request: &Recorded| writes.answer_write(request).unwrap_or(Reply::status(500));
        shop.upstream().on("POST", "/items", Reply::computed(write));
        let read = move |_: &Recorded| {
            let (broken, is_even) = reads.turn();
            in_place_of(
                Reply::json(200, &json!({"id": 5, "name": "lamp"})),
                broken,
                is_even,
            )
        };
        shop.upstream().on("GET", "/items/*", Reply::computed(read));
        Ok(effects)
    }

    fn answer_write(&self, request: &Recorded) -> Result<Reply> {
        let item = request.json()?;
        let marker = item["name"].as_str().unwrap_or_default();
        let (broken, is_even) = self.turn();
        if is_even || !matches!(broken, Some(Broken::Resets | Broken::Redirects)) {
            self.note(marker)?;
        }
        let reply = Reply::json(201, &json!({"id": 7, "name": marker}));
        if marker.starts_with(HELD) {
            return Ok(reply.held_by(&lock(&self.gate)));
        }
        Ok(in_place_of(reply, broken, is_even))
    }

    /// How this request is answered: what is broken, and whether it is one of every other.
    fn turn(&self) -> (Option<Broken>, bool) {
        let mut requests = lock(&self.requests);
        *requests += 1;
        (*lock(&self.broken), requests.is_multiple_of(2))
    }

    fn note(&self, marker: &str) -> Result<()> {
        let mut file = lock(&self.file);
        writeln!(file, "{marker}")?;
        Ok(file.sync_data()?)
    }

    /// How the upstream answers from now on.
    pub(super) fn behave(&self, broken: Option<Broken>) {
        *lock(&self.broken) = broken;
    }

    /// Answers what is held; what comes later is held again.
    pub(super) fn release(&self) {
        std::mem::take(&mut *lock(&self.gate)).open();
    }

    /// The markers of all effects so far.
    pub(super) fn markers(&self) -> Result<Vec<String>> {
        let text = std::fs::read_to_string(&self.path)?;
        Ok(text.lines().map(str::to_owned).collect())
    }
}

/// What comes in the place of `reply`.
fn in_place_of(reply: Reply, broken: Option<Broken>, is_even: bool) -> Reply {
    match broken {
        None => reply,
        Some(Broken::Hangs) => Reply::hang(),
        Some(Broken::Resets) => Reply::reset(),
        Some(Broken::Garbage) if is_even => Reply::bytes(200, "application/json", "{\"id\": 7, \u{0}<html>"),
        Some(Broken::Garbage) => Reply::cut_short(200, 1_000, "{\"id\": 7"),
        // 302 says nothing about whether it was done; 307 says that it was not.
        Some(Broken::Redirects) => Reply::redirect(if is_even { 302 } else { 307 }, FORBIDDEN),
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
