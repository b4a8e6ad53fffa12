//! The MCP server as a program: settings from the environment, features from `features`.
//!
//! Without an argument it serves HTTP; with `stdio` whoever started it, over its standard streams.

use std::process::ExitCode;

use mcp_core::Features;
use mcp_server::{features, run};

fn main() -> ExitCode {
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return chassis::exit_code(Err::<(), _>(error)),
    };
    let offered = Features::new(features::server(), features::catalog(), features::App::default());
    let ended = runtime.block_on(async {
        match std::env::args().nth(1).as_deref() {
            Some("stdio") => run::serve_stdio(offered).await,
            _ => run::serve(offered).await,
        }
    });
    // A read of standard input cannot be taken back; nobody waits for it.
    runtime.shutdown_background();
    chassis::exit_code(ended)
}
