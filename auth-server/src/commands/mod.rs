//! What the program does besides serving: `auth-server COMMAND`.
//!
//! A command reads the same settings as the server, works on the same store, and gives its text
//! back; `main` writes it.

mod clients;
mod config;
mod doctor;
mod doctor_store;
mod keys;
mod registered;

use std::{fmt, io, path::PathBuf};

use ambient::{Clock, Entropy, Env, Mistakes, explained};
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use clap_complete::Shell;
use store::{Store, StoreError};

use crate::{Config, clients_file::CANNOT_BE_BLOCKED, keys::KeyError, run};

/// The command line.
#[derive(Debug, Parser)]
#[command(
    name = "auth-server",
    version,
    about = "OAuth 2.1 authorization server for MCP",
    after_help = "Settings come from the environment and from a file `.env`; `--help` explains them."
)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves until a signal comes. Also without a command.
    Serve,
    /// Settings.
    #[command(subcommand)]
    Config(config::Command),
    /// Signing keys.
    #[command(subcommand)]
    Keys(keys::Command),
    /// Clients: those of the operator, in the file that `AUTH_CLIENTS_FILE` names, and those that have
    /// registered or have a document, in the store.
    #[command(subcommand)]
    Client(clients::Command),
    /// Says whether settings, store, keys and the running server fit together. Ends with 1 when
    /// something is bad, and with 2 when nothing could be looked at.
    Doctor {
        /// Tells it to a program.
        #[arg(long)]
        json: bool,
    },
    /// Asks the server that runs with these settings on this machine whether it is ready: for
    /// containers, which need no other client then.
    Healthcheck {
        /// Only whether it is alive.
        #[arg(long)]
        live: bool,
    },
    /// Prints completions for a shell.
    Completions {
        /// Which shell.
        shell: Shell,
    },
}

impl Cli {
    /// The command line of this process. The long help ends with every setting, in the words of the
    /// code that reads them. A wrong line is told, and ends the process.
    #[must_use]
    pub fn told() -> Self {
        let matches = Self::described().get_matches();
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }

    /// Whether `auth-server` has a command of this name.
    #[must_use]
    pub fn knows(command: &str) -> bool {
        Self::command().find_subcommand(command).is_some()
    }

    fn described() -> clap::Command {
        let settings = Config::from_env(&Env::default()).1;
        Self::command().after_long_help(explained(&settings))
    }
}

/// Why a command has failed.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// Serving has failed.
    #[error(transparent)]
    Serve(#[from] run::RunError),
    /// The settings are wrong.
    #[error(transparent)]
    Settings(#[from] Mistakes),
    /// Keys live in the store, and memory is that of another process.
    #[error("REDIS_URL is not set: the keys are in the memory of the server and end with it")]
    NoSharedStore,
    /// The store cannot be reached.
    #[error("the store of REDIS_URL cannot be used")]
    Store(#[from] StoreError),
    /// The keys cannot be used.
    #[error("the signing keys cannot be used")]
    Keys(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No file is named.
    #[error("AUTH_CLIENTS_FILE is not set; set it to the file that clients are to be kept in")]
    NoFile,
    /// The file of clients cannot be read or written.
    #[error("{} cannot be read or written", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file would not be accepted by the server.
    #[error("AUTH_CLIENTS_FILE {0}")]
    Clients(String),
    /// Nothing names a place where clients are.
    #[error(
        "neither AUTH_CLIENTS_FILE nor REDIS_URL is set: the clients that have registered are in the \
         memory of the server, and end with it"
    )]
    NoPlace,
    /// There is no such client.
    #[error("there is no client `{0}`; `client list` shows those that there are")]
    NoClient(String),
    /// The clients of the file are all that could be shown.
    #[error("the clients of the store are missing here")]
    Unlisted {
        /// Those of the file, for the standard output.
        report: String,
        /// Why.
        #[source]
        why: Box<CommandError>,
    },
    /// It is not blocked.
    #[error("client `{0}` is not blocked; `client list` shows those that are")]
    NotBlocked(String),
    /// It is blocked.
    #[error("client `{0}` is blocked; `client unblock` lets it in again")]
    IsBlocked(String),
    /// The operator's own clients are not blocked but removed.
    #[error("client `{0}` is in AUTH_CLIENTS_FILE; `client remove` takes it out")]
    IsGiven(String),
    /// There can be no such client.
    #[error("`{0}` {CANNOT_BE_BLOCKED}")]
    NotRegistered(String),
    /// The server that was asked is not well.
    #[error(transparent)]
    Sick(#[from] chassis::Unwell),
    /// The result could not be written.
    #[error("the terminal has failed")]
    Terminal(#[from] io::Error),
    /// The doctor has found something.
    #[error("not well: see what is marked BAD")]
    Unwell {
        /// What it is, for the standard output.
        report: String,
        /// What the program ends with.
        status: u8,
    },
}

impl CommandError {
    /// What is to be written to the standard output all the same.
    #[must_use]
    pub fn report(&self) -> Option<&str> {
        match self {
            Self::Unwell { report, .. } | Self::Unlisted { report, .. } => Some(report),
            _ => None,
        }
    }

    /// What the program ends with.
    #[must_use]
    pub fn status(&self) -> u8 {
        match self {
            Self::Unwell { status, .. } => *status,
            _ => 1,
        }
    }
}

impl From<KeyError> for CommandError {
    fn from(error: KeyError) -> Self {
        Self::Keys(error.into())
    }
}

/// What the outside world provides to a command.
struct World {
    clock: Clock,
    entropy: Entropy,
}

/// Does what the command line says; gives what is to be written.
///
/// # Errors
/// [`CommandError`], which says what to do about it.
pub async fn run(cli: Cli, env: &Env) -> Result<String, CommandError> {
    let world = World { clock: Clock::system(), entropy: Entropy::system() };
    match cli.command.unwrap_or(Command::Serve) {
        Command::Serve => {
            run::serve(env).await?;
            Ok(String::new())
        }
        Command::Config(command) => config::run(&command, env),
        Command::Keys(command) => keys::run(&command, env, &world).await,
        Command::Client(command) => clients::run(&command, env, &world).await,
        Command::Doctor { json } => {
            let found = doctor::examine(env, &world).await;
            let report = if json { found.to_json() } else { found.to_string() };
            let status = found.status();
            if found.are_well() { Ok(report) } else { Err(CommandError::Unwell { report, status }) }
        }
        Command::Healthcheck { live } => {
            let config = Config::from_env(env).0?;
            chassis::healthcheck(config.host, config.port, live).await?;
            Ok(String::new())
        }
        Command::Completions { shell } => Ok(completions(shell)),
    }
}

fn completions(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "auth-server", &mut script);
    // It is made of names and descriptions, which are text.
    String::from_utf8_lossy(&script).into_owned()
}

/// The store that running instances share, if there is one.
async fn shared_store(config: &Config) -> Result<Option<Store>, StoreError> {
    match &config.redis {
        Some(options) => Store::redis(options).await.map(Some),
        None => Ok(None),
    }
}

/// Rows whose columns are below each other.
struct Rows<const N: usize>(Vec<[String; N]>);

impl<const N: usize> fmt::Display for Rows<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |column: usize| {
            self.0.iter().map(|row| row[column].chars().count()).max().unwrap_or_default()
        };
        for row in &self.0 {
            for (column, text) in row.iter().enumerate() {
                if column + 1 == N {
                    writeln!(f, "{text}")?;
                } else {
                    write!(f, "{text:width$}  ", width = width(column))?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
