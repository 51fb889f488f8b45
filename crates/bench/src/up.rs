//! `devmesh up`: how soon it answers, what it holds, and what grows with tools, keys and connections.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::Options;
use crate::load;
use crate::mesh::{Data, Mesh, Signals, built};
use crate::request::Era;
use crate::servers::{self, Kind};
use crate::stats::median;

/// Most operations of one description; an import takes no more than 5,000.
const PART: usize = 2_500;

pub async fn run(options: &Options) -> Result<()> {
    let devmesh = built(&options.devmesh)?;
    let figures = json!({
        "binary_mb": fs::metadata(&devmesh)?.len() as f64 / 1024.0 / 1024.0,
        "start": start(&devmesh, options.quick).await?,
        "growth": growth(&devmesh, options.quick).await?,
    });
    fs::create_dir_all(&options.figures)?;
    fs::write(options.figures.join("up.json"), format!("{figures:#}"))?;
    println!("{figures:#}");
    Ok(())
}

/// Starts on a data directory that exists, several times.
async fn start(devmesh: &Path, quick: bool) -> Result<Value> {
    let first = Mesh::start(devmesh, Signals::Off, Data::fresh()?).await?;
    let key = first.agent("bench").await?;
    let mut data = first.stop().await?;
    let (mut seconds, mut idle) = (Vec::new(), 0.0);
    for _ in 0..if quick { 2 } else { 7 } {
        let began = Instant::now();
        let mesh = Mesh::start(devmesh, Signals::Off, data).await?;
        mesh.list(&key).await?;
        seconds.push(began.elapsed().as_secs_f64());
        tokio::time::sleep(Duration::from_secs(2)).await;
        idle = mesh.resident_mb()?;
        data = mesh.stop().await?;
    }
    Ok(json!({ "first_answer_s": median(&seconds), "idle_mb": idle, "starts": seconds.len() }))
}

/// Calls, lists, searches and imports with more and more tools, keys and connections.
async fn growth(devmesh: &Path, quick: bool) -> Result<Value> {
    let api = servers::start(Kind::Api, "").await?;
    let time = Duration::from_millis(if quick { 200 } else { 1_500 });
    let sizes: &[usize] = if quick {
        &[10, 100]
    } else {
        &[10, 100, 1_000, 10_000]
    };
    let mut tools = Vec::new();
    for size in sizes {
        tools.push(with_tools(devmesh, &api.url, *size, time).await?);
    }
    let mesh = Mesh::start(devmesh, Signals::Off, Data::fresh()?).await?;
    mesh.add("shop", many(10), Some(&api.url)).await?;
    // By default 160 calls of a provider may run or wait at once.
    let limits = json!({ "limits": { "concurrency": 1_000, "queue_length": 1_000 } });
    mesh.change_provider("shop", &limits).await?;
    let key = mesh.agent("bench").await?;
    let target = mesh.calls(&key, Era::Stateless).await?;
    let mut connections = Vec::new();
    for count in if quick {
        vec![1, 10]
    } else {
        vec![1, 10, 100, 1_000]
    } {
        let rate = load::closed(&target, count, time).await?;
        connections.push(json!({ "connections": count, "calls_per_second": rate }));
    }
    let mut keys = Vec::new();
    let mut made = 1;
    for count in if quick {
        vec![10]
    } else {
        vec![10, 100, 1_000, 10_000]
    } {
        while made < count {
            mesh.agent(&format!("agent {made}")).await?;
            made += 1;
        }
        let rate = load::closed(&target, 16, time).await?;
        keys.push(json!({ "keys": count, "calls_per_second": rate, "resident_mb": mesh.resident_mb()? }));
    }
    let large = if quick {
        Value::Null
    } else {
        large(devmesh, &api.url).await?
    };
    Ok(json!({ "tools": tools, "connections": connections, "keys": keys, "large": large }))
}

async fn with_tools(devmesh: &Path, api: &str, size: usize, time: Duration) -> Result<Value> {
    let mesh = Mesh::start(devmesh, Signals::Off, Data::fresh()?).await?;
    let mut import = mesh.add("shop", many(size.min(PART)), Some(api)).await?;
    for part in 1..size.div_ceil(PART) {
        let name = format!("part{part}");
        import += mesh.add(&name, many(PART), Some(api)).await?;
    }
    let key = mesh.agent("bench").await?;
    let target = mesh.calls(&key, Era::Stateless).await?;
    let calls = load::closed(&target, 16, time).await?;
    let (list, search) = (mesh.lists(&key), mesh.searches(&key));
    let lists = load::closed(&list, 16, time).await?;
    // Behind search only above the limit of tools that are listed.
    let searches = match size > 50 {
        true => {
            load::once(&search).await.context("search")?;
            Some(load::closed(&search, 16, time).await?)
        }
        false => None,
    };
    Ok(
        json!({ "tools": size, "import_s": import.as_secs_f64(), "calls_per_second": calls,
               "lists_per_second": lists, "searches_per_second": searches, "resident_mb": mesh.resident_mb()? }),
    )
}

/// 5,000 tools and 1,000 keys in one mesh.
async fn large(devmesh: &Path, api: &str) -> Result<Value> {
    let mesh = Mesh::start(devmesh, Signals::Off, Data::fresh()?).await?;
    for name in ["shop", "more"] {
        mesh.add(name, many(PART), Some(api)).await?;
    }
    for number in 0..1_000 {
        mesh.agent(&format!("agent {number}")).await?;
    }
    let key = mesh.agent("bench").await?;
    load::closed(
        &mesh.calls(&key, Era::Stateless).await?,
        16,
        Duration::from_secs(2),
    )
    .await?;
    let after_work = mesh.resident_mb()?;
    let data = mesh.stop().await?;
    let again = Mesh::start(devmesh, Signals::Off, data).await?;
    again.list(&key).await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    Ok(
        json!({ "tools": 5_000, "keys": 1_000, "resident_mb_after_import": after_work,
               "resident_mb_after_start": again.resident_mb()? }),
    )
}

/// A description of so many operations, the first of which is the one that is called.
fn many(size: usize) -> String {
    let object = json!({ "type": "object", "required": ["id", "name"], "properties": {
        "id": { "type": "integer" }, "name": { "type": "string" },
        "labels": { "type": "array", "items": { "type": "string" } } } });
    let answer =
        json!({ "description": "The thing", "content": { "application/json": { "schema": object } } });
    let id = json!({ "name": "id", "in": "path", "required": true, "schema": { "type": "integer", "minimum": 1 } });
    let page = json!({ "name": "page", "in": "query", "schema": { "type": "integer", "minimum": 1 } });
    let mut paths = serde_json::Map::new();
    for number in 0..size {
        let (path, name) = match number {
            0 => ("/items/{id}".to_owned(), "getItem".to_owned()),
            _ => (format!("/things{number}/{{id}}"), format!("getThing{number}")),
        };
        let summary = format!("One thing of kind {number}, with its labels and its owner.");
        paths.insert(
            path,
            json!({ "get": { "operationId": name, "summary": summary, "tags": [format!("t{}", number % 20)],
            "parameters": [id, page], "responses": { "200": answer } } }),
        );
    }
    json!({ "openapi": "3.0.3", "info": { "title": "Shop", "version": "1" }, "paths": paths }).to_string()
}
