//! The MCP server as a program: settings from the environment, features from `features`.

use std::process::ExitCode;

use mcp_core::Features;
use mcp_server::{cli, features};

#[tokio::main]
async fn main() -> ExitCode {
    let offered = Features::new(features::server(), features::catalog(), features::App::default());
    chassis::exit_code(cli::run(offered).await)
}
