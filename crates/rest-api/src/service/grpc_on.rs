//! Where gRPC is spoken.

use runtime::lifecycle::Lifecycle;
use runtime::link::LinkIncoming;
use runtime::listen::Listener;
use telemetry::Telemetry;
use tonic::service::Routes;

use super::BuildError;
use crate::config::Config;

/// With the other services of this process, or on a listener.
pub(super) enum GrpcOn {
    Listener(Box<Listener>),
    Link(LinkIncoming),
}

impl GrpcOn {
    /// Binds the listener where there is no `link`.
    pub(super) async fn open(
        link: Option<LinkIncoming>,
        config: &Config,
        telemetry: &Telemetry,
    ) -> Result<Self, BuildError> {
        let Some(link) = link else {
            let listener = Listener::bind(&config.grpc.listen)
                .await
                .map_err(|error| error.in_section("grpc.listen"))?;
            return Ok(Self::Listener(Box::new(listener.named("grpc", telemetry))));
        };
        Ok(Self::Link(link))
    }

    pub(super) fn start(self, grpc: Routes, telemetry: &Telemetry, life: &Lifecycle) {
        match self {
            Self::Listener(listener) => {
                let routes = grpc.into_axum_router().layer(telemetry::grpc::server(telemetry));
                life.spawn("grpc", listener.serve(routes, life.clone()));
            }
            Self::Link(link) => {
                let server = tonic::transport::Server::builder()
                    .layer(telemetry::grpc::server(telemetry))
                    .add_routes(grpc)
                    .serve_with_incoming_shutdown(link, life.soft_stop().cancelled_owned());
                life.spawn("grpc", server);
            }
        }
    }
}
