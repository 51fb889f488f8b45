//! Keys of the installation: rotated, and made anew when they are lost.

use test_support::eventually;

use crate::mesh::{Mesh, PATIENCE, run};

#[tokio::test]
async fn the_sealing_key_is_rotated_while_calls_go_on_and_the_old_one_is_not_needed_afterwards() {
    const QUICK: [&str; 2] = ["--set", "rest_api.credentials.rewrap_interval=1s"];
    let mut mesh = Mesh::up_with(&QUICK).await.unwrap();
    let file = mesh.data().join("credentials.key");
    let lines = || std::fs::read_to_string(&file).unwrap().lines().count();
    let old = std::fs::read_to_string(&file).unwrap();
    // The provider `mesh` has a credential, so that every call needs what was sealed.
    let call = || {
        let said = mesh.run(&["tools", "call", "mesh_whoami"]).unwrap();
        assert_eq!(said.code, 0, "{}", said.stderr);
    };
    call();
    let rotated = mesh.run(&["secrets", "rotate"]).unwrap();
    assert_eq!((rotated.code, lines()), (0, 2), "{}", rotated.stderr);
    assert!(!rotated.stderr.contains(old.trim()) && rotated.stdout.is_empty());
    let can_go = || async {
        call();
        let keys = mesh.json(&["secrets", "status"]).unwrap();
        let state = |name: &str| {
            let row = keys
                .as_array()
                .unwrap()
                .iter()
                .find(|row| (row["key"] == "local") == (name == "local"));
            row.map(|row| row["state"].as_str().unwrap().to_owned())
                .unwrap_or_default()
        };
        if (state("local").as_str(), state("new").as_str()) == ("can go", "seals") {
            Ok(())
        } else {
            Err(keys.to_string())
        }
    };
    eventually(PATIENCE, can_go).await.unwrap();
    let pruned = mesh.run(&["secrets", "prune"]).unwrap();
    assert_eq!((pruned.code, lines()), (0, 1), "{}", pruned.stderr);
    assert!(!std::fs::read_to_string(&file).unwrap().contains(old.trim()));
    call();
    assert_eq!(mesh.stop().await.unwrap(), Some(0));
    mesh.again(&[]).await.unwrap();
    let said = mesh.run(&["tools", "call", "mesh_whoami"]).unwrap();
    assert_eq!(said.code, 0, "{}", said.stderr);
}

#[tokio::test]
async fn an_old_sealing_key_that_is_still_needed_is_not_taken_away() {
    let mesh = Mesh::up().await.unwrap();
    assert_eq!(mesh.stop().await.unwrap(), Some(0));
    // Nobody seals again what the old one sealed while the mesh is down.
    assert_eq!(mesh.run(&["secrets", "rotate"]).unwrap().code, 0);
    let refused = mesh.run(&["secrets", "prune"]).unwrap();
    assert_eq!(refused.code, 1);
    assert!(
        refused.stderr.contains("still sealed under an old key"),
        "{}",
        refused.stderr
    );
    assert_eq!(
        std::fs::read_to_string(mesh.data().join("credentials.key"))
            .unwrap()
            .lines()
            .count(),
        2
    );
}

#[tokio::test]
async fn a_lost_admin_key_is_made_anew_from_the_database_also_while_the_mesh_runs() {
    let mesh = Mesh::up().await.unwrap();
    std::fs::remove_file(mesh.data().join("bootstrap.key")).unwrap();
    let locked_out = mesh.run(&["keys", "list"]).unwrap();
    assert_eq!(locked_out.code, 2);
    assert!(
        locked_out.stderr.contains("devmesh keys recover"),
        "{}",
        locked_out.stderr
    );
    let recovered = mesh.run(&["keys", "recover"]).unwrap();
    assert_eq!(recovered.code, 0, "{}", recovered.stderr);
    let key = recovered.stdout.trim();
    assert!(
        key.starts_with("dm_") && !recovered.stderr.contains(key),
        "{}",
        recovered.stderr
    );
    let with_key = |arguments: &[&str]| run(mesh.dir(), arguments, &[("DEVMESH_API_KEY", key)]).unwrap();
    let listed = with_key(&["keys", "list"]);
    assert_eq!(listed.code, 0, "{}", listed.stderr);
    assert!(
        listed.stdout.contains("recovered") && listed.stdout.contains("bootstrap"),
        "{}",
        listed.stdout
    );
    // The edge hears of it too, though another process made it.
    let called = eventually(PATIENCE, || async {
        let said = with_key(&["tools", "call", "mesh_whoami"]);
        if said.code == 0 { Ok(()) } else { Err(said.stderr) }
    });
    called.await.unwrap();
    let nobodys = mesh.run(&["keys", "recover", "--tenant", "nobody"]).unwrap();
    assert_eq!(nobodys.code, 1);
    assert!(
        nobodys.stderr.contains("no tenant `nobody`"),
        "{}",
        nobodys.stderr
    );
}

#[tokio::test]
async fn nothing_is_recovered_where_there_is_no_mesh_and_nothing_is_made_there_either() {
    let dir = tempfile::tempdir().unwrap();
    for command in [["keys", "recover"], ["secrets", "status"]] {
        let said = run(dir.path(), &command, &[]).unwrap();
        assert_eq!(said.code, 1, "{}", said.stderr);
        assert!(said.stderr.contains("devmesh.db"), "{}", said.stderr);
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}
