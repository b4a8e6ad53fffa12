//! Builds the programs that the reliability tests start, and runs the tests.

use std::process::{Command, ExitCode};

/// Runs the tests that `words` name; `--full` also means programs that are optimised.
pub(crate) fn run(words: &[&str]) -> ExitCode {
    let profile: &[&str] = if words.contains(&"--full") { &["--release"] } else { &[] };
    let cargo = |task: &str, packages: &[&str], rest: &[&str]| {
        let mut command = Command::new("cargo");
        command.args([task, "--quiet", "--locked"]).args(profile).args(packages);
        command.args(rest).status().is_ok_and(|status| status.success())
    };
    let programs = ["-p", "mcp-server", "-p", "auth-server", "-p", "reliability", "--bins"];
    let tests = [&["--"], words].concat();
    // Features are those of the packages named: the same for both, so nothing is built twice.
    if cargo("build", &programs, &[]) && cargo("run", &["-p", "reliability"], &tests) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
