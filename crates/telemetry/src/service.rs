//! Who emits.

/// The identity that every series, log line and span of one service carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceInfo {
    /// `mcp-server`, `rest-api`, `worker` or `devmesh`: the label `service`.
    pub name: &'static str,
    /// Release, as in `Cargo.toml`.
    pub version: &'static str,
    /// Commit that was built.
    pub revision: &'static str,
    /// Compiler that built it.
    pub rustc: &'static str,
    /// Where it runs (`production`, `development`): the label `environment`.
    pub environment: String,
    /// Which replica this is: the resource attribute `service.instance.id`.
    pub instance: String,
}
