//! Builds the programs that are measured and the one that measures, as for production, and starts it.

use std::process::{Command, ExitCode};

/// Measures what `words` name.
pub(crate) fn run(words: &[&str]) -> ExitCode {
    let cargo = |arguments: &[&str]| {
        let status = Command::new("cargo").args(arguments).status();
        status.is_ok_and(|status| status.success())
    };
    // The servers alone: built together with the bench, they would have the features of its crates.
    let servers =
        ["build", "--release", "--locked", "-p", "mcp-server", "-p", "auth-server", "--bins"];
    let measuring = ["build", "--release", "--locked", "-p", "bench", "--bins"];
    let bench = ["run", "--release", "--quiet", "--locked", "-p", "bench", "--bin", "bench", "--"];
    if cargo(&servers) && cargo(&measuring) && cargo(&[&bench, words].concat()) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
