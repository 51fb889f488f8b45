//! Back-up and restore on one machine.

use std::collections::BTreeSet;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;
use test_support::eventually;

use crate::mesh::{Mesh, PATIENCE, Said, run};

/// A call that needs a key, the catalogue and a credential.
const CALL: [&str; 3] = ["tools", "call", "mesh_whoami"];

/// A mesh with one more key, stopped, its back-up, and the files of its keys.
async fn backed_up() -> (Mesh, PathBuf, Value) {
    let mesh = Mesh::up().await.unwrap();
    let file = mesh.dir().join("mesh.tar");
    let manifest = mesh.json(&["backup", file.to_str().unwrap()]).unwrap();
    assert_eq!(mesh.stop().await.unwrap(), Some(0));
    (mesh, file, manifest)
}

/// The mesh's own API is at another port after a restart, and is added anew for it.
async fn answers(mesh: &Mesh) {
    let answers = || async {
        let said = mesh.run(&CALL).unwrap();
        if said.code == 0 { Ok(()) } else { Err(said.stderr) }
    };
    eventually(PATIENCE, answers).await.unwrap();
}

fn names_of(mesh: &Mesh, what: &str) -> BTreeSet<String> {
    let rows = mesh.json(&[what, "list"]).unwrap();
    let names = rows.as_array().unwrap().iter();
    names
        .map(|row| row["name"].as_str().unwrap().to_owned())
        .collect()
}

fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_back_up_that_was_made_while_the_mesh_ran_answers_calls_on_a_fresh_machine() {
    let mut mesh = Mesh::up().await.unwrap();
    let before = names_of(&mesh, "keys");
    let file = mesh.dir().join("mesh.tar");
    let manifest = mesh.json(&["backup", file.to_str().unwrap()]).unwrap();
    assert_eq!(manifest["backend"], "sqlite");
    assert!(manifest["rows"]["tenants"].as_u64() >= Some(1), "{manifest}");
    assert!(manifest["sealed_by"]["local"].as_u64() >= Some(1), "{manifest}");
    // What comes later is not in it.
    let late = mesh.run(&["keys", "create", "late"]).unwrap();
    assert_eq!(late.code, 0, "{}", late.stderr);
    let age = || async {
        // On a busy machine another check may fail.
        let said = mesh.run(&["--output", "json", "doctor", "--daily"]).unwrap();
        let findings: Value = serde_json::from_str(&said.stdout).unwrap();
        let found = findings
            .as_array()
            .unwrap()
            .iter()
            .find(|f| f["check"] == "backup");
        match found.filter(|finding| finding["found"] == "0 h old") {
            Some(_) => Ok(()),
            None => Err(findings.to_string()),
        }
    };
    eventually(PATIENCE, age).await.unwrap();
    assert_eq!(
        mesh.run(&["backup", "verify", file.to_str().unwrap()])
            .unwrap()
            .code,
        0
    );
    assert_eq!(mesh.stop().await.unwrap(), Some(0));

    // The machine is gone: the back-up and the keys, which were kept apart, are what is left.
    let old = mesh.data();
    let keys: Vec<_> = ["credentials.key", "bootstrap.key", "admin.key"]
        .into_iter()
        .map(|name| (name, std::fs::read(old.join(name)).unwrap()))
        .collect();
    std::fs::remove_dir_all(&old).unwrap();
    std::fs::create_dir(&old).unwrap();
    for (name, key) in &keys {
        std::fs::write(old.join(name), key).unwrap();
    }
    let restored = mesh.run(&["restore", file.to_str().unwrap()]).unwrap();
    assert_eq!(restored.code, 0, "{}", restored.stderr);
    mesh.again(&[]).await.unwrap();
    answers(&mesh).await;
    assert!(names_of(&mesh, "keys").is_superset(&before));
    assert!(!names_of(&mesh, "keys").contains("late"));
}

#[tokio::test]
async fn a_back_up_is_closed_to_others_and_holds_no_key_in_the_clear() {
    use std::os::unix::fs::PermissionsExt;
    let (mesh, file, _) = backed_up().await;
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let unpacked = TempDir::new().unwrap();
    let tar = |arguments: &[&str]| {
        let run = std::process::Command::new(arguments[0])
            .args(&arguments[1..])
            .current_dir(unpacked.path())
            .status();
        assert!(run.unwrap().success(), "{arguments:?}");
    };
    // Other people's tools read it.
    tar(&["tar", "xf", file.to_str().unwrap()]);
    tar(&["gzip", "-d", "database.sqlite.gz"]);
    let all = std::fs::read(unpacked.path().join("database.sqlite")).unwrap();
    assert!(all.starts_with(b"SQLite format 3\0"));
    for name in ["credentials.key", "bootstrap.key", "admin.key"] {
        let key = std::fs::read_to_string(mesh.data().join(name)).unwrap();
        for word in key.split_whitespace() {
            let found = all.windows(word.len()).any(|window| window == word.as_bytes());
            assert!(!found || word.len() < 16, "{name} is in the back-up");
        }
    }
}

