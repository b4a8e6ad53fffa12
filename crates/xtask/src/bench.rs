//! Builds the programs that are measured and the one that measures, as for production, and starts it.

use std::process::{Command, ExitCode};

/// Measures what `words` name.
pub(crate) fn run(words: &[&str]) -> ExitCode {
    let run = |program: &str, arguments: &[&str]| {
        let status = Command::new(program).args(arguments).status();
        status.is_ok_and(|status| status.success())
    };
    let cargo = |arguments: &[&str]| run("cargo", arguments);
    // The servers alone: built together with the bench, they would have the features of its crates.
    let servers =
        ["build", "--release", "--locked", "-p", "mcp-server", "-p", "auth-server", "--bins"];
    let measuring = ["build", "--release", "--locked", "-p", "bench", "--bins"];
    // The one that measures shares its core with the load generator, not with what is measured.
    let bench = ["--cpu-list", "1", "cargo", "run", "--release", "--quiet", "--locked"];
    let bench = [&bench[..], &["-p", "bench", "--bin", "bench", "--"]].concat();
    if cargo(&servers) && cargo(&measuring) && run("taskset", &[&bench, words].concat()) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
