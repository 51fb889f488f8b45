//! `devmesh users`.

use std::io::Read;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::api::Api;
use crate::arguments::Global;
use crate::failure::Failure;
use crate::terminal::{Column, Terminal, date, text};

/// The longest password that rest-api takes, in bytes.
const MAX_PASSWORD: u64 = 1_024;

/// Users.
#[derive(Debug, Args)]
pub struct Users {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Add a user; the password is read from stdin, or from a file.
    #[command(
        after_help = "Examples:\n  devmesh users add ann@example.com --role member --password-file ./password\n  \
        pass show mesh/synthetic | devmesh users add synthetic-test --role member"
    )]
    Add {
        /// What they sign in with: a-z, 0-9 and `._@+-`.
        name: String,
        /// What they may do.
        #[arg(long, value_enum, default_value_t = Role::Member)]
        role: Role,
        #[command(flatten)]
        password: PasswordSource,
    },
    /// List the users, newest first.
    #[command(after_help = "Example:\n  devmesh users list")]
    List,
    /// Let a user sign in no more; their tokens are refused from now on.
    #[command(after_help = "Example:\n  devmesh users disable ann@example.com")]
    Disable {
        /// As `users list` shows it.
        name: String,
    },
    /// Let a user sign in again.
    #[command(after_help = "Example:\n  devmesh users enable ann@example.com")]
    Enable {
        /// As `users list` shows it.
        name: String,
    },
    /// Set another password, read from stdin or from a file; tokens of before are refused from now on.
    #[command(after_help = "Example:\n  devmesh users password ann@example.com --password-file ./password")]
    Password {
        /// As `users list` shows it.
        name: String,
        #[command(flatten)]
        password: PasswordSource,
    },
}

/// Where a password comes from. Never the command line, which everybody on the machine can read.
#[derive(Debug, Args)]
struct PasswordSource {
    /// File with the password; a trailing newline is not part of it. From stdin when absent.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

/// What a user may do.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Role {
    /// What an admin key may.
    Owner,
    /// Everything in the tenant.
    Admin,
    /// Tools, agents and tasks.
    Member,
    /// Look.
    Readonly,
}

const COLUMNS: &[Column] = &[
    ("name", |user| text(user, "name")),
    ("role", |user| text(user, "role")),
    ("state", |user| match user.get("disabled_at") {
        Some(Value::String(_)) => "disabled".to_owned(),
        _ => "active".to_owned(),
    }),
    ("password set", |user| date(user, "password_at")),
    ("added", |user| date(user, "created_at")),
];

impl Users {
    pub(super) async fn run(self, global: &Global, terminal: &Terminal) -> Result<(), Failure> {
        let api = Api::new(&global.connection)?;
        let changed = match self.action {
            Action::List => {
                let users = api.list(&["users"], &[], usize::MAX).await?;
                return terminal.rows(COLUMNS, &users, "no users");
            }
            Action::Add { name, role, password } => {
                let role = role.to_possible_value().map(|role| role.get_name().to_owned());
                let password = password.read(terminal)?;
                let body = json!({ "name": name, "role": role, "password": password.as_str() });
                api.post(&["users"], &[], &body).await?
            }
            Action::Disable { name } => api.post(&["users", &name, "disable"], &[], &Value::Null).await?,
            Action::Enable { name } => api.post(&["users", &name, "enable"], &[], &Value::Null).await?,
            Action::Password { name, password } => {
                let password = password.read(terminal)?;
                let body = json!({ "password": password.as_str() });
                api.put(&["users", &name, "password"], &body).await?
            }
        };
        terminal.record(COLUMNS, &changed)
    }
}

impl PasswordSource {
    fn read(&self, terminal: &Terminal) -> Result<Zeroizing<String>, Failure> {
        let mut text = Zeroizing::new(String::new());
        // One more than can be right: a wrong file is not read to its end.
        let most = MAX_PASSWORD + 2;
        let read = match &self.password_file {
            Some(path) => std::fs::File::open(path)
                .and_then(|file| file.take(most).read_to_string(&mut text))
                .map_err(|error| Failure::Usage(format!("--password-file {}: {error}", path.display())))?,
            None => {
                if std::io::IsTerminal::is_terminal(&std::io::stdin()) {
                    terminal.note(format_args!(
                        "Type the password and a newline, then Ctrl-D; it is shown as you type."
                    ));
                }
                let stdin = std::io::stdin().lock();
                let read = stdin.take(most).read_to_string(&mut text);
                read.map_err(|error| Failure::Usage(format!("the password on stdin: {error}")))?
            }
        };
        let password = text.trim_end_matches(['\r', '\n']);
        if read == 0 || password.is_empty() {
            return Err(Failure::Usage("the password is empty".to_owned()));
        }
        Ok(Zeroizing::new(password.to_owned()))
    }
}
