//! Rate limits across replicas: a change is live within a second, and the replicas together let through what it says.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e::{Mcp, Mesh, Service, Setup, Shop};
use futures::future::try_join_all;
use serde_json::{Value, json};
use test_support::eventually;

on_both!(
    a_limit_is_live_on_every_replica_within_a_second,
    all_replicas_together_let_through_what_a_limit_says,
);

/// What the design promises.
const AT_ONCE: Duration = Duration::from_secs(1);

async fn call(client: &Mcp) -> Result<Value> {
    client.call(Shop::GET_ITEM, &json!({"id": 1})).await
}

/// Whether the call was let through.
async fn passes(client: &Mcp) -> Result<bool> {
    let result = call(client).await?;
    let limited = result["_meta"]["io.devmesh/retry-after-seconds"].is_u64();
    ensure!(limited == (result["isError"] == true), "{result}");
    Ok(!limited)
}

async fn shop_on(mesh: &Mesh) -> Result<(Shop, Vec<Mcp>)> {
    let shop = Shop::open().await?;
    let (key, _) = mesh.agent_key().await?;
    shop.add_to(mesh, &key).await?;
    let urls = mesh.mcp_urls();
    let clients: Vec<Mcp> = urls.iter().map(|url| Mcp::stateless(url, &key)).collect();
    for client in &clients {
        eventually(e2e::PATIENCE, || async {
            let tools = client.tools().await?;
            ensure!(tools.iter().any(|tool| tool == Shop::GET_ITEM), "{tools:?}");
            Ok(())
        })
        .await?;
    }
    Ok((shop, clients))
}

#[expect(
    clippy::print_stdout,
    reason = "the figure that the design promises, for whoever runs this"
)]
async fn a_limit_is_live_on_every_replica_within_a_second(setup: Setup) -> Result<()> {
    let mesh = setup.start().await?;
    let (_shop, clients) = shop_on(&mesh).await?;
    for client in &clients {
        ensure!(passes(client).await?, "nothing is limited yet");
    }
    let path = format!("/limits/tool:{}", Shop::GET_ITEM);
    mesh.admin()?
        .put(&path, &json!({"rate": "1/h", "burst": 1}))
        .await?;
    let began = Instant::now();
    let limited = clients.iter().map(|client| {
        eventually(AT_ONCE, || async {
            ensure!(!passes(client).await?, "it is not limited");
            Ok(())
        })
    });
    try_join_all(limited).await?;
    println!(
        "limited on {} replicas after {:?}",
        clients.len(),
        began.elapsed()
    );
    mesh.admin()?.delete(&path).await?;
    let free = clients.iter().map(|client| {
        eventually(AT_ONCE, || async {
            ensure!(passes(client).await?, "it is still limited");
            Ok(())
        })
    });
    try_join_all(free).await?;
    Ok(())
}

#[expect(
    clippy::print_stdout,
    reason = "the figure that the design promises, for whoever runs this"
)]
async fn all_replicas_together_let_through_what_a_limit_says(setup: Setup) -> Result<()> {
    const RATE: f64 = 40.0;
    const BURST: f64 = 80.0;
    // On a machine where a hundred other tests run, the cache may take longer than the default; a replica that does not
    // wait for it would count alone.
    let setup = setup.set(Service::McpServer, "limits.wait", "5s");
    let mesh = setup.start().await?;
    let (shop, clients) = shop_on(&mesh).await?;
    // Two seconds of it: what a busy machine does not ask for in one moment, it may in the next.
    let limit = json!({"rate": "40/s", "burst": 80});
    mesh.admin()?.put("/limits/provider:shop", &limit).await?;
    // From when every replica knows the limit and the burst is used up, what is let through is the rate. A machine that
    // asks for less than is allowed uses nothing up.
    let until = Instant::now() + Duration::from_secs(30);
    let is_used_up = |client| async move {
        while Instant::now() < until {
            if !passes(client).await? {
                return anyhow::Ok(true);
            }
        }
        Ok(false)
    };
    let used_up = try_join_all(clients.iter().map(is_used_up)).await?;
    let left = if used_up.contains(&true) { 0.0 } else { BURST };
    let (accepted, refused, seconds) = hammer(&clients, Duration::from_secs(10)).await?;
    let allowed = RATE * seconds + left;
    let share = f64::from(accepted) / allowed;
    println!(
        "{} replicas let through {accepted} of {allowed:.0}, and refused {refused}",
        clients.len()
    );
    ensure!(share <= 1.05, "{accepted} of {allowed}");
    ensure!(
        share >= 0.95 || refused == 0,
        "{accepted} of {allowed}, {refused} refused"
    );
    let reached = shop.upstream().requests_to("/items/1").len();
    ensure!(reached >= accepted as usize, "{reached} reached the upstream");
    Ok(())
}

/// Calls on every replica at once for so long; answers how many were let through and refused, and the seconds it took.
async fn hammer(clients: &[Mcp], time: Duration) -> Result<(u32, u32, f64)> {
    let began = Instant::now();
    let callers = clients
        .iter()
        .flat_map(|client| [client, client])
        .map(|client| async move {
            let (mut accepted, mut refused) = (0_u32, 0_u32);
            while began.elapsed() < time {
                match passes(client).await.context("a call failed")? {
                    true => accepted += 1,
                    false => refused += 1,
                }
            }
            anyhow::Ok((accepted, refused))
        });
    let counts = try_join_all(callers).await?;
    let accepted = counts.iter().map(|(accepted, _)| accepted).sum();
    let refused = counts.iter().map(|(_, refused)| refused).sum();
    Ok((accepted, refused, began.elapsed().as_secs_f64()))
}
