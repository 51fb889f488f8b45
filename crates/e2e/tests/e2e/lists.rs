//! Lists that change while agents look at them.

use anyhow::{Result, ensure};
use e2e::{Mcp, PATIENCE, Setup, Shop};
use serde_json::json;
use test_support::eventually;

on_both!(a_changed_description_changes_the_tools_and_open_sessions_are_told);

const CHANGED: &str = "notifications/tools/list_changed";

async fn a_changed_description_changes_the_tools_and_open_sessions_are_told(setup: Setup) -> Result<()> {
    let (mesh, shop) = (setup.start().await?, Shop::open().await?);
    let (key, _) = mesh.agent_key().await?;
    shop.add_to(&mesh, &key).await?;
    let session = mesh.mcp(&key).await?;
    let (in_session, subscribed) = (session.listen().await?, mesh.stateless_mcp(&key)?.listen().await?);
    subscribed
        .wait_for("notifications/subscriptions/acknowledged", PATIENCE)
        .await?;

    shop.describe(&["stock", "prices"]);
    let admin = mesh.admin()?;
    let refresh = admin.post("/providers/shop/refresh", &json!({})).await?;
    let result = admin.result_of(&refresh).await?;
    ensure!(
        result["tools"] == 6 && result["diff"]["added"] == json!(["shop_prices", "shop_stock"]),
        "{result}"
    );
    in_session.wait_for(CHANGED, PATIENCE).await?;
    subscribed.wait_for(CHANGED, PATIENCE).await?;
    // The notice may have been a late one of the import: another follows, and then the list is the new one.
    let new = || async {
        let tools = session.tools().await?;
        ensure!(
            tools.contains(&"shop_stock".to_owned()) && tools.is_sorted(),
            "{tools:?}"
        );
        anyhow::Ok(())
    };
    eventually(PATIENCE, new).await?;

    shop.describe(&["stock"]);
    let refresh = admin.post("/providers/shop/refresh", &json!({})).await?;
    let result = admin.result_of(&refresh).await?;
    ensure!(result["diff"]["removed"] == json!(["shop_prices"]), "{result}");
    for url in mesh.mcp_urls() {
        let client = Mcp::stateless(&url, &key);
        let gone = || async {
            let tools = client.tools().await?;
            ensure!(!tools.contains(&"shop_prices".to_owned()), "{tools:?}");
            anyhow::Ok(())
        };
        eventually(PATIENCE, gone).await?;
    }
    Ok(())
}
