//! The gRPC services between processes, generated from `proto/devmesh/v1/*.proto`. The comments there are the
//! documentation; a breaking change fails `cargo xtask check proto`.

#[allow(
    missing_docs,
    clippy::all,
    clippy::pedantic,
    clippy::restriction,
    reason = "generated code"
)]
pub mod v1 {
    tonic::include_proto!("devmesh.v1");
}

/// The file descriptors of everything in [`v1`], as an encoded `google.protobuf.FileDescriptorSet`.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.binpb"));

/// Largest message that a service accepts or sends, in bytes. A description of 32 MiB and its framing fit.
pub const MAX_MESSAGE_BYTES: usize = 40 << 20;
