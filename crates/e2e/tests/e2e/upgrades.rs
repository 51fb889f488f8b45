//! Upgrades from what a release wrote, without building it: `tests/releases/VERSION` is a back-up of a mesh of that release, made by
//! `target/debug/upgrade --from PROGRAMS --store FOLDER`. What else is promised is tried by `scripts/tests.d/full/upgrade.sh`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use e2e::upgrade;

#[tokio::test]
async fn what_each_release_wrote_is_restored_and_served_by_this_build() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let releases = fs::read_to_string(root.join("../../deploy/releases.toml"))?;
    let versions = releases
        .lines()
        .filter_map(|line| line.strip_prefix("version = "));
    let mut served = 0;
    for version in versions.map(|version| version.trim_matches('"')) {
        let folder = root.join("tests/releases").join(version);
        upgrade::is_served(&folder)
            .await
            .with_context(|| version.to_owned())?;
        served += 1;
    }
    ensure!(served > 0, "no release");
    Ok(())
}
