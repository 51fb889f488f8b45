//! What operators use on a running service: `/admin/*` and `/debug/pprof/*`, behind the admin token, on the service's
//! own port or, where `admin.address` is set, there alone.

mod pprof;

use std::sync::Arc;

use axum::Router;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use telemetry::{AdminAccess, Fleet, Telemetry};

use crate::config::Secret;
use crate::lifecycle::Lifecycle;
use crate::listen::{Bound, ListenConfig, ListenError, Listener};

/// Where the endpoints for operators are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AdminConfig {
    /// Address and port of `/admin/*` and `/debug/*`, by convention port 6060; they are not on the service's own port then.
    /// Unset by default: the admin token guards them there too.
    pub address: Option<String>,
}

/// The endpoints for operators of one service.
pub struct Admin {
    router: Router,
    listener: Option<Listener>,
}

impl Admin {
    /// Binds the address, if there is one. Without a token every endpoint answers 403. `fleet` reaches the other replicas.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn build(
        config: &AdminConfig,
        token: Option<&Secret>,
        telemetry: &Telemetry,
        life: &Lifecycle,
        fleet: Option<Arc<dyn Fleet>>,
    ) -> Result<Self, ListenError> {
        let access = AdminAccess::new(token.map(|token| token.expose().to_owned().into()));
        let router = telemetry
            .admin_router(access.clone(), fleet)
            .merge(pprof::router(access, telemetry, life));
        let listener = match &config.address {
            Some(address) => Some(Listener::bind(&ListenConfig::at(address)).await?),
            None => None,
        };
        Ok(Self { router, listener })
    }

    /// What the service's own port serves, and what an address of its own serves; both under observation.
    pub fn beside(self, public: Router, telemetry: &Telemetry) -> (Router, Option<OwnAddress>) {
        let Self { router, listener } = self;
        let observed = |router| telemetry::http::layer(router, telemetry);
        match listener {
            None => (observed(public.merge(router)), None),
            Some(listener) => {
                let router = observed(router);
                (observed(public), Some(OwnAddress { router, listener }))
            }
        }
    }
}

/// The endpoints for operators at an address of their own.
pub struct OwnAddress {
    router: Router,
    listener: Listener,
}

impl OwnAddress {
    /// Where it listens.
    #[must_use]
    pub fn bound(&self) -> Bound {
        self.listener.bound()
    }

    /// Serves until the soft stop, as a part of `life`.
    pub fn start(self, life: &Lifecycle) {
        life.spawn("admin", self.listener.serve(self.router, life.clone()));
    }
}

#[cfg(test)]
mod tests;
