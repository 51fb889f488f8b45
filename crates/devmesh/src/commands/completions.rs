//! `devmesh completions`.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::arguments::Arguments;
use crate::failure::Failure;
use crate::terminal::Terminal;

/// Print a completion script for a shell.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  devmesh completions bash > ~/.local/share/bash-completion/completions/devmesh\n  \
    devmesh completions zsh > ~/.zfunc/_devmesh\n  devmesh completions fish > ~/.config/fish/completions/devmesh.fish"
)]
pub struct Completions {
    /// The shell.
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self, terminal: &Terminal) -> Result<(), Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Arguments::command(), "devmesh", &mut script);
        terminal.print(String::from_utf8_lossy(&script).trim_end())
    }
}
