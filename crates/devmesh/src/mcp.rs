//! MCP over Streamable HTTP, seen from the client: one call for `devmesh tools call`, and the stdio bridge.

pub mod bridge;
mod call;
mod endpoint;
mod events;
mod headers;

pub use call::call_tool;
pub use endpoint::Endpoint;
