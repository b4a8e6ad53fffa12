//! The authorization server as a program: settings from the environment, commands from its line.

use std::{
    error::Error,
    io::{ErrorKind, Write as _},
    process::ExitCode,
};

use ambient::Env;
use auth_server::commands::{self, Cli};

/// Gives the memory of what has ended back to the system (decision 0032).
#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::told();
    chassis::exit_code(run(cli).await)
}

/// Does what the command line says, and writes what came of it.
async fn run(cli: Cli) -> Result<(), Box<dyn Error + Send + Sync>> {
    let text = commands::run(cli, &Env::process()?).await?;
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        // Whoever read has seen enough, as `head` and `grep --quiet` do.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}
