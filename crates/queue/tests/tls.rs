//! A broker that speaks TLS only, with a certificate of a private authority.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a panic is how a test says no"
)]

use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::ports::Queue;
use queue::{QueueOptions, RabbitQueue};
use test_support::{Authority, RabbitMq, eventually};

const PATIENCE: Duration = Duration::from_secs(60);

fn trusting(authorities: Option<&Path>) -> QueueOptions {
    QueueOptions {
        authorities: authorities.map(Path::to_owned),
        timeout: Duration::from_secs(2),
        ..QueueOptions::default()
    }
}

/// This broker is not used, for this reason. On a busy machine the reason may be the time first.
async fn is_refused(url: &str, authorities: Option<&Path>, words: &[&str]) {
    let refusal = || async {
        let said = match RabbitQueue::new(url, &trusting(authorities)) {
            Ok(queue) => queue.ping().await.unwrap_err().to_string(),
            Err(error) => error.to_string(),
        };
        match words.iter().all(|word| said.contains(word)) {
            true => Ok(()),
            false => Err(said),
        }
    };
    eventually(PATIENCE, refusal).await.unwrap();
}

#[tokio::test]
async fn a_broker_is_trusted_by_its_authority_and_never_in_plain_text() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, authority: &Authority| -> PathBuf {
        let path = dir.path().join(name);
        std::fs::write(&path, authority.pem()).unwrap();
        path
    };
    let (ours, theirs) = (Authority::new("ours").unwrap(), Authority::new("theirs").unwrap());
    let broker = RabbitMq::start_with_tls(&ours.server(dir.path(), "broker").unwrap())
        .await
        .unwrap();
    let (trusted, other) = (file("ours.crt", &ours), file("theirs.crt", &theirs));
    let queue = RabbitQueue::new(&broker.url(), &trusting(Some(&trusted))).unwrap();
    eventually(PATIENCE, || queue.ping()).await.unwrap();

    for authorities in [None, Some(other.as_path())] {
        let words = ["invalid peer certificate", "`queue.ca_file`"];
        is_refused(&broker.url(), authorities, &words).await;
    }
    let missing = dir.path().join("missing");
    is_refused(
        &broker.url(),
        Some(&missing),
        &["queue.ca_file: ", "No such file"],
    )
    .await;
    // It speaks TLS only, and where authorities are named nothing else is spoken.
    let plain = broker.url().replace("amqps://", "amqp://");
    is_refused(&plain, None, &[]).await;
    is_refused(&plain, Some(&trusted), &["expected amqps://"]).await;

    // Another authority takes over in the same file; the next connection believes it.
    std::fs::copy(&other, &trusted).unwrap();
    let late = RabbitQueue::new(&broker.url(), &trusting(Some(&trusted))).unwrap();
    late.ping().await.unwrap_err();
    std::fs::write(&trusted, ours.pem()).unwrap();
    eventually(PATIENCE, || late.ping()).await.unwrap();
}

#[tokio::test]
async fn a_broker_that_speaks_plain_text_only_is_not_spoken_to_where_tls_is_asked_for() {
    let broker = test_support::rabbitmq_url().await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let authorities = dir.path().join("ca.crt");
    std::fs::write(&authorities, Authority::new("ours").unwrap().pem()).unwrap();
    is_refused(&broker.replace("amqp://", "amqps://"), Some(&authorities), &[]).await;
}
