//! `devmesh probe`.

use clap::Args;
use url::Url;

use crate::client;
use crate::failure::Failure;
use crate::terminal::Terminal;

/// Ask an address for its health: exit code 0 when it answers 2xx, 1 when it answers anything else, 3 when it does not.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  devmesh probe http://127.0.0.1:8080/health/ready\n  \
    HEALTHCHECK CMD [\"devmesh\", \"probe\", \"http://127.0.0.1:8081/health/live\"]"
)]
pub struct Probe {
    /// The whole address.
    address: Url,
    /// How long to wait for the answer.
    #[arg(long, default_value = "2s")]
    timeout: runtime::config::Duration,
}

impl Probe {
    pub(super) async fn run(self, terminal: &Terminal) -> Result<(), Failure> {
        let request = client::client(&self.address)?
            .get(self.address.clone())
            .timeout(self.timeout.get());
        let response = request
            .send()
            .await
            .map_err(|error| Failure::Unreachable(format!("{}: {}", self.address, client::reason(&error))))?;
        let status = response.status();
        // gRPC says 200 to everything, and in a header that it knows no such path.
        let refused = response
            .headers()
            .get("grpc-status")
            .is_some_and(|code| code != "0");
        if status.is_success() && !refused {
            return terminal.print(status);
        }
        let body = response.text().await.unwrap_or_default();
        Err(Failure::Failed(format!(
            "{} answers {status} {}",
            self.address,
            body.trim()
        )))
    }
}
