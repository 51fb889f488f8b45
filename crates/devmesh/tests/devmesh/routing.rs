//! `devmesh routing`.

use crate::mesh::Mesh;

#[tokio::test]
async fn a_replay_of_too_little_says_so_and_fails() {
    let mesh = Mesh::up().await.unwrap();
    let said = mesh
        .run(&[
            "routing",
            "replay",
            "--strategy",
            "least_loaded",
            "--since",
            "24h",
        ])
        .unwrap();
    assert_eq!(said.code, 1, "{}", said.stdout);
    assert!(said.stderr.contains("too little is known"), "{}", said.stderr);
    let said = mesh.run(&["routing", "replay", "--strategy", "best"]).unwrap();
    assert_eq!(said.code, 2, "{}", said.stderr);
}
