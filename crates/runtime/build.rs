//! What the build knows of itself: the commit and the compiler.
#![expect(
    clippy::disallowed_methods,
    reason = "a build script is configured by its environment"
)]

use std::process::Command;

fn main() {
    // One that is not there (another work tree, packed references) would count as changed at every build.
    for head in ["../../.git/HEAD", "../../.git/refs/heads/main"] {
        if std::path::Path::new(head).exists() {
            println!("cargo:rerun-if-changed={head}");
        }
    }
    println!("cargo:rerun-if-env-changed=DEVMESH_REVISION");
    let given = std::env::var("DEVMESH_REVISION").ok();
    let revision = given.or_else(|| said("git", &["rev-parse", "--short=12", "HEAD"]));
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let compiler = said(&rustc, &["--version"]).and_then(|text| text.split(' ').nth(1).map(str::to_owned));
    println!(
        "cargo:rustc-env=DEVMESH_REVISION={}",
        revision.as_deref().unwrap_or("unknown")
    );
    println!(
        "cargo:rustc-env=DEVMESH_RUSTC={}",
        compiler.as_deref().unwrap_or("unknown")
    );
}

fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
