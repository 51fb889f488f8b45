//! Upstreams that misbehave: each is a clear error in bounded time and memory, and holds no place afterwards.

use std::io::Write;
use std::time::Duration;

use domain::tool::Binding;
use serde_json::{Value, json};
use test_support::{RawUpstream, Reply, Then};

use crate::support::{Edge, World, tool};

/// An edge whose provider has one place, behind which something misbehaves, and a tool of the same provider that is
/// well: it answers only if the place is free again.
struct Faulty {
    world: World,
    key: String,
    _raw: Option<RawUpstream>,
}

impl Faulty {
    async fn raw(first: &str, then: Then) -> Self {
        let raw = RawUpstream::start(first, then).await.unwrap();
        let mut faulty = Self::reply(None).await;
        faulty.world.tenant().provider.base_url = raw.url().to_owned();
        faulty._raw = Some(raw);
        faulty
    }

    async fn reply(reply: Option<Reply>) -> Self {
        let mut world = World::new().await;
        let key = world.key();
        if let Some(reply) = reply {
            world.upstream.on("GET", "/bad", reply);
        }
        world
            .upstream
            .on("GET", "/well", Reply::json(200, &json!({ "well": true })));
        let url = world.upstream.url().to_owned();
        let tenant = world.tenant();
        tenant.provider.limits.concurrency = 1;
        tenant.provider.limits.queue_timeout_ms = 0;
        tenant.provider.limits.timeout_ms = 5_000;
        let bad = tool(&tenant.provider, "acme_bad", "GET", "/bad");
        let mut well = tool(&tenant.provider, "acme_well", "GET", "/well");
        let Binding::Http(binding) = &mut well.binding;
        binding.base_url = Some(url);
        tenant.tools.extend([bad, well]);
        Self {
            world,
            key,
            _raw: None,
        }
    }

