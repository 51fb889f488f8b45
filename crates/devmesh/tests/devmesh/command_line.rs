//! Commands that need no mesh, and what all commands have in common.

use serde_json::Value;
use test_support::{eventually, free_port};

use crate::mesh::{Mesh, PATIENCE, run};

#[test]
fn exit_codes_tell_usage_from_refusal_from_absence() {
    let dir = tempfile::tempdir().unwrap();
    let code = |arguments: &[&str]| run(dir.path(), arguments, &[]).unwrap().code;
    assert_eq!(code(&["--help"]), 0);
    assert_eq!(code(&["no-such-command"]), 2);
    assert_eq!(code(&["tools", "list"]), 2, "no key");
    assert_eq!(
        code(&["--key", "a\nb", "tools", "list"]),
        2,
        "no key could look so"
    );
    assert_eq!(code(&["--key", "", "tools", "list"]), 2, "an empty key");
    assert_eq!(
        code(&["--key", "dm_x", "tools", "remove", ".."]),
        2,
        "another path than a provider's"
    );
    let nobody = format!("http://127.0.0.1:{}", free_port().unwrap());
    let absent = run(
        dir.path(),
        &["--url", &nobody, "tools", "list"],
        &[("DEVMESH_API_KEY", "dm_x")],
    )
    .unwrap();
    assert_eq!(absent.code, 3);
    assert!(
        absent.stderr.contains(&nobody) && absent.stderr.contains("devmesh up"),
        "{}",
        absent.stderr
    );
}

#[test]
fn a_value_out_of_its_range_is_wrong_usage_that_names_the_option() {
    let dir = tempfile::tempdir().unwrap();
    for (arguments, option) in [
        (&["alerts", "list", "--limit", "0"][..], "--limit"),
        (&["jobs", "list", "--limit", "0"], "--limit"),
        (&["audit", "--limit", "0"], "--limit"),
        (&["alerts", "list", "--priority", "P7"], "--priority"),
        (&["trace", "audit", "--at-least", "101"], "--at-least"),
        (&["trace", "audit", "--at-least", "NaN"], "--at-least"),
    ] {
        let refused = run(dir.path(), &[&["--key", "dm_x"], arguments].concat(), &[]).unwrap();
        assert!(
            refused.code == 2 && refused.stderr.contains(option),
            "{arguments:?}: {} {}",
            refused.code,
            refused.stderr
        );
    }
}

#[test]
fn what_init_writes_is_accepted_and_not_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let said = |arguments: &[&str]| run(dir.path(), arguments, &[]).unwrap();
    assert_eq!(said(&["init"]).code, 0);
    assert!(dir.path().join(".devmesh").is_dir());
    let checked = said(&["config", "check"]);
    assert_eq!(checked.code, 0, "{}", checked.stderr);
    assert!(checked.stderr.contains("devmesh.toml"), "{}", checked.stderr);
    assert_eq!(said(&["init"]).code, 1);
    assert_eq!(said(&["init", "--force"]).code, 0);
}

#[test]
fn a_wrong_setting_is_named_with_the_nearest_right_one() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(
        dir.path().join("devmesh.toml"),
        "[mcp_server.listen]\nadress = \"0.0.0.0:1\"\n",
    )
    .unwrap();
    let checked = run(
        dir.path(),
        &["config", "check"],
        &[("DEVMESH_WORKER__DRAINN", "1s")],
    )
    .unwrap();
    assert_eq!(checked.code, 2);
    for expected in ["mcp_server.listen.address", "DEVMESH_WORKER__DRAIN"] {
        assert!(
            checked.stderr.contains(expected),
            "{expected} is not in\n{}",
            checked.stderr
        );
    }
}

#[test]
fn settings_are_shown_with_their_secrets_masked() {
    let dir = tempfile::tempdir().unwrap();
    let url = "postgres://user:hunter2@db/mesh";
    for (component, variable) in [
        ("devmesh", "DEVMESH_REST_API__DATABASE__URL"),
        ("rest-api", "DATABASE_URL"),
    ] {
        let shown = run(
            dir.path(),
            &["config", "show", "--for", component],
            &[(variable, url)],
        )
        .unwrap();
        assert_eq!(shown.code, 0, "{}", shown.stderr);
        assert!(
            shown.stdout.contains("***") && !shown.stdout.contains("hunter2"),
            "{}",
            shown.stdout
        );
        let arguments = ["config", "show", "--for", component, "--output", "json"];
        let shown = run(dir.path(), &arguments, &[(variable, url)]).unwrap();
        let json: serde_json::Value = serde_json::from_str(&shown.stdout).unwrap();
        assert!(json.is_object() && !shown.stdout.contains("hunter2"), "{json}");
    }
}

