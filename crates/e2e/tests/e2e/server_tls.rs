//! A cluster whose PostgreSQL, RabbitMQ and Redis speak TLS only, with certificates of an authority that nobody else has.

use anyhow::{Context, Result, ensure};
use e2e::{Mesh, PATIENCE, Service, Setup, Shop};
use serde_json::Value;
use tempfile::TempDir;
use test_support::{Authority, Postgres, RabbitMq, Redis, eventually, http};

use crate::rotation::asynchronous;

#[tokio::test]
async fn a_cluster_speaks_tls_to_its_servers_and_to_none_of_another_authority() -> Result<()> {
    let (dir, ours, theirs) = (
        TempDir::new()?,
        Authority::new("ours")?,
        Authority::new("theirs")?,
    );
    let server = ours.server(dir.path(), "server")?;
    let postgres = Postgres::start_with_tls(&server).await?;
    let redis = Redis::start_with_tls(&server).await?;
    let broker = RabbitMq::start_with_tls(&server).await?;
    let file = |name: &str| dir.path().join(name);
    for name in ["database.crt", "queue.crt", "cache.crt"] {
        std::fs::write(file(name), ours.pem())?;
    }
    let text = |name: &str| file(name).display().to_string();
    let database = format!(
        "{}?sslmode=verify-full&sslrootcert={}",
        postgres.database("mesh").await?,
        text("database.crt")
    );
    let setup = Setup::cluster()
        .with_database(database)
        .with_broker(broker.url())
        .with_cache(redis.url())
        .set(Service::RestApi, "queue.ca_file", &text("queue.crt"))
        .set(Service::RestApi, "cache.ca_file", &text("cache.crt"))
        .set(Service::McpServer, "cache.ca_file", &text("cache.crt"))
        .set(Service::Worker, "queue.ca_file", &text("queue.crt"));
    let (mut mesh, shop) = (setup.start().await?, Shop::open().await?);
    let (key, _) = mesh.agent_key().await?;
    shop.add_to(&mesh, &key).await?;
    asynchronous(&mesh, &key).await?;

    // Who is started with another authority says which setting it is, and works when it has the right one.
    std::fs::write(file("queue.crt"), theirs.pem())?;
    std::fs::write(file("cache.crt"), theirs.pem())?;
    let (broker, cache) = ((Service::RestApi, "queue"), (Service::McpServer, "cache"));
    for (service, server) in [broker, cache] {
        mesh.kill(service).await?;
        mesh.start_again(service).await?;
        let words = format!("`{server}.ca_file` names the authorities");
        says(&mesh, service, server, |error| error.to_string().contains(&words)).await?;
    }
    std::fs::write(file("queue.crt"), ours.pem())?;
    std::fs::write(file("cache.crt"), ours.pem())?;
    for (service, server) in [broker, cache] {
        says(&mesh, service, server, Value::is_null).await?;
    }
    asynchronous(&mesh, &key).await
}

/// Waits until the first replica of `service` says of `server` what is `expected`.
async fn says(mesh: &Mesh, service: Service, server: &str, expected: impl Fn(&Value) -> bool) -> Result<()> {
    let url = mesh
        .process(service)?
        .url(service)
        .context("no address")?
        .to_owned();
    let said = || async {
        let ready = http::get(&format!("{url}/health/ready")).await?;
        let check = &ready.json()?["checks"][server];
        ensure!(check.is_object() && expected(&check["error"]), "{}", ready.text());
        Ok(())
    };
    eventually(PATIENCE, said).await
}
