//! A cluster whose services know each other by certificates, besides the service key.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::{Mesh, PATIENCE, Service, Setup, Shop};
use tempfile::TempDir;
use test_support::{Authority, eventually};

use crate::rotation::{asynchronous, hammer};

const CLIENTS: [Service; 2] = [Service::McpServer, Service::Worker];

/// Certificates as [`Setup::with_mutual_tls`] expects them.
struct Certificates(TempDir);

impl Certificates {
    fn of(authority: &Authority) -> Result<Self> {
        let made = Self(TempDir::new()?);
        made.trust(&[authority])?;
        made.renew(authority)?;
        Ok(made)
    }

    fn dir(&self) -> &Path {
        self.0.path()
    }

    fn trust(&self, authorities: &[&Authority]) -> Result<()> {
        let text: String = authorities.iter().map(|authority| authority.pem()).collect();
        Ok(std::fs::write(self.dir().join("ca.crt"), text)?)
    }

    fn renew(&self, authority: &Authority) -> Result<()> {
        authority.server(self.dir(), "server")?;
        authority.client(self.dir(), "client").map(drop)
    }
}

#[tokio::test]
async fn certificates_and_authorities_of_a_cluster_are_rotated_under_calls_and_none_fails() -> Result<()> {
    let (old, new) = (Authority::new("old")?, Authority::new("new")?);
    let certificates = Certificates::of(&old)?;
    let setup = Setup::cluster().with_mutual_tls(certificates.dir());
    let (mut mesh, shop) = (setup.start().await?, Shop::open().await?);
    let (key, _) = mesh.agent_key().await?;
    shop.add_to(&mesh, &key).await?;
    asynchronous(&mesh, &key).await?;
    shown_on_the_pages(&mesh).await?;

    let (stop, calls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let calling = hammer(
        mesh.mcp_urls(),
        key.clone(),
        Arc::clone(&stop),
        Arc::clone(&calls),
    );
    #[expect(clippy::disallowed_methods, reason = "it calls while the test rotates")]
    let calling = tokio::spawn(calling);
    certificates.trust(&[&old, &new])?;
    say(
        &mesh,
        &[Service::RestApi],
        "other authorities of clients are trusted now",
        1,
    )
    .await?;
    say(&mesh, &CLIENTS, CHANGED, 1).await?;
    asynchronous(&mesh, &key).await?;
    certificates.renew(&new)?;
    say(&mesh, &[Service::RestApi], "certificate renewed", 1).await?;
    say(&mesh, &CLIENTS, CHANGED, 2).await?;
    asynchronous(&mesh, &key).await?;
    certificates.trust(&[&new])?;
    say(
        &mesh,
        &[Service::RestApi],
        "other authorities of clients are trusted now",
        2,
    )
    .await?;
    say(
        &mesh,
        &[Service::RestApi],
        "a client's certificate is no longer good; its connection ends",
        1,
    )
    .await?;
    for _ in 0..5 {
        asynchronous(&mesh, &key).await?;
    }
    // Every replica hears from rest-api again, over a new connection.
    mesh.agent_key().await?;
    // The machine may be slow: fewer say too little.
    let enough = || async {
        ensure!(calls.load(Ordering::SeqCst) > 100, "{calls:?} calls");
        Ok(())
    };
    eventually(PATIENCE, enough).await?;
    stop.store(true, Ordering::SeqCst);
    calling.await??;

    // Nobody remembers the old ones.
    for service in Service::ALL {
        mesh.kill(service).await?;
        mesh.start_again(service).await?;
    }
    asynchronous(&mesh, &key).await
}

const CHANGED: &str = "certificates to connect with have changed";

#[tokio::test]
async fn a_service_with_a_certificate_of_another_authority_is_refused_until_it_has_one_of_ours() -> Result<()>
{
    let (ours, theirs) = (Authority::new("ours")?, Authority::new("theirs")?);
    let certificates = Certificates::of(&ours)?;
    let setup = Setup::cluster().with_mutual_tls(certificates.dir());
    let (mut mesh, shop) = (setup.start().await?, Shop::open().await?);
    let (key, _) = mesh.agent_key().await?;
    shop.add_to(&mesh, &key).await?;

    theirs.client(certificates.dir(), "client")?;
    mesh.kill(Service::Worker).await?;
    mesh.start_again(Service::Worker).await?;
    say(
        &mesh,
        &[Service::RestApi],
        "a client was refused because of its certificate",
        1,
    )
    .await?;
    let advice = "rest-api does not take the certificate in control_plane.certificate_file: its authority must be in \
                  grpc.listen.tls.client_ca_file, its time must not be over, and it must be for clients";
    say(&mesh, &[Service::Worker], advice, 1).await?;
    let pages = mesh.pages().await?;
    let page = pages
        .iter()
        .find(|page| page.service == "rest-api")
        .context("no rest-api")?;
    let refused = page.page.sum(
        "tls_client_certificates_refused_total",
        &[("listener", "grpc"), ("reason", "unknown_authority")],
    );
    ensure!(refused >= 1.0, "{refused} were refused");

    // Its next connection finds the right ones; it is not started again.
    ours.client(certificates.dir(), "client")?;
    asynchronous(&mesh, &key).await
}

async fn shown_on_the_pages(mesh: &Mesh) -> Result<()> {
    for page in mesh.pages().await? {
        let listener = if page.service == "rest-api" {
            "grpc"
        } else {
            "control_plane"
        };
        let end = page.page.sum(
            "tls_certificate_expiry_timestamp_seconds",
            &[("listener", listener)],
        );
        // As `date -u -d 2100-01-01 +%s` has it.
        ensure!((end - 4_102_444_800.0).abs() < 1.0, "{}: {end}", page.service);
    }
    Ok(())
}

/// Waits until every process of `services` has said `message` this often.
async fn say(mesh: &Mesh, services: &[Service], message: &str, times: usize) -> Result<()> {
    let all = || async {
        for running in mesh.processes() {
            if !services.iter().any(|service| running.runs(*service)) {
                continue;
            }
            let lines = running.process.json_lines();
            let said = lines.iter().filter(|line| line["msg"] == message).count();
            ensure!(said >= times, "said {said} times: {message}");
        }
        Ok(())
    };
    eventually(PATIENCE + Duration::from_secs(30), all).await
}
