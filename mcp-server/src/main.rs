//! The MCP server as a program: settings from the environment, features from `features`.

use std::process::ExitCode;

use mcp_server::{features, run};

#[tokio::main]
async fn main() -> ExitCode {
    chassis::exit_code(run::serve_chosen(|env| features::offered(env).0).await)
}
