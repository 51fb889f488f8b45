//! The process rest-api: settings that do not fit end it with 2 and are named, all else ends it with 1.
#![expect(clippy::unwrap_used, reason = "tests fail loudly")]

use std::net::TcpListener;

use test_support::{Ended, ended_by_settings};

async fn ended(settings: &str) -> Ended {
    ended_by_settings(env!("CARGO_BIN_EXE_rest-api"), settings)
        .await
        .unwrap()
}

#[tokio::test]
async fn settings_that_do_not_fit_end_it_with_2_and_are_named() {
    for (settings, named) in [
        ("drian = '1s'", "did you mean `drain`"),
        ("drain = 'soon'", "`drain`"),
        ("", "grpc.service_key: "),
        (
            "grpc.service_key = '0123456789abcdef0123456789abcdef'\ntracing.sample_rate = 7.0",
            "tracing.sample_rate",
        ),
        (
            "grpc.service_key = '0123456789abcdef0123456789abcdef'\nlisten.address = 'nowhere'",
            "nowhere",
        ),
        (
            "grpc.service_key = '0123456789abcdef0123456789abcdef'\nlisten.tls = { certificate = '/no/cert.pem', key = '/no/key.pem' }",
            "/no/cert.pem",
        ),
        (
            "grpc.service_key = '0123456789abcdef0123456789abcdef'\nqueue.url = 'ftp://x'",
            "queue.url",
        ),
        (
            "grpc.service_key = '0123456789abcdef0123456789abcdef'\ndatabase.url = 'ftp://x'\ncredentials.keys = [{ id = 'a', key = 'abababababababababababababababababababababababababababababababab' }]",
            "database.url",
        ),
        (
            "grpc.service_key = '0123456789abcdef0123456789abcdef'\ndatabase.url = 'sqlite:x.db'\ncredentials.keys = [{ id = 'a', key = 'short' }]",
            "credentials.keys",
        ),
        (
            "prices = [{ model = 'm', input_usd_per_1k = -0.1, output_usd_per_1k = 0.0 }]",
            "prices[0].input_usd_per_1k",
        ),
        (
            "prices = [{ model = 'm', input_usd_per_1k = 0.0, output_usd_per_1k = nan }]",
            "prices[0].output_usd_per_1k",
        ),
        (
            "prices = [{ model = 'm', input_usd_per_1k = 0.0, output_usd_per_1k = inf }]",
            "prices[0].output_usd_per_1k",
        ),
        (
            "prices = [{ model = ' ', input_usd_per_1k = 0.0, output_usd_per_1k = 0.0 }]",
            "prices[0].model",
        ),
        (
            "prices = [{ model = 'm', input_usd_per_1k = 0.0, output_usd_per_1k = 0.0 }, { model = 'm', input_usd_per_1k = 1.0, output_usd_per_1k = 1.0 }]",
            "prices[1].model",
        ),
        ("routing.exploration = 1.5", "routing.exploration"),
        ("routing.half_life = '0s'", "routing.half_life"),
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
        "listen.address = '{address}'\ngrpc.service_key = '0123456789abcdef0123456789abcdef'\ndatabase.url = 'sqlite:x.db'\ngrpc.listen.address = '127.0.0.1:0'\n"
    );
    let ended = ended(&settings).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.complaint.contains(&address.to_string()), "{ended:?}");
}
