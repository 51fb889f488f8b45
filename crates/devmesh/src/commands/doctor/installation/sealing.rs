//! The keys that seal credentials: there, well-formed, and the ones that sealed what is there.

use rest_api::service::sealing_key_file;

use crate::arguments::Global;
use crate::commands::doctor::finding::Finding;
use crate::commands::secrets;
use crate::direct::Direct;

const CHECK: &str = "sealing keys";
const BACK: &str = "put the right one back from where you keep it (docs/operations.md, Back-ups)";

/// Nothing to look at on SQLite before the first start.
pub(super) async fn look(config: &rest_api::Config, direct: &Direct, global: &Global) -> Option<Finding> {
    let url = config.database.url.expose();
    let has_database = match url.strip_prefix("sqlite:") {
        Some(path) => std::fs::metadata(path).is_ok_and(|file| file.len() > 0),
        None => true,
    };
    // rest-api makes the first one where there is no database; looking must not.
    let missing = sealing_key_file(config).filter(|file| !file.exists());
    match missing {
        Some(_) if !has_database => return None,
        Some(file) => {
            let found = format!("{} is missing, and the database is there", file.display());
            return Some(Finding::fail(CHECK, found, BACK));
        }
        None => {}
    }
    if let Err(error) = rest_api::direct::vault(config) {
        let advice = "a line is `NAME DIGITS`, 64 hexadecimal digits (`openssl rand -hex 32`)";
        return Some(Finding::fail(CHECK, error, advice));
    }
    // What cannot be opened for another reason is another check's.
    let seals = secrets::seals(direct, global).await.ok()?;
    if let Err(failure) = secrets::not_wrong(&seals) {
        return Some(Finding::fail(CHECK, failure, BACK));
    }
    if !seals.unopenable.is_empty() {
        let names: Vec<_> = seals.unopenable.keys().collect();
        return Some(Finding::fail(
            CHECK,
            format!("{names:?} are needed and missing"),
            BACK,
        ));
    }
    Some(Finding::ok(
        CHECK,
        format!("{} open everything", seals.by_key.len()),
    ))
}
