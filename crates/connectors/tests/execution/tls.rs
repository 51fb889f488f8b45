use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use connectors::EgressConfig;
use domain::CallErrorKind;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::json;
use telemetry::TelemetryConfig;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::support::{Mesh, text, tool};

/// Answers requests on one connection over TLS with the version of HTTP that they came by, or none when the client
/// refuses the certificate.
async fn serve(listener: TcpListener, acceptor: TlsAcceptor) {
    let (stream, _) = listener.accept().await.unwrap();
    let Ok(stream) = acceptor.accept(stream).await else {
        return;
    };
    let answer = service_fn(|request: Request<Incoming>| async move {
        let body = json!({"version": format!("{:?}", request.version())}).to_string();
        let response = Response::builder().header("content-type", "application/json");
        Ok::<_, Infallible>(response.body(Full::new(Bytes::from(body))).unwrap())
    });
    let executor = hyper_util::rt::TokioExecutor::new();
    let server = hyper_util::server::conn::auto::Builder::new(executor);
    // Ends with an error when the client goes away.
    drop(server.serve_connection(TokioIo::new(stream), answer).await);
}

async fn call(ca_file: Option<&Path>, acceptor: TlsAcceptor) -> domain::CallOutcome {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let egress = EgressConfig {
        ca_file: ca_file.map(Path::to_owned),
        ..EgressConfig::default()
    };
    let mut mesh = Mesh::with(egress, TelemetryConfig::default(), None);
    mesh.provider.base_url = format!("https://localhost:{port}");
    mesh.provider.allowed_hosts = vec!["127.0.0.0/8".to_owned(), "::1".to_owned()];
    let the_tool = tool("GET", "/");
    tokio::select! {
        outcome = mesh.call(&the_tool, json!({})) => outcome,
        () = async { serve(listener, acceptor).await; std::future::pending().await } => unreachable!(),
    }
}

#[tokio::test]
async fn https_trusts_the_authorities_of_the_ca_file_and_nobody_else() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let mut server =
        rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
    server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let newest = TlsAcceptor::from(Arc::new(server.clone()));
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    let older = TlsAcceptor::from(Arc::new(server));
    let directory = tempfile::tempdir().unwrap();
    let ca_file = directory.path().join("ca.pem");
    std::fs::write(&ca_file, made.cert.pem()).unwrap();

    for (acceptor, version) in [(&newest, "HTTP/2.0"), (&older, "HTTP/1.1")] {
        let outcome = call(Some(&ca_file), acceptor.clone()).await;
        assert_eq!(
            outcome.structured,
            Some(json!({"version": version})),
            "{}",
            text(&outcome)
        );
    }
    let outcome = call(None, newest).await;
    assert_eq!(outcome.error, Some(CallErrorKind::UpstreamUnreachable));
    assert!(text(&outcome).contains("TLS"), "{}", text(&outcome));
}

#[test]
fn a_ca_file_that_cannot_be_used_is_told_at_start() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("empty.pem");
    std::fs::write(&file, "no certificate").unwrap();
    for path in [file, directory.path().join("missing.pem")] {
        let egress = EgressConfig {
            ca_file: Some(path.clone()),
            ..EgressConfig::default()
        };
        let error = Mesh::connectors(egress).err().unwrap().to_string();
        assert!(
            error.contains("egress.ca_file") && error.contains(&path.display().to_string()),
            "{error}"
        );
    }
}