#[tokio::test]
async fn what_is_there_is_never_overwritten_unless_that_was_asked_for_and_then_it_is_kept() {
    let (mut mesh, file, _) = backed_up().await;
    let name = file.to_str().unwrap();
    let again = mesh.run(&["backup", name]).unwrap();
    assert_eq!(again.code, 2);
    assert!(again.stderr.contains("is there already"), "{}", again.stderr);
    let refused = mesh.run(&["restore", name]).unwrap();
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("--replace"), "{}", refused.stderr);

    let replaced = mesh.run(&["restore", name, "--replace"]).unwrap();
    assert_eq!(replaced.code, 0, "{}", replaced.stderr);
    let kept: Vec<_> = names(&mesh.data())
        .into_iter()
        .filter(|name| name.contains(".before-") && name.ends_with('Z'))
        .collect();
    assert_eq!(kept.len(), 1, "{kept:?}");
    mesh.again(&[]).await.unwrap();
    answers(&mesh).await;
    let running = mesh.run(&["restore", name, "--replace"]).unwrap();
    assert_eq!(running.code, 1);
    assert!(running.stderr.contains("another mesh runs"), "{}", running.stderr);
    answers(&mesh).await;
}

#[tokio::test]
async fn a_damaged_or_foreign_file_is_refused_by_its_reason_and_leaves_nothing_behind() {
    let (mesh, file, manifest) = backed_up().await;
    let fresh = TempDir::new().unwrap();
    let bytes = std::fs::read(&file).unwrap();
    let middle = u64::try_from(bytes.len() / 2).unwrap();
    let damaged = |name: &str, damage: &dyn Fn(&mut std::fs::File)| {
        let path = fresh.path().join(name);
        std::fs::write(&path, &bytes).unwrap();
        let mut open = std::fs::OpenOptions::new();
        damage(&mut open.read(true).write(true).open(&path).unwrap());
        path
    };
    let schema = format!("\"schema\": {}", manifest["schema"]);
    let newer = |file: &mut std::fs::File| {
        let mut text = Vec::new();
        file.read_to_end(&mut text).unwrap();
        let at = text
            .windows(schema.len())
            .position(|part| part == schema.as_bytes());
        file.seek(SeekFrom::Start(at.unwrap() as u64)).unwrap();
        let later = schema.replace(&manifest["schema"].to_string(), "99");
        file.write_all(later.as_bytes()).unwrap();
    };
    let pipe = fresh.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let cases: [(PathBuf, &str); 7] = [
        (pipe, "it is no file"),
        (
            damaged("junk", &|file| {
                file.seek(SeekFrom::End(0)).unwrap();
                file.write_all(b"something else").unwrap();
            }),
            "something comes after its end",
        ),
        (
            damaged("cut", &|file| file.set_len(middle).unwrap()),
            "no whole back-up",
        ),
        (
            damaged("flipped", &|file| {
                file.seek(SeekFrom::Start(middle)).unwrap();
                file.write_all(b"\xff\0\xff\0").unwrap();
            }),
            "not what manifest.json describes",
        ),
        (
            damaged("empty", &|file| file.set_len(0).unwrap()),
            "it ends too early",
        ),
        (damaged("newer", &newer), "use that version or a later one"),
        (fresh.path().join("none"), "No such file"),
    ];
    let data = fresh.path().join("data");
    for (path, reason) in cases {
        for command in [&["backup", "verify"][..], &["restore"]] {
            let arguments = [
                command,
                &[path.to_str().unwrap(), "--data", data.to_str().unwrap()],
            ]
            .concat();
            let said = run(mesh.dir(), &arguments, &[]).unwrap();
            assert_eq!(said.code, 1, "{path:?}: {}", said.stderr);
            assert!(said.stderr.contains(reason), "{path:?}: {}", said.stderr);
        }
    }
    assert_eq!(names(&data), ["lock"]);
}

/// What a restore says where this is the file of keys.
async fn restored_beside(keys: &str) -> Said {
    let (mesh, file, _) = backed_up().await;
    let elsewhere = TempDir::new().unwrap();
    std::fs::write(elsewhere.path().join("credentials.key"), keys).unwrap();
    let (file, data) = (file.to_str().unwrap(), elsewhere.path().to_str().unwrap());
    run(mesh.dir(), &["restore", file, "--data", data], &[]).unwrap()
}

#[tokio::test]
async fn a_restore_without_the_key_that_seals_its_credentials_says_which_one_is_missing() {
    let said = restored_beside(&format!("another {}\n", "0".repeat(64))).await;
    assert_eq!(said.code, 1);
    assert!(
        said.stderr.contains("need the keys [\"local\"]"),
        "{}",
        said.stderr
    );
}

#[tokio::test]
async fn a_restore_beside_another_key_of_the_same_name_says_so_at_once() {
    let said = restored_beside(&format!("local {}\n", "ab".repeat(32))).await;
    assert_eq!(said.code, 1);
    assert!(
        said.stderr.contains("is restored, but") && said.stderr.contains("\"local\""),
        "{}",
        said.stderr
    );
    assert!(said.stderr.contains("do not open"), "{}", said.stderr);
}
