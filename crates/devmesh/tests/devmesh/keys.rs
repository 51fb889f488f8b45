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
