//! Telemetry never blocks or fails the work: a collector that hangs, a full disk under the log, a scraper that reads slowly.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e::{Api, PATIENCE, Page, Service, Setup, Shop, binary};
use serde_json::{Value, json};
use test_support::{Process, SmallDisk, eventually, http};

on_both!(
    a_collector_that_hangs_costs_telemetry_and_no_call,
    a_scraper_that_reads_slowly_holds_up_nobody,
);

/// What so many calls may take: many times what they do, and a fraction of what a blocked one would.
const CALLS: u32 = 60;
const LONGEST: Duration = Duration::from_secs(20);

async fn a_collector_that_hangs_costs_telemetry_and_no_call(setup: Setup) -> Result<()> {
    // Connections wait in its backlog for ever.
    let hanging = TcpListener::bind("127.0.0.1:0")?;
    let endpoint = format!("http://{}", hanging.local_addr()?);
    let setup = setup
        .with_variable("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)
        .with_variable("OTEL_EXPORTER_OTLP_TIMEOUT", "500")
        .with_variable("OTEL_METRIC_EXPORT_INTERVAL", "500")
        .with_variable("OTEL_METRICS_EXPORTER", "otlp")
        .with_variable("OTEL_LOGS_EXPORTER", "otlp");
    let (mut mesh, shop) = (setup.start().await?, Shop::open().await?);
    let (key, _) = mesh.agent_key().await?;
    shop.add_to(&mesh, &key).await?;
    let client = mesh.stateless_mcp(&key)?;
    let began = Instant::now();
    for id in 1..=CALLS {
        client.call(Shop::GET_ITEM, &json!({"id": id})).await?;
    }
    ensure!(
        began.elapsed() < LONGEST,
        "{CALLS} calls took {:?}",
        began.elapsed()
    );
    for service in Service::ALL {
        eventually(PATIENCE, || async {
            let pages = mesh.pages().await?;
            for signal in ["traces", "metrics", "logs"] {
                // The worker has no span of its own here: nobody gave it a job.
                if service == Service::Worker && signal == "traces" {
                    continue;
                }
                let labels = [("signal", signal), ("reason", "export_failed")];
                let of_service = pages.iter().filter(|page| page.service == service.name());
                let lost: f64 = of_service
                    .map(|page| page.page.sum("telemetry_dropped_total", &labels))
                    .sum();
                ensure!(lost > 0.0, "nothing lost of the {signal} of {service:?}");
            }
            Ok(())
        })
        .await?;
    }
    mesh.stop(PATIENCE).await
}

async fn a_scraper_that_reads_slowly_holds_up_nobody(setup: Setup) -> Result<()> {
    let (mesh, shop) = (setup.start().await?, Shop::open().await?);
    let (key, _) = mesh.agent_key().await?;
    shop.add_to(&mesh, &key).await?;
    let url = mesh
        .service_urls(Service::McpServer)
        .pop()
        .context("no mcp-server")?;
    let address = url.strip_prefix("http://").context(url.clone())?;
    let mut slow = Vec::new();
    for _ in 0..20 {
        let mut stream = TcpStream::connect(address)?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n")?;
        slow.push(stream);
    }
    let client = mesh.stateless_mcp(&key)?;
    let began = Instant::now();
    for id in 1..=CALLS {
        client.call(Shop::GET_ITEM, &json!({"id": id})).await?;
    }
    ensure!(http::get(&format!("{url}/metrics")).await?.status.is_success());
    ensure!(
        began.elapsed() < LONGEST,
        "{CALLS} calls took {:?}",
        began.elapsed()
    );
    for mut stream in slow {
        stream.set_read_timeout(Some(PATIENCE))?;
        let (mut answer, mut piece) = (Vec::new(), [0; 512]);
        loop {
            match stream.read(&mut piece)? {
                0 => break,
                read => answer.extend_from_slice(&piece[..read]),
            }
        }
        let answer = String::from_utf8(answer)?;
        let (head, page) = answer.split_once("\r\n\r\n").context("no page")?;
        ensure!(head.starts_with("HTTP/1.1 200"), "{head}");
        ensure!(
            Page::parse(page)?.families.contains_key("mcp_build_info"),
            "a torn page"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_full_disk_under_the_log_costs_lines_and_no_call_and_the_log_goes_on_after_it() -> Result<()> {
    let Some(disk) = SmallDisk::mount(256)? else {
        return Ok(()); // Only root may mount a disk that can be filled.
    };
    let (dir, log) = (tempfile::tempdir()?, disk.path().join("mesh.log"));
    let process = start(dir.path(), &log)?;
    let (api, url) = eventually(PATIENCE, || async {
        api(dir.path()).with_context(|| process.stderr_lines().join("\n"))
    })
    .await?;
    let works = async || -> Result<()> {
        let began = Instant::now();
        for _ in 0..CALLS {
            api.get("/whoami").await?;
        }
        ensure!(
            began.elapsed() < LONGEST,
            "{CALLS} calls took {:?}",
            began.elapsed()
        );
        Ok(())
    };
    let lost = async || -> Result<f64> {
        let page = Page::parse(&http::get(&format!("{url}/metrics")).await?.text())?;
        Ok(page.sum(
            "telemetry_dropped_total",
            &[("signal", "logs"), ("reason", "write_failed")],
        ))
    };
    works().await?;
    disk.fill()?;
    let full = eventually(PATIENCE, || async {
        works().await?;
        let lost = lost().await?;
        ensure!(lost >= f64::from(CALLS) / 2.0, "only {lost} lines are counted");
        Ok(std::fs::read(&log)?.len())
    })
    .await?;
    disk.free()?;
    eventually(PATIENCE, || async {
        works().await?;
        let after = std::fs::read(&log)?.split_off(full);
        let after = String::from_utf8_lossy(&after).into_owned();
        // The line that the disk tore apart is the first one's beginning.
        let whole = after.lines().skip(1).map(serde_json::from_str::<Value>);
        let whole = whole.collect::<Result<Vec<_>, _>>()?;
        ensure!(whole.len() >= CALLS as usize, "{} lines", whole.len());
        Ok(())
    })
    .await?;
    process.terminate()?;
    ensure!(
        process.exit_code(PATIENCE).await? == Some(0),
        "{:?}",
        process.stderr_lines()
    );
    Ok(())
}

/// `devmesh up` whose standard output is this file.
fn start(dir: &Path, log: &Path) -> Result<Process> {
    let script =
        r#"exec "$0" up --data "$1" --logs stdout --mcp-port 0 --api-port 0 --worker-port 0 >> "$2""#;
    let program = binary("devmesh")?;
    let arguments = [
        "-c".as_ref(),
        script.as_ref(),
        program.as_os_str(),
        dir.as_os_str(),
        log.as_os_str(),
    ];
    Process::command("/bin/sh").args(arguments).env_clear().start()
}

/// The API of the mesh on `dir`, with the bootstrap key, and where rest-api listens.
fn api(dir: &Path) -> Result<(Api, String)> {
    let note: Value = serde_json::from_str(&std::fs::read_to_string(dir.join("running.json"))?)?;
    let key = std::fs::read_to_string(dir.join("bootstrap.key"))?;
    let url = note["api_url"]
        .as_str()
        .context("no URL")?
        .trim_end_matches('/')
        .to_owned();
    Ok((Api::new(url.clone(), key.trim()), url))
}
