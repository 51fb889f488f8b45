//! A Postgres that speaks TLS only, with a certificate of a private authority.

use std::path::Path;

use storage::{ConnectError, connect};
use test_support::{Authority, Postgres};

use crate::backend::{options, quiet};

/// Why this database is not used.
async fn refusal(url: &str) -> String {
    match connect(url, &options(), &quiet()).await {
        Ok(_) => panic!("{url} was opened"),
        Err(error) => error.to_string(),
    }
}

fn trusting(url: &str, mode: &str, authorities: &Path) -> String {
    format!("{url}?sslmode={mode}&sslrootcert={}", authorities.display())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_is_trusted_by_its_authority_and_never_in_plain_text() {
    let dir = tempfile::tempdir().unwrap();
    let (ours, theirs) = (Authority::new("ours").unwrap(), Authority::new("theirs").unwrap());
    let file = |name: &str, authority: &Authority| {
        let path = dir.path().join(name);
        std::fs::write(&path, authority.pem()).unwrap();
        path
    };
    let (trusted, other) = (file("ours.crt", &ours), file("theirs.crt", &theirs));
    let server = Postgres::start_with_tls(&ours.server(dir.path(), "postgres").unwrap())
        .await
        .unwrap();
    let url = server.database("mesh").await.unwrap();
    let storage = connect(&trusting(&url, "verify-full", &trusted), &options(), &quiet())
        .await
        .unwrap();
    storage.database.ping().await.unwrap();
    storage.database.close().await;

    for wrong in [
        format!("{url}?sslmode=verify-full"),
        trusting(&url, "verify-full", &other),
    ] {
        let said = refusal(&wrong).await;
        assert!(said.contains("invalid peer certificate"), "{said}");
        assert!(said.contains("`sslrootcert` of database.url"), "{said}");
    }
    refusal(&format!("{url}?sslmode=disable")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_authorities_are_named_a_database_without_tls_is_not_used() {
    let dir = tempfile::tempdir().unwrap();
    let authorities = dir.path().join("ca.crt");
    std::fs::write(&authorities, Authority::new("ours").unwrap().pem()).unwrap();
    let url = test_support::fresh_database().await.unwrap();
    let said = refusal(&trusting(&url, "verify-full", &authorities)).await;
    assert!(said.contains("server does not support TLS"), "{said}");
    // These would not look at the certificate, or go on in plain text.
    for mode in ["prefer", "require", "disable", "allow"] {
        let refused = connect(&trusting(&url, mode, &authorities), &options(), &quiet()).await;
        let Err(error @ ConnectError::Malformed(_)) = refused else {
            panic!("{mode} was taken")
        };
        let said = error.to_string();
        assert!(said.contains("expected sslmode=verify-full"), "{said}");
    }
    let said = refusal(&trusting(&url, "verify-full", &dir.path().join("missing"))).await;
    assert!(
        said.contains("sslrootcert: ") && said.contains("No such file"),
        "{said}"
    );
}
