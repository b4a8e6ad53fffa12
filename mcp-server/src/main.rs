//! The MCP server as a program: settings from the environment, features from `features`.
//!
//! Without an argument it serves HTTP; with `stdio` whoever started it, over its standard streams.

use std::process::ExitCode;

use ambient::Env;
use mcp_server::{features, run};

fn main() -> ExitCode {
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return chassis::exit_code(Err::<(), _>(error)),
    };
    let ended = runtime.block_on(async {
        let offered = |env: &Env| features::offered(env).0;
        match std::env::args().nth(1).as_deref() {
            Some("stdio") => run::serve_stdio(offered).await,
            _ => run::serve_chosen(offered).await,
        }
    });
    // A read of standard input cannot be taken back; nobody waits for it.
    runtime.shutdown_background();
    chassis::exit_code(ended)
}
