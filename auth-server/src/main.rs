//! The authorization server as a program: settings from the environment.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    chassis::exit_code(auth_server::run::serve().await)
}
