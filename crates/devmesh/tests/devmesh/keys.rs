//! `devmesh keys`.

use serde_json::json;
use test_support::eventually;

use crate::mesh::{Mesh, PATIENCE, run};

#[tokio::test]
async fn a_key_is_shown_once_works_within_its_scopes_and_is_refused_once_revoked() {
    let mesh = Mesh::up().await.unwrap();
    let made = mesh.run(&["keys", "create", "ci", "--kind", "agent"]).unwrap();
    assert_eq!(made.code, 0, "{}", made.stderr);
    let key = made.stdout.trim().to_owned();
    assert!(
        key.starts_with("dm_"),
        "stdout has the key and nothing else: {}",
        made.stdout
    );
    let listed = mesh.run(&["keys", "list"]).unwrap().stdout;
    assert!(listed.contains("ci") && !listed.contains(&key), "{listed}");

    let with_key = |arguments: &[&str]| run(mesh.dir(), arguments, &[("DEVMESH_API_KEY", &key)]).unwrap();
    let called = eventually(PATIENCE, || async {
        let said = with_key(&["tools", "call", "mesh_whoami"]);
        if said.code == 0 { Ok(()) } else { Err(said.stderr) }
    });
    called.await.unwrap();
    let refused = with_key(&["keys", "list"]);
    assert_eq!(refused.code, 1);
    assert!(
        refused.stderr.contains("403") && refused.stderr.contains("keys:read"),
        "{}",
        refused.stderr
    );

    assert_eq!(mesh.run(&["keys", "revoke", "ci"]).unwrap().code, 0);
    let refused = with_key(&["tools", "list"]);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("401"), "{}", refused.stderr);
}

#[tokio::test]
async fn a_rotated_key_has_a_successor_and_a_name_that_means_nobody_is_refused() {
    let mesh = Mesh::up().await.unwrap();
    let old = mesh.json(&["keys", "create", "ci"]).unwrap();
    let new = mesh.json(&["keys", "rotate", "ci", "--grace", "0s"]).unwrap();
    assert_eq!(new["key"]["name"], json!("ci"));
    assert_ne!(new["secret"], old["secret"]);
    let whoami = |secret: &serde_json::Value| {
        run(
            mesh.dir(),
            &["tools", "list"],
            &[("DEVMESH_API_KEY", secret.as_str().unwrap())],
        )
        .unwrap()
        .code
    };
    assert_eq!((whoami(&old["secret"]), whoami(&new["secret"])), (1, 0));
    let nobody = mesh.run(&["keys", "revoke", "nobody"]).unwrap();
    assert_eq!(nobody.code, 1);
    assert!(
        nobody.stderr.contains("there is no key `nobody`"),
        "{}",
        nobody.stderr
    );
}

#[tokio::test]
async fn what_a_key_is_shown_can_be_chosen_again() {
    let mesh = Mesh::up().await.unwrap();
    mesh.json(&["keys", "create", "triage", "--pin", "tag:pulls"])
        .unwrap();
    let pins = |arguments: &[&str]| {
        mesh.json(&[&["keys", "pin", "triage"], arguments].concat())
            .unwrap()["pins"]
            .clone()
    };
    assert_eq!(pins(&["mesh_*", "tag:keys"]), json!(["mesh_*", "tag:keys"]));
    assert_eq!(pins(&["--none"]), json!([]));
    let wrong = mesh.run(&["keys", "pin", "triage", "two words"]).unwrap();
    assert!(
        wrong.code == 1 && wrong.stderr.contains("pins[0]"),
        "{}",
        wrong.stderr
    );
    assert_eq!(mesh.run(&["keys", "pin", "triage"]).unwrap().code, 2);
}

#[tokio::test]
async fn during_the_grace_of_a_rotation_its_name_means_the_newest_key() {
    let mesh = Mesh::up().await.unwrap();
    let old = mesh.json(&["keys", "create", "ci"]).unwrap();
    let new = mesh.json(&["keys", "rotate", "ci", "--grace", "1h"]).unwrap();
    let revoked = mesh.run(&["keys", "revoke", "ci"]).unwrap();
    assert_eq!(revoked.code, 0, "{}", revoked.stderr);
    assert!(
        revoked.stderr.contains(old["key"]["prefix"].as_str().unwrap()),
        "the other one is told of: {}",
        revoked.stderr
    );
    let whoami = |key: &serde_json::Value| {
        let env = [("DEVMESH_API_KEY", key["secret"].as_str().unwrap())];
        run(mesh.dir(), &["tools", "list"], &env).unwrap().code
    };
    assert_eq!((whoami(&old), whoami(&new)), (0, 1));
}

#[tokio::test]
async fn a_flag_wins_over_the_variable_of_the_other_way_to_give_a_key() {
    let mesh = Mesh::up().await.unwrap();
    let file = mesh.data().join("bootstrap.key");
    let file = file.to_str().unwrap();
    let wrong = ("DEVMESH_API_KEY", "dm_wrong");
    let by_flag = run(mesh.dir(), &["--key-file", file, "keys", "list"], &[wrong]).unwrap();
    assert_eq!(by_flag.code, 0, "{}", by_flag.stderr);
    let after_the_command = run(mesh.dir(), &["keys", "list", "--key-file", file], &[wrong]).unwrap();
    assert_eq!(after_the_command.code, 0, "{}", after_the_command.stderr);
    let key = std::fs::read_to_string(file).unwrap();
    let by_key = ["keys", "list", "--key", key.trim()];
    let by_key = run(mesh.dir(), &by_key, &[("DEVMESH_API_KEY_FILE", "nowhere")]).unwrap();
    assert_eq!(by_key.code, 0, "{}", by_key.stderr);
    let both = run(
        mesh.dir(),
        &["keys", "list"],
        &[wrong, ("DEVMESH_API_KEY_FILE", file)],
    )
    .unwrap();
    assert_eq!(both.code, 2);
    assert!(
        both.stderr.contains("DEVMESH_API_KEY_FILE") && !both.stderr.contains("dm_wrong"),
        "{}",
        both.stderr
    );
}
