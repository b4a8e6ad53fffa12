//! The authorization server as a program: settings from the environment, commands from its line.

use std::{
    io::{self, ErrorKind, Write as _},
    process::ExitCode,
};

use ambient::Env;
use auth_server::commands::{self, Cli, CommandError};

/// Gives the memory of what has ended back to the system (decision 0032).
#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::told();
    chassis::exit_code_of(run(cli).await, CommandError::status)
}

/// Does what the command line says, and writes what came of it.
async fn run(cli: Cli) -> Result<(), CommandError> {
    let ended = commands::run(cli, &Env::process()?).await;
    let text = match &ended {
        Ok(text) => text,
        Err(error) => error.report().unwrap_or_default(),
    };
    match write(text) {
        // Whoever read has seen enough, as `head` and `grep --quiet` do.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(error.into()),
        Ok(()) => ended.map(drop),
    }
}

fn write(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}
