//! The gRPC door: the other services of the mesh.

mod audit;
mod authenticate;
mod catalogue;
mod fleet;
mod jobs;
mod mesh;
mod parse;
mod watch;

pub use authenticate::ServiceKey;
pub use jobs::CalledTools;

use std::sync::Arc;

use control::Control;
use proto::MAX_MESSAGE_BYTES;
use proto::v1::audit_service_server::AuditServiceServer;
use proto::v1::catalogue_service_server::CatalogueServiceServer;
use proto::v1::fleet_service_server::FleetServiceServer;
use proto::v1::job_service_server::JobServiceServer;
use proto::v1::mesh_service_server::MeshServiceServer;
use tokio_util::sync::CancellationToken;
use tonic::service::{Routes, interceptor::InterceptedService};

use crate::fleet::Fleet;
use crate::mesh::Mesh;

/// What the handlers can reach.
#[derive(Clone)]
pub struct Grpc {
    /// The verbs.
    pub control: Control,
    /// The verbs of agents and tasks, with what follows from them.
    pub mesh: Mesh,
    /// Whether credentials may go to another host without TLS.
    pub allow_insecure_credentials: bool,
    /// Whether this door speaks TLS, or stays in the process.
    pub private: bool,
    /// The tools that claimed jobs call.
    pub called: Arc<CalledTools>,
    /// The replicas of the other services.
    pub fleet: Arc<Fleet>,
    /// Ends the watches.
    pub stop: CancellationToken,
}

/// The services, each behind the service key.
pub fn services(grpc: Grpc, key: &ServiceKey) -> Routes {
    let catalogue = CatalogueServiceServer::new(grpc.clone())
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES);
    let jobs = JobServiceServer::new(grpc.clone())
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES);
    let fleet = FleetServiceServer::new(grpc.clone());
    let mesh = MeshServiceServer::new(grpc.clone())
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES);
    let audit = AuditServiceServer::new(grpc);
    Routes::new(InterceptedService::new(catalogue, key.clone()))
        .add_service(InterceptedService::new(jobs, key.clone()))
        .add_service(InterceptedService::new(fleet, key.clone()))
        .add_service(InterceptedService::new(mesh, key.clone()))
        .add_service(InterceptedService::new(audit, key.clone()))
}
