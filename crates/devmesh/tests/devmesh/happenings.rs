//! `devmesh events`: the newest of what has happened.

use test_support::eventually;

use crate::mesh::{Mesh, PATIENCE};

fn numbers_of(mesh: &Mesh, more: &[&str]) -> anyhow::Result<Vec<String>> {
    let events = mesh.json(&[&["events"], more].concat())?;
    let events = events.as_array().into_iter().flatten();
    Ok(events.map(|event| event["number"].to_string()).collect())
}

#[tokio::test]
async fn the_newest_events_are_shown_oldest_of_them_first_whatever_filter_there_is() {
    let mesh = Mesh::up().await.unwrap();
    for _ in 0..15 {
        mesh.json(&["tasks", "create", "build"]).unwrap();
    }
    // Each is created and waits: numbers 1 to 30, given right after.
    let told = || async {
        let all = numbers_of(&mesh, &["--after", "0", "--limit", "200"])?;
        anyhow::ensure!(all.len() == 30, "{all:?}");
        Ok(())
    };
    eventually(PATIENCE, told).await.unwrap();
    let numbers = |from: u32, to: u32| (from..=to).map(|number| number.to_string()).collect::<Vec<_>>();
    assert_eq!(numbers_of(&mesh, &[]).unwrap(), numbers(11, 30));
    assert_eq!(numbers_of(&mesh, &["--limit", "3"]).unwrap(), numbers(28, 30));
    assert_eq!(
        numbers_of(&mesh, &["--after", "4", "--limit", "2"]).unwrap(),
        numbers(5, 6)
    );
    let created = numbers_of(&mesh, &["--type", "task.created", "--limit", "14"]).unwrap();
    assert_eq!(created.len(), 14);
    assert!(!created.contains(&"1".to_owned()), "{created:?}");
    assert_eq!(
        numbers_of(&mesh, &["--type", "agent.*"]).unwrap(),
        Vec::<String>::new()
    );
}
