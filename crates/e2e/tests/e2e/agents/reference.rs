//! `docs/methods.md` against a mesh.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use e2e::Setup;
use serde_json::{Map, Value, json};

use super::socket::Socket;

on_both!(every_method_of_the_reference_takes_the_parameters_that_it_lists_and_no_others,);

/// The methods of the reference, each with its parameters.
fn reference() -> Result<Vec<(String, Vec<String>)>> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/methods.md");
    let page = std::fs::read_to_string(page)?;
    let mesh = page.split("## MCP").next().context("empty")?;
    let named = |line: &str| Some(line.split('`').nth(1)?.to_owned());
    let methods = mesh.split("\n## ").skip(1);
    let read = |section: &str| {
        let rows = section.lines().filter(|line| line.starts_with("| `"));
        Some((named(section)?, rows.filter_map(named).collect()))
    };
    Ok(methods.filter_map(read).collect())
}

/// Why a method refuses this parameter, with ids where it wants some.
async fn refusal(socket: &mut Socket, method: &str, params: &[String], name: &str) -> Result<String> {
    let ids = params.iter().filter(|param| param.ends_with("_id"));
    let mut given: Map<_, _> = ids.map(|id| (id.clone(), json!(uuid::Uuid::nil()))).collect();
    given.insert(name.to_owned(), json!([[]]));
    let refused = socket.ask(method, Value::Object(given)).await.err();
    Ok(refused.context("it was taken")?.to_string())
}

async fn every_method_of_the_reference_takes_the_parameters_that_it_lists_and_no_others(
    setup: Setup,
) -> Result<()> {
    let mesh = setup.start().await?;
    let mut socket = Socket::open(&mesh.mcp_urls()[0], &mesh.admin_key()?).await?;
    let methods = reference()?;
    ensure!(methods.len() > 20, "{methods:?}");
    for (method, params) in methods.iter().filter(|(method, _)| !method.starts_with("event.")) {
        for name in params {
            let said = refusal(&mut socket, method, params, name).await?;
            ensure!(said.contains("-32602"), "{method} {name}: {said}");
            ensure!(!said.contains("unknown field"), "{method} {name}: {said}");
        }
        let said = refusal(&mut socket, method, params, "surely_not").await?;
        ensure!(said.contains("surely_not"), "{method}: {said}");
    }
    Ok(())
}
