//! `devmesh mcp`: the stdio bridge.

use clap::Args;

use crate::arguments::Global;
use crate::failure::Failure;
use crate::mcp::{Endpoint, bridge};

/// MCP over stdin and stdout, for clients that do not speak HTTP: one JSON-RPC message a line, both ways, as the MCP
/// specification's stdio transport has it. Remarks go to stderr. Ends when stdin is closed.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  claude mcp add devmesh -- devmesh --data /srv/mesh/.devmesh mcp\n  \
    DEVMESH_API_KEY=dm_… devmesh --mcp-url https://mesh.example.com/mcp mcp\n\n  \
    {\"mcpServers\": {\"devmesh\": {\"command\": \"devmesh\", \"args\": [\"mcp\"], \"env\": {\"DEVMESH_API_KEY\": \"dm_…\"}}}}"
)]
pub struct Mcp {}

impl Mcp {
    pub(super) async fn run(self, global: &Global) -> Result<(), Failure> {
        let endpoint = Endpoint::new(&global.connection)?.over_stdio();
        let input = tokio::io::BufReader::new(tokio::io::stdin());
        tokio::select! {
            done = bridge::run(endpoint, input, tokio::io::stdout()) => done,
            () = runtime::lifecycle::signals() => Ok(()),
        }
    }
}
