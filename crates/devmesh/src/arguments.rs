//! The command line.

use clap::{Args, CommandFactory, FromArgMatches, Parser};

use crate::commands::Command;
use crate::connection::Connection;
use crate::failure::EXIT_CODES;
use crate::terminal::Output;

/// Devmesh: a control plane between AI agents and the tools of a DevOps team.
#[derive(Debug, Parser)]
#[command(name = "devmesh", version, after_help = EXIT_CODES, after_long_help = EXAMPLES)]
pub struct Arguments {
    /// What every command takes.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

impl Arguments {
    /// The command line and the environment of this process. What is wrong with them ends it, as `clap` does.
    #[must_use]
    pub fn read() -> Self {
        let mut command = Self::command();
        let matches = command.get_matches_mut();
        let read = Self::from_arg_matches(&matches).and_then(|mut arguments| {
            arguments.global.connection.prefer_flags(&matches)?;
            Ok(arguments)
        });
        read.unwrap_or_else(|error| error.format(&mut command).exit())
    }
}

/// What every command takes.
#[derive(Debug, Args)]
pub struct Global {
    /// Which mesh, and who asks.
    #[command(flatten)]
    pub connection: Connection,
    /// How results are printed.
    #[arg(long, global = true, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

const EXAMPLES: &str = "\
Examples:
  devmesh up                                             run a mesh here; data in ./.devmesh
  devmesh tools list                                     what agents can call
  devmesh tools add petstore --openapi https://petstore3.swagger.io/api/v3/openapi.json
  devmesh tools call mesh_whoami                         call a tool as an agent does
  devmesh keys create ci --kind agent                    a key for an agent, shown once
  devmesh mcp                                            MCP over stdin and stdout, for clients that speak only that

Exit codes: 0 done, 1 refused or failed, 2 wrong usage or settings, 3 the mesh cannot be reached.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    /// clap would hand a command its own argument where the global one is asked for, and panic over its type.
    #[test]
    fn no_command_has_an_argument_with_the_id_of_a_global_one() {
        fn walk(command: &clap::Command, globals: &[String]) {
            for argument in command
                .get_arguments()
                .filter(|argument| !argument.is_global_set())
            {
                let id = argument.get_id().to_string();
                assert!(!globals.contains(&id), "`{id}` of `{}`", command.get_name());
            }
            command.get_subcommands().for_each(|sub| walk(sub, globals));
        }
        let command = Arguments::command();
        let globals = command
            .get_arguments()
            .filter(|argument| argument.is_global_set());
        let globals: Vec<String> = globals.map(|argument| argument.get_id().to_string()).collect();
        walk(&command, &globals);
    }

    #[test]
    fn every_command_has_examples_in_its_help() {
        fn without(command: &clap::Command, path: &str, found: &mut Vec<String>) {
            for sub in command
                .get_subcommands()
                .filter(|sub| !sub.is_hide_set() && sub.get_name() != "help")
            {
                let path = format!("{path} {}", sub.get_name());
                if sub.get_after_help().is_none() && !sub.has_subcommands() {
                    found.push(path.clone());
                }
                without(sub, &path, found);
            }
        }
        let mut found = Vec::new();
        without(&Arguments::command(), "devmesh", &mut found);
        assert!(found.is_empty(), "no example in the help of {found:?}");
    }
}
