//! Compiles `proto/devmesh/v1/*.proto` with a compiler in Rust, so that no `protoc` is needed.

use std::path::Path;

#[expect(
    clippy::disallowed_methods,
    reason = "cargo hands these to build scripts this way; they are no settings"
)]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = Path::new(&std::env::var("CARGO_MANIFEST_DIR")?).join("../../proto");
    let mut files: Vec<_> = std::fs::read_dir(root.join("devmesh/v1"))?
        .map(|entry| entry.map(|e| e.path()))
        .collect::<Result<_, _>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "proto"));
    files.sort();
    println!("cargo:rerun-if-changed={}", root.display());
    let descriptors = protox::compile(&files, [&root])?;
    std::fs::write(
        Path::new(&std::env::var("OUT_DIR")?).join("descriptors.binpb"),
        prost::Message::encode_to_vec(&descriptors),
    )?;
    tonic_prost_build::configure()
        .bytes(".devmesh.v1")
        .compile_fds(descriptors)?;
    Ok(())
}
