//! People: passwords that are set, right and wrong, the tokens that they are given, and keys at the WebSocket's door.

use anyhow::Result;
use e2e::{Mesh, PATIENCE, unique};
use http::Method;
use serde_json::{Value, json};
use test_support::eventually;
use test_support::http::Request;

use super::hunt::Hunt;
use super::text;
use crate::agents::socket::Socket;

const NAME: &str = "ann@example.com";

/// A user signs in, is refused, works with a token, has another password, and is shut out.
pub async fn come_and_go(mesh: &Mesh, hunt: &mut Hunt) -> Result<()> {
    let (admin, first, second) = (mesh.admin()?, unique("password"), unique("password"));
    hunt.canaries.add("password", &first);
    hunt.canaries.add("another password", &second);
    let user = json!({ "name": NAME, "password": first });
    hunt.look(
        "an answer",
        admin.post("/users", &user).await?.to_string().as_bytes(),
    );
    // Once more, with the password again; and one that says too much.
    hunt.refused(admin.request(Method::POST, "/users").json(&user))
        .await?;
    let odd = json!({ "name": "bob@example.com", "password": first, "pasword": second });
    hunt.refused(admin.request(Method::POST, "/users").json(&odd))
        .await?;
    let guess = unique("guess");
    hunt.canaries.add("guessed password", &guess);
    for name in [NAME, "nobody@example.com"] {
        hunt.refused(sign_in(mesh, name, &guess)?).await?;
    }
    let token = token(mesh, hunt, &first).await?;
    let as_ann = mesh.api(&token)?;
    let given = json!({ "title": "look at the mesh", "assignee": NAME });
    let given = as_ann.post("/assignments", &given).await?;
    hunt.look("an answer", given.to_string().as_bytes());
    // Refused, with the token in the request.
    hunt.refused(as_ann.request(Method::POST, "/users").json(&user))
        .await?;
    let path = format!("/users/{NAME}/password");
    admin.put(&path, &json!({ "password": second })).await?;
    hunt.refused(sign_in(mesh, NAME, &first)?).await?;
    let token = self::token(mesh, hunt, &second).await?;
    admin.post(&format!("/users/{NAME}/disable"), &json!({})).await?;
    hunt.refused(mesh.api(&token)?.request(Method::GET, "/assignments"))
        .await?;
    for url in mesh.mcp_urls() {
        for wrong in [&token, &guess] {
            // mcp-server hears a moment later that the user is shut out.
            let refused = || async { Socket::open(&url, wrong).await.err() };
            let refused = eventually(PATIENCE, refused).await?;
            hunt.look("an answer", format!("{refused:?}").as_bytes());
        }
    }
    Ok(())
}

fn sign_in(mesh: &Mesh, name: &str, password: &str) -> Result<Request> {
    let url = format!("{}/auth/token", mesh.api_url()?);
    Ok(Request::new(Method::POST, &url).json(&json!({ "username": name, "password": password })))
}

/// A token: the only answer in which it may be.
async fn token(mesh: &Mesh, hunt: &mut Hunt, password: &str) -> Result<String> {
    let answer = sign_in(mesh, NAME, password)?.send().await?;
    let body: Value = answer.json()?;
    let token = text(&body["access_token"])?.to_owned();
    hunt.canaries.add("access token", &token);
    // A part of it would do as well for whoever has the rest.
    let signature = token.rsplit('.').next().unwrap_or_default();
    hunt.canaries.add("signature of an access token", signature);
    Ok(token)
}
