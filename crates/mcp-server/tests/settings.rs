//! The process mcp-server: settings that do not fit end it with 2 and are named, all else ends it with 1.
#![expect(clippy::unwrap_used, reason = "tests fail loudly")]

use std::net::TcpListener;

use test_support::{Ended, ended_by_settings};

async fn ended(settings: &str) -> Ended {
    ended_by_settings(env!("CARGO_BIN_EXE_mcp-server"), settings)
        .await
        .unwrap()
}

#[tokio::test]
async fn settings_that_do_not_fit_end_it_with_2_and_are_named() {
    for (settings, named) in [
        ("drian = '1s'", "did you mean `drain`"),
        ("drain = 'soon'", "`drain`"),
        ("", "control_plane.service_key: "),
        (
            "control_plane.service_key = '0123456789abcdef0123456789abcdef'\ntracing.sample_rate = 7.0",
            "tracing.sample_rate",
        ),
        (
            "control_plane.service_key = '0123456789abcdef0123456789abcdef'\nlisten.address = 'nowhere'",
            "nowhere",
        ),
        (
            "control_plane.service_key = '0123456789abcdef0123456789abcdef'\nlisten.tls = { certificate = '/no/cert.pem', key = '/no/key.pem' }",
            "/no/cert.pem",
        ),
        (
            "control_plane.service_key = '0123456789abcdef0123456789abcdef'\ncontrol_plane.url = 'no url at all'",
            "control_plane.url",
        ),
        (
            "control_plane.service_key = '0123456789abcdef0123456789abcdef'\ncontrol_plane.ca_file = '/no/ca.pem'\ncontrol_plane.url = 'https://x:1'",
            "control_plane.ca_file",
        ),
        (
            "control_plane.service_key = '0123456789abcdef0123456789abcdef'\negress.allow_hosts = ['*.*']",
            "egress.allow_hosts",
        ),
        (
            "control_plane.service_key = '0123456789abcdef0123456789abcdef'\ncache.url = 'ftp://x'",
            "cache.url",
        ),
        (
            "control_plane.service_key = '0123456789abcdef0123456789abcdef'\nlisten.max_connections = 500",
            "websocket.max_connections: expected less than listen.max_connections (500)",
        ),
        (
            "control_plane.service_key = '0123456789abcdef0123456789abcdef'\nwebsocket.max_connections = 21000",
            "websocket.max_connections: expected less than listen.max_connections (21000)",
        ),
    ] {
        let ended = ended(settings).await;
        assert_eq!(ended.code, Some(2), "{settings}: {ended:?}");
        assert!(ended.complaint.contains(named), "{settings}: {ended:?}");
    }
}

#[tokio::test]
async fn an_address_that_is_taken_ends_it_with_1() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let settings = format!(
        "listen.address = '{address}'\ncontrol_plane.service_key = '0123456789abcdef0123456789abcdef'\n"
    );
    let ended = ended(&settings).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.complaint.contains(&address.to_string()), "{ended:?}");
}