#[test]
fn completions_know_the_commands() {
    let dir = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let script = run(dir.path(), &["completions", shell], &[]).unwrap();
        assert!(script.code == 0 && script.stdout.contains("refresh"), "{shell}");
    }
}

#[tokio::test]
async fn probe_tells_ready_from_not_there() {
    let mesh = Mesh::up().await.unwrap();
    let running: Value =
        serde_json::from_str(&std::fs::read_to_string(mesh.data().join("running.json")).unwrap()).unwrap();
    let api = running["api_url"].as_str().unwrap();
    assert_eq!(
        mesh.run(&["probe", &format!("{api}health/ready")]).unwrap().code,
        0
    );
    assert_eq!(
        mesh.run(&["probe", &format!("{api}api/v1/whoami")]).unwrap().code,
        1
    );
    let nobody = format!("http://127.0.0.1:{}/", free_port().unwrap());
    assert_eq!(mesh.run(&["probe", &nobody]).unwrap().code, 3);
}

#[tokio::test]
async fn doctor_finds_nothing_on_a_healthy_mesh_and_the_key_that_others_can_read() {
    use std::os::unix::fs::PermissionsExt;
    let mesh = Mesh::up().await.unwrap();
    // Health is looked at every quarter of a second; what was seen while the mesh started is not the last word.
    let healthy = eventually(PATIENCE, || async {
        let findings = mesh.json(&["doctor"])?;
        let all = findings.as_array().cloned().unwrap_or_default();
        let well = !all.is_empty() && all.iter().all(|finding| finding["verdict"] == "ok");
        anyhow::ensure!(well, "{findings:#}");
        anyhow::Ok(all)
    });
    let findings = healthy.await.unwrap();
    for check in [
        "settings",
        "rest-api: database",
        "rest-api: queue",
        "mcp-server",
        "worker",
        "key",
        "rest-api: clock",
    ] {
        assert!(
            findings.iter().any(|finding| finding["check"] == check),
            "no check `{check}` in {findings:#?}"
        );
    }
    let key = mesh.data().join("bootstrap.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let said = mesh.run(&["doctor"]).unwrap();
    assert_eq!(said.code, 1);
    assert!(said.stdout.contains("chmod 600"), "{}", said.stdout);
}

#[test]
fn doctor_without_a_mesh_says_how_to_start_one() {
    let dir = tempfile::tempdir().unwrap();
    let nobody = format!("http://127.0.0.1:{}", free_port().unwrap());
    let said = run(
        dir.path(),
        &["--url", &nobody, "--mcp-url", &nobody, "doctor"],
        &[],
    )
    .unwrap();
    assert_eq!(said.code, 1);
    assert!(said.stdout.contains("devmesh up"), "{}", said.stdout);
}

#[test]
fn generated_documents_are_the_same_each_time_and_name_every_service() {
    let dir = tempfile::tempdir().unwrap();
    let read = |out: &str, file: &str| std::fs::read_to_string(dir.path().join(out).join(file)).unwrap();
    for out in ["one", "two"] {
        assert_eq!(run(dir.path(), &["generate", "--out", out], &[]).unwrap().code, 0);
    }
    for file in [
        "docs/configuration.md",
        "docs/logs.md",
        "docs/metrics.md",
        "docs/openapi.json",
    ] {
        assert_eq!(read("one", file), read("two", file), "{file}");
    }
    let configuration = read("one", "docs/configuration.md");
    for section in ["## devmesh up", "## rest-api", "## mcp-server", "## worker"] {
        assert!(configuration.contains(section), "{section}");
    }
    let openapi: Value = serde_json::from_str(&read("one", "docs/openapi.json")).unwrap();
    assert!(openapi["paths"]["/api/v1/whoami"].is_object());
}
