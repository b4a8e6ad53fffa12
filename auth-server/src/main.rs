//! The authorization server as a program: settings from the environment, commands from its line.

use std::{error::Error, io::Write as _, process::ExitCode};

use ambient::Env;
use auth_server::commands::{self, Cli};
use clap::Parser as _;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    chassis::exit_code(run(cli).await)
}

/// Does what the command line says, and writes what came of it.
async fn run(cli: Cli) -> Result<(), Box<dyn Error + Send + Sync>> {
    let text = commands::run(cli, &Env::process()?).await?;
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    Ok(stdout.flush()?)
}
