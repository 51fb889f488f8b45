//! `devmesh keys recover`.

use clap::Args;
use control::ControlError;

use crate::arguments::Global;
use crate::direct::Direct;
use crate::failure::Failure;
use crate::terminal::Terminal;

/// Which tenant gets the key.
#[derive(Debug, Args)]
pub(super) struct Recover {
    #[command(flatten)]
    direct: Direct,
    /// The tenant; the first one when none is named.
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
}

impl Recover {
    /// The key alone goes to stdout, so that it can be taken into a file.
    pub(super) async fn run(self, global: &Global, terminal: &Terminal) -> Result<(), Failure> {
        let control = self.direct.open(global).await?;
        let made = control.recover_admin_key(self.tenant.as_deref()).await;
        let (tenant, key) = made.map_err(|error| match (error, &self.tenant) {
            (ControlError::NotFound, Some(name)) => Failure::Failed(format!("there is no tenant `{name}`")),
            (ControlError::NotFound, None) => {
                Failure::Failed("there is no tenant yet: the first start makes one, with its key".to_owned())
            }
            (error, _) => Failure::of("the database", error),
        })?;
        terminal.note(format_args!(
            "an admin key of the tenant `{}`. Keep its text: it cannot be shown again. The keys that are lost still work: \
             revoke them (`devmesh keys list`, `devmesh keys revoke`).",
            tenant.name
        ));
        terminal.print(key.reveal().as_str())
    }
}
