//! Files that do not fit, each with the setting and what it expects.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use test_support::{Authority, CertificateFiles};

use super::*;
use crate::listen::ListenError;

struct Files {
    dir: TempDir,
    ours: Authority,
    own: CertificateFiles,
}

impl Files {
    fn new() -> Self {
        let (dir, ours) = (tempfile::tempdir().unwrap(), Authority::new("ours").unwrap());
        let own = ours.server(dir.path(), "own").unwrap();
        Self { dir, ours, own }
    }

    fn file(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn text(&self, path: &Path) -> String {
        fs::read_to_string(path).unwrap()
    }

    /// What a listener says to these files.
    async fn said(&self, change: impl FnOnce(&mut TlsConfig)) -> String {
        let mut tls = TlsConfig::files(&self.own.certificate, &self.own.key);
        change(&mut tls);
        let config = ListenConfig {
            tls: Some(tls),
            ..ListenConfig::default()
        };
        let error = Listener::bind(&config).await.err().expect("was taken");
        assert!(error.is_of_the_settings(), "{error}");
        assert!(matches!(error, ListenError::Tls(_)), "{error}");
        error.in_section("grpc.listen").to_string()
    }
}

#[tokio::test]
async fn a_certificate_file_that_does_not_fit_is_refused_by_its_setting() {
    let files = Files::new();
    let (certificate, key) = (files.text(&files.own.certificate), files.text(&files.own.key));
    let chain = files.file("order.crt", format!("{}{certificate}", files.ours.pem()));
    let half = files.file("half.crt", &certificate[..certificate.len() / 2]);
    let cases = [
        (files.dir.path().join("missing"), "No such file"),
        (files.dir.path().to_owned(), "Is a directory"),
        (files.file("empty.crt", ""), "there is no certificate in it"),
        (
            files.file("binary.crt", [0x30, 0x82, 0xff, 0x00]),
            "there is no certificate in it",
        ),
        (
            files.own.key.clone(),
            "there is a private key in it and no certificate",
        ),
        (chain, "the certificate of the key is not the first in it"),
        (half, "a section of it has no end"),
    ];
    for (path, problem) in cases {
        let said = files.said(|tls| tls.certificate.clone_from(&path)).await;
        let begins = format!("grpc.listen.tls.certificate: {}: {problem}", path.display());
        assert!(said.starts_with(&begins), "{said}");
        assert!(said.ends_with("the service's own certificate first"), "{said}");
        assert!(!said.contains(&key[40..60]), "{said}");
    }
}

#[tokio::test]
async fn a_key_file_that_does_not_fit_is_refused_by_its_setting_and_never_shown() {
    let files = Files::new();
    let other = files.ours.server(files.dir.path(), "other").unwrap();
    let key = files.text(&other.key);
    let encrypted = key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let cases = [
        (files.dir.path().join("missing"), "No such file", "not encrypted"),
        (
            files.own.certificate.clone(),
            "there is a certificate in it and no private key",
            "not encrypted",
        ),
        (
            files.file("encrypted.key", encrypted),
            "the key in it is encrypted",
            "not encrypted",
        ),
        (
            files.file("half.key", &key[..key.len() / 2]),
            "it is not whole",
            "not encrypted",
        ),
        (
            other.key.clone(),
            "it is not the key of the certificate in",
            "of that certificate",
        ),
    ];
    for (path, problem, expected) in cases {
        let said = files.said(|tls| tls.key.clone_from(&path)).await;
        let begins = format!("grpc.listen.tls.key: {}: {problem}", path.display());
        assert!(said.starts_with(&begins) && said.ends_with(expected), "{said}");
        assert!(!said.contains(&key[40..60]), "{said}");
    }
    // `DEVMESH_LISTEN__TLS__KEY_FILE`, which means the setting's value is in the file.
    let said = files.said(|tls| tls.key = key.clone().into()).await;
    assert_eq!(
        said,
        "grpc.listen.tls.key: holds a key or certificate itself; expected the path of a PEM file"
    );
}

#[tokio::test]
async fn authorities_of_clients_that_do_not_fit_are_refused_by_their_setting() {
    let files = Files::new();
    let ended = Authority::until("ended", 2020).unwrap();
    let cases = [
        (
            files.file("ended.crt", ended.pem()),
            "every certificate in it has ended",
        ),
        (
            files.own.key.clone(),
            "there is a private key in it and no certificate",
        ),
        (files.dir.path().to_owned(), "Is a directory"),
    ];
    for (path, problem) in cases {
        let said = files.said(|tls| tls.client_ca_file = Some(path.clone())).await;
        let begins = format!("grpc.listen.tls.client_ca_file: {}: {problem}", path.display());
        assert!(said.starts_with(&begins), "{said}");
        assert!(said.contains("authorities to trust"), "{said}");
    }
}

#[tokio::test]
async fn a_file_that_nobody_may_read_is_refused_by_its_setting() {
    let files = Files::new();
    // Root may read everything; what nobody can read is a link to itself.
    let path = files.dir.path().join("loop.key");
    symlink(&path, &path).unwrap();
    let said = files.said(|tls| tls.key.clone_from(&path)).await;
    assert!(
        said.starts_with(&format!("grpc.listen.tls.key: {}: ", path.display())),
        "{said}"
    );
}
