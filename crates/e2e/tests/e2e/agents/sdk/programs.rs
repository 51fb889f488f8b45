//! `devmesh agent run`: a shell program is an agent.

use anyhow::{Context, Result, ensure};
use e2e::{Mesh, PATIENCE, Setup, binary};
use serde_json::{Value, json};
use test_support::{Process, ProcessBuilder, eventually};

use super::{created, ended};

on_both!(
    a_program_gets_the_task_on_its_input_and_its_output_is_the_result,
    a_program_whose_task_is_cancelled_is_stopped_with_all_that_it_has_started,
);

/// What it does depends on the type of the task.
const PROGRAM: &str = r#"
case $DEVMESH_TASK_TYPE in
json) cat ;;
text) sed 's/.*"n":\([0-9]*\).*/n is \1/' ;;
fails) echo "it has no paper" >&2; exit 3 ;;
later) [ -e once ] && echo '"now"' || { touch once; exit 75; } ;;
endless) trap 'echo ended >>ended' TERM; echo $$ >pid; sleep 1000 & echo $! >child; wait ;;
floods) yes ;;
hangs) sleep 1000 ;;
leaves) sleep 1000 & echo '"done"' ;;
esac
"#;

fn command(mesh: &Mesh, dir: &std::path::Path, key: &str) -> Result<ProcessBuilder> {
    let url = mesh.mcp_urls().pop().context("no replica")?;
    let arguments = [
        "agent",
        "run",
        "--name",
        "shell",
        "--grace",
        "1",
        "--max-output",
        "65536",
        "--exec",
        PROGRAM,
    ];
    let command = Process::command(binary("devmesh")?).args(arguments);
    Ok(command
        .env("DEVMESH_MCP_URL", url)
        .env("DEVMESH_API_KEY", key)
        .current_dir(dir))
}

async fn a_program_gets_the_task_on_its_input_and_its_output_is_the_result(setup: Setup) -> Result<()> {
    let mesh = setup.start().await?;
    let (key, _) = mesh.agent_key().await?;
    let (admin, dir) = (mesh.admin()?, tempfile::tempdir()?);
    let program = command(&mesh, dir.path(), &key)?
        .args(["--concurrency", "8", "--timeout", "4"])
        .start()?;
    let mut tasks = Vec::new();
    for kind in ["json", "text", "fails", "later", "floods", "hangs", "leaves"] {
        tasks.push(created(&admin, kind).await?);
    }
    let mut ends = Vec::new();
    for id in &tasks {
        ends.push(ended(&admin, id).await?);
    }
    let [json, text, fails, later, floods, hangs, leaves] = &ends[..] else {
        anyhow::bail!("seven tasks");
    };
    ensure!(
        json["result"]["input"]["n"] == 20 && json["result"]["id"] == json["id"],
        "{json}"
    );
    ensure!(
        json["result"]["trace"]["traceparent"] == json["trace"]["traceparent"],
        "{json}"
    );
    ensure!(text["result"] == "n is 20", "{text}");
    let error = |task: &Value| {
        (
            task["error"]["kind"].clone(),
            task["error"]["message"].to_string(),
        )
    };
    ensure!(
        error(fails) == (json!("exit_code"), "\"exit code 3: it has no paper\"".to_owned()),
        "{fails}"
    );
    ensure!(later["result"] == "now" && later["attempt"] == 2, "{later}");
    ensure!(floods["error"]["kind"] == "output_too_large", "{floods}");
    ensure!(hangs["error"]["kind"] == "timed_out", "{hangs}");
    // It has left a process behind that holds its output.
    ensure!(leaves["result"] == "done", "{leaves}");
    let complained = program
        .stderr_lines()
        .iter()
        .any(|line| line.ends_with("| it has no paper"));
    ensure!(complained, "{:?}", program.stderr_lines());
    program.terminate()?;
    ensure!(program.exit_code(PATIENCE).await? == Some(0));
    Ok(())
}

async fn a_program_whose_task_is_cancelled_is_stopped_with_all_that_it_has_started(
    setup: Setup,
) -> Result<()> {
    let mesh = setup.start().await?;
    let (key, _) = mesh.agent_key().await?;
    let (admin, dir) = (mesh.admin()?, tempfile::tempdir()?);
    let program = command(&mesh, dir.path(), &key)?
        .args(["--timeout", "600"])
        .start()?;
    let id = created(&admin, "endless").await?;
    let read = |name: &'static str| {
        let path = dir.path().join(name);
        move || {
            let path = path.clone();
            async move { anyhow::Ok(std::fs::read_to_string(path)?.trim().parse::<u32>()?) }
        }
    };
    let (shell, child) = (
        eventually(PATIENCE, read("pid")).await?,
        eventually(PATIENCE, read("child")).await?,
    );
    let lives = |pid: u32| std::path::Path::new(&format!("/proc/{pid}/stat")).exists();
    ensure!(lives(shell) && lives(child));
    admin.post(&format!("/tasks/{id}/cancel"), &json!({})).await?;
    let gone = || async {
        ensure!(!lives(shell) && !lives(child), "{shell} or {child} lives");
        Ok(())
    };
    eventually(PATIENCE, gone).await?;
    let kindly = std::fs::read_to_string(dir.path().join("ended"))?;
    ensure!(kindly == "ended\n", "{kindly:?}");
    program.terminate()?;
    ensure!(program.exit_code(PATIENCE).await? == Some(0));
    Ok(())
}

#[tokio::test]
async fn what_a_program_cannot_be_is_said_with_what_to_do_about_it() -> Result<()> {
    let mesh = Setup::up().start().await?;
    let (key, _) = mesh.agent_key().await?;
    let (admin, dir) = (mesh.admin()?, tempfile::tempdir()?);
    let stranger = command(&mesh, dir.path(), "dm_unknown")?.start()?;
    ensure!(stranger.exit_code(PATIENCE).await? == Some(1));
    says(&stranger, "devmesh keys create NAME --kind agent").await?;
    let manifest = json!({ "name": "reviewers", "type": "ide", "capabilities": ["code_review"] });
    admin.post("/manifests", &manifest).await?;
    let refused = command(&mesh, dir.path(), &key)?
        .args(["--capability", "deploy@2"])
        .start()?;
    ensure!(refused.exit_code(PATIENCE).await? == Some(1));
    let said = says(&refused, "POST /api/v1/manifests").await?;
    let hint = said
        .split("for example, ")
        .nth(1)
        .and_then(|hint| hint.split('\n').next())
        .context("no hint")?;
    admin.post("/manifests", &serde_json::from_str(hint)?).await?;
    let allowed = command(&mesh, dir.path(), &key)?
        .args(["--capability", "deploy@2"])
        .start()?;
    ended(&admin, &created(&admin, "json").await?).await?;
    allowed.terminate()?;
    ensure!(allowed.exit_code(PATIENCE).await? == Some(0));
    Ok(())
}

/// What a program has said, once these words are in it.
async fn says(program: &Process, words: &str) -> Result<String> {
    let said = || async {
        let said = program.stderr_lines().join("\n");
        ensure!(said.contains(words), "{said}");
        Ok(said)
    };
    eventually(PATIENCE, said).await
}
