//! Tool calls over MCP, beside the API itself, a bare proxy and the least MCP server.

use std::fs;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use crate::Options;
use crate::load;
use crate::mesh::{Data, Mesh, Signals, built, session};
use crate::request::{Era, Target, call, plain};
use crate::servers::{self, Kind, Running};
use crate::stats::{interval, median, percentile_ms};

/// Connections of the load.
const CONNECTIONS: usize = 16;
/// Calls per second at which latency is measured.
const RATE: f64 = 500.0;

/// What is compared, by name, in the order of the report.
struct Compared {
    targets: Vec<(&'static str, Target)>,
    _servers: Vec<Running>,
    _mesh: Mesh,
}

pub async fn run(options: &Options) -> Result<()> {
    let (rounds, seconds) = if options.quick { (2, 0.3) } else { (10, 2.0) };
    let time = Duration::from_secs_f64(seconds);
    let compared = start(options).await?;
    let rates = rates(&compared, rounds, time).await?;
    let latencies = latencies(&compared, time * if options.quick { 2 } else { 10 }).await?;
    let figures = json!({
        "calls_per_second": rates,
        "latency_ms_at_500_per_second": latencies,
        "rounds": rounds, "seconds_each": seconds, "connections": CONNECTIONS,
    });
    fs::create_dir_all(&options.figures)?;
    fs::write(options.figures.join("calls.json"), format!("{figures:#}"))?;
    println!("{figures:#}");
    Ok(())
}

async fn start(options: &Options) -> Result<Compared> {
    let api = servers::start(Kind::Api, "").await?;
    let proxy = servers::start(Kind::Proxy, &api.url).await?;
    let least = servers::start(Kind::Least, &api.url).await?;
    let devmesh = built(&options.devmesh)?;
    let mesh = Mesh::start(&devmesh, Signals::On, Data::fresh()?).await?;
    mesh.add("shop", description(), Some(&api.url)).await?;
    let key = mesh.agent("bench").await?;
    let least_url = format!("{}/mcp", least.url);
    let least_session = session(&least_url, None).await?;
    let targets = vec![
        ("API, called directly", plain(&api.url)),
        ("bare reverse proxy", plain(&proxy.url)),
        (
            "least rmcp server, 2026-07-28",
            call(&least_url, None, Era::Stateless, None),
        ),
        (
            "least rmcp server, 2025-11-25",
            call(&least_url, None, Era::Session, Some(&least_session)),
        ),
        ("mesh, 2026-07-28", mesh.calls(&key, Era::Stateless).await?),
        ("mesh, 2025-11-25", mesh.calls(&key, Era::Session).await?),
    ];
    Ok(Compared {
        targets,
        _servers: vec![api, proxy, least],
        _mesh: mesh,
    })
}

/// Each target in turn, round by round, beginning with another one each time.
async fn rates(compared: &Compared, rounds: usize, time: Duration) -> Result<Value> {
    let targets = &compared.targets;
    let mut rates: Vec<Vec<f64>> = vec![Vec::new(); targets.len()];
    for round in 0..=rounds {
        for step in 0..targets.len() {
            let at = (round + step) % targets.len();
            let rate = load::closed(&targets[at].1, CONNECTIONS, time).await?;
            // The first round warms up.
            if round > 0 {
                rates[at].push(rate);
            }
        }
    }
    let of = |at: usize| {
        let (low, high) = interval(&rates[at]);
        let against = |other: usize| {
            let pairs: Vec<f64> = rates[at]
                .iter()
                .zip(&rates[other])
                .map(|(own, other)| own / other)
                .collect();
            median(&pairs)
        };
        // The proxy is the second, the least server of the same era stands two places before the mesh.
        let least = if at >= 4 {
            json!(against(at - 2))
        } else {
            Value::Null
        };
        json!({ "name": targets[at].0, "median": median(&rates[at]), "low": low, "high": high,
                "of_proxy": against(1), "of_least": least })
    };
    Ok((0..targets.len()).map(of).collect())
}

async fn latencies(compared: &Compared, time: Duration) -> Result<Value> {
    let mut all = Vec::new();
    for (name, target) in &compared.targets {
        let sorted = load::open(target, CONNECTIONS, RATE, time).await?;
        all.push(
            json!({ "name": name, "p50": percentile_ms(&sorted, 0.5), "p99": percentile_ms(&sorted, 0.99),
                         "calls": sorted.len() }),
        );
    }
    Ok(all.into())
}

/// An API of one operation.
pub fn description() -> String {
    let item = json!({ "type": "object", "required": ["id", "name"], "properties": {
        "id": { "type": "integer" }, "name": { "type": "string" } } });
    let answer = json!({ "description": "The item", "content": { "application/json": { "schema": item } } });
    let parameter = json!({ "name": "id", "in": "path", "required": true,
                            "schema": { "type": "integer", "minimum": 1 } });
    json!({ "openapi": "3.0.3", "info": { "title": "Shop", "version": "1" }, "paths": { "/items/{id}": { "get": {
        "operationId": "getItem", "summary": "One item.", "parameters": [parameter],
        "responses": { "200": answer } } } } })
    .to_string()
}
