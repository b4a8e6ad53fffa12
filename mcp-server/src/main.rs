//! The MCP server as a program: settings from the environment, features from `features`.
//!
//! Without an argument it serves HTTP; [`cli`] has what else there is.

use std::process::ExitCode;

use mcp_server::{
    cli::{self, CliError},
    features,
};

/// Gives the memory of what has ended back to the system (decision 0032).
#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return chassis::exit_code(Err::<(), _>(error)),
    };
    let ended = runtime.block_on(cli::run(features::offered));
    // A read of standard input cannot be taken back; nobody waits for it.
    runtime.shutdown_background();
    chassis::exit_code_of(ended, CliError::status)
}
