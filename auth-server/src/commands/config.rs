//! `auth-server config`: what the server would read.

use ambient::Env;
use clap::Subcommand;

use super::{CommandError, Rows};
use crate::Config;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Says whether the server would start with the settings, and every mistake in them.
    Check,
    /// Shows what holds: every setting with its value and where that comes from. No secrets.
    Dump,
}

pub(super) fn run(command: &Command, env: &Env) -> Result<String, CommandError> {
    let (config, settings) = Config::from_env(env);
    match command {
        Command::Check => {
            let config = config?;
            Ok(format!("the settings are good; the issuer is {}\n", config.issuer))
        }
        // Also of settings with mistakes: who looks for one wants to see them.
        Command::Dump => {
            let rows = env.in_force(&settings).into_iter();
            let rows = rows
                .map(|(name, value, source)| [format!("{name}={value}"), format!("# {source}")]);
            Ok(Rows(rows.collect()).to_string())
        }
    }
}