    /// Calls it; answers the text. The audit record says `outcome`, the breaker counted `failures`, and the place is free.
    async fn ends_as(&self, outcome: &str, failures: usize) -> String {
        let edge = Edge::start(&self.world).await;
        let client = edge.client(&self.key);
        let call = client.call("acme_bad", json!({}));
        let answer = tokio::time::timeout(Duration::from_secs(20), call).await.unwrap();
        let result = &answer["result"];
        assert_eq!(result["isError"], outcome != "ok", "{answer}");
        edge.audit.with_outcome(outcome).await;
        let counted = edge.telemetry.render();
        let line = format!(
            r#"mcp_circuit_breaker_failures_total{{service="mcp-server",environment="test",breaker="acme"}} {failures}"#
        );
        assert_eq!(counted.contains(&line), failures > 0, "{counted}");
        let well: Value = client.call("acme_well", json!({})).await;
        assert_eq!(
            well["result"]["structuredContent"],
            json!({ "well": true }),
            "{well}"
        );
        let page = edge.telemetry.render();
        assert!(
            page.contains(r#"mcp_tools_active{service="mcp-server",environment="test",provider="acme"} 0"#),
            "{page}"
        );
        result["content"][0]["text"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn an_upstream_that_hangs_is_a_time_out() {
    let mut faulty = Faulty::reply(Some(Reply::hang())).await;
    faulty.world.tenant().provider.limits.timeout_ms = 300;
    let text = faulty.ends_as("timeout", 1).await;
    assert_eq!(text, "no answer within 300 ms");
}

#[tokio::test]
async fn an_upstream_that_hangs_in_the_middle_of_its_body_is_a_time_out() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"half\":";
    let mut faulty = Faulty::raw(head, Then::Hang).await;
    faulty.world.tenant().provider.limits.timeout_ms = 300;
    faulty.ends_as("timeout", 1).await;
}

#[tokio::test]
async fn a_reset_before_and_in_the_middle_of_the_answer_is_told_as_such() {
    let text = Faulty::reply(Some(Reply::reset()))
        .await
        .ends_as("upstream_unreachable", 1)
        .await;
    assert!(text.contains("cut the connection"), "{text}");
    let half = Reply::cut_short(200, 1_000, "{\"half\":");
    let text = Faulty::reply(Some(half))
        .await
        .ends_as("upstream_unreachable", 1)
        .await;
    assert!(text.contains("cut the connection"), "{text}");
}

#[tokio::test]
async fn headers_without_end_are_cut_off() {
    let endless = Then::Repeat(b"x-more: 0123456789012345678901234567890123456789\r\n".to_vec());
    let text = Faulty::raw("HTTP/1.1 200 OK\r\n", endless)
        .await
        .ends_as("upstream_invalid", 1)
        .await;
    assert!(text.contains("not HTTP"), "{text}");
}

#[tokio::test]
async fn one_header_line_without_end_is_cut_off() {
    let endless = Then::Repeat(vec![b'a'; 65_536]);
    Faulty::raw("HTTP/1.1 200 OK\r\nx-long: ", endless)
        .await
        .ends_as("upstream_invalid", 1)
        .await;
}

#[tokio::test]
async fn a_body_without_end_is_cut_with_a_note() {
    let endless = Then::Repeat(vec![b'a'; 65_536]);
    let text = Faulty::raw("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n", endless)
        .await
        .ends_as("ok", 0)
        .await;
    assert!(text.len() <= (1 << 20) + 1_000, "{}", text.len());
}

#[tokio::test]
async fn chunks_that_are_none_are_an_error_of_the_upstream() {
    for garbage in ["zz\r\nhello\r\n", "fffffffffffffffff\r\nhello\r\n"] {
        let head = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{garbage}");
        let text = Faulty::raw(&head, Then::Close)
            .await
            .ends_as("upstream_invalid", 1)
            .await;
        assert!(text.contains("not HTTP"), "{text}");
    }
}

#[tokio::test]
async fn another_protocol_is_an_error_of_the_upstream() {
    Faulty::raw("SSH-2.0-OpenSSH_9.2\r\n\r\n", Then::Close)
        .await
        .ends_as("upstream_invalid", 1)
        .await;
}

#[tokio::test]
async fn json_that_is_none_is_handed_over_as_text_with_a_note() {
    let reply = Reply::bytes(200, "application/json", "{\"a\": oops");
    let text = Faulty::reply(Some(reply)).await.ends_as("ok", 0).await;
    assert_eq!(text, "{\"a\": oops");
}

#[tokio::test]
async fn a_media_type_that_does_not_fit_the_bytes_does_no_harm() {
    let reply = Reply::bytes(200, "image/png; charset", "<html>not an image</html>");
    Faulty::reply(Some(reply)).await.reaches_the_agent().await;
    let reply = Reply::bytes(200, "application/json", vec![0xff, 0xfe, 0x00]);
    Faulty::reply(Some(reply)).await.reaches_the_agent().await;
}

#[tokio::test]
async fn a_bomb_of_gzip_is_bounded() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..100 {
        encoder.write_all(&vec![b' '; 1 << 20]).unwrap();
    }
    let bomb = Reply::bytes(200, "text/plain", encoder.finish().unwrap()).header("content-encoding", "gzip");
    let text = Faulty::reply(Some(bomb)).await.ends_as("ok", 0).await;
    assert!(text.len() <= (1 << 20) + 1_000, "{}", text.len());
}

#[tokio::test]
async fn a_redirect_to_a_forbidden_address_and_a_name_of_one_are_refused() {
    let metadata = Reply::redirect(302, "http://169.254.169.254/latest/meta-data/");
    let text = Faulty::reply(Some(metadata))
        .await
        .ends_as("address_refused", 0)
        .await;
    assert!(!text.contains("meta-data"), "{text}");
    let mut faulty = Faulty::reply(None).await;
    let well = faulty.world.upstream.authority().to_owned();
    let provider = &mut faulty.world.tenant().provider;
    (provider.base_url, provider.allowed_hosts) = ("http://localhost:9".to_owned(), vec![well]);
    faulty.ends_as("address_refused", 0).await;
}

impl Faulty {
    /// The agent gets some content, whatever it is worth, and the place is free.
    async fn reaches_the_agent(&self) {
        let edge = Edge::start(&self.world).await;
        let client = edge.client(&self.key);
        let answer = client.call("acme_bad", json!({})).await;
        assert_eq!(answer["result"]["isError"], false, "{answer}");
        assert!(
            !answer["result"]["content"].as_array().unwrap().is_empty(),
            "{answer}"
        );
        let well = client.call("acme_well", json!({})).await;
        assert_eq!(well["result"]["isError"], false, "{well}");
    }
}
