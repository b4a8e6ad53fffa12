//! Builds the servers for the ways that requests take (profile-guided optimisation, decision 0077):
//! once to see which these are, under the load of the bench, and once more with what was seen.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{failure::Failure, workspace::target};

/// What is shipped. Built together, so that what they share is compiled for all of them alike: the
/// bench asks the two servers, and what `standalone` shares with them is all but its beginning.
const PROGRAMS: [&str; 6] = ["-p", "standalone", "-p", "auth-server", "-p", "mcp-server"];

/// The bench, and what it starts beside the servers.
const MEASURING: [&str; 3] = ["bench", "ceiling", "large"];

/// The load: each kind of request in both eras, questions to users, tokens.
const LOAD: [&str; 4] = ["--quick", "calls", "elicitation", "tokens"];

/// Both builds have the same settings and packages: with others the compiler gives functions other
/// names, and what was seen is of none that it knows.
///
/// Leaves the programs below `target/pgo/optimised`, and those that measure them beside them.
pub(crate) fn build(root: &Path) -> Result<(), Failure> {
    let target = target(root);
    // Programs write down what they have seen wherever they are started.
    let target = std::path::absolute(&target).map_err(Failure::of_file(&target))?;
    let (host, merge) = (host()?, merging()?);
    let pgo = target.join("pgo");
    let (seen, merged) = (pgo.join("seen"), pgo.join("seen.profdata"));
    // What an earlier run has seen may be of other programs.
    let _ = fs::remove_dir_all(&seen);
    cargo(root, &["-p", "bench", "--bins"], None)?;
    let compile = |stage: &str, flag: &str, file: &Path| {
        let (folder, option) = (pgo.join(stage), format!("-C{flag}={}", file.display()));
        // With a target named, the flags are for the programs and not for what runs at build time.
        let place = ["--target", &host, "--target-dir", &*folder.to_string_lossy()];
        cargo(root, &[&PROGRAMS[..], &place].concat(), Some(&option))?;
        Ok::<_, Failure>(folder.join(&host).join("release"))
    };
    let watched = compile("watched", "profile-generate", &seen)?;
    measuring_beside(&watched, &target)?;
    run(Command::new("taskset").args(["--cpu-list", "1"]).arg(watched.join("bench")).args(LOAD))?;
    if fs::read_dir(&seen).map_or(0, Iterator::count) == 0 {
        let said = "the servers have written down nothing of what they have seen".to_owned();
        return Err(Failure::ProgramFailed { name: "bench".to_owned(), said });
    }
    run(Command::new(merge).arg("merge").arg("--output").args([&merged, &seen]))?;
    let optimised = compile("optimised", "profile-use", &merged)?;
    measuring_beside(&optimised, &target)?;
    crate::say(&format!("The programs are in {}\n", optimised.display()))
}

/// The bench measures what stands beside it. It is not built anew: the bare handler is what it always is.
fn measuring_beside(programs: &Path, target: &Path) -> Result<(), Failure> {
    for name in MEASURING {
        let (from, to) = (target.join("release").join(name), programs.join(name));
        fs::copy(&from, &to).map_err(Failure::of_file(&to))?;
    }
    Ok(())
}

fn cargo(root: &Path, arguments: &[&str], option: Option<&str>) -> Result<(), Failure> {
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--release", "--locked"]).args(arguments).current_dir(root);
    if let Some(option) = option {
        // The form in which an option may have spaces; it takes the place of `RUSTFLAGS`.
        let own = env::var_os("RUSTFLAGS").unwrap_or_default().to_string_lossy().into_owned();
        let options: Vec<&str> = own.split_whitespace().chain([option]).collect();
        cargo.env("CARGO_ENCODED_RUSTFLAGS", options.join("\x1f"));
        // To optimise them as a whole, twice, takes an hour, and brings little where it is known what
        // is asked.
        cargo.env("CARGO_PROFILE_RELEASE_LTO", "thin");
    }
    run(&mut cargo)
}

/// Runs a program that tells the user what it does.
fn run(command: &mut Command) -> Result<(), Failure> {
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command.stdin(Stdio::null()).status();
    let status = status.map_err(|source| Failure::Program { name: name.clone(), source })?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::ProgramFailed { name, said: "what it said is above".to_owned() })
}

/// What the compiler says of itself.
fn compiler(arguments: &[&str]) -> Result<String, Failure> {
    let output = Command::new("rustc").args(arguments).output();
    let output = output.map_err(|source| Failure::Program { name: "rustc".to_owned(), source })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(Failure::ProgramFailed { name: "rustc".to_owned(), said })
}

fn host() -> Result<String, Failure> {
    let about = compiler(&["-vV"])?;
    Ok(line_of(&about, "host").unwrap_or_default().to_owned())
}

/// The program that merges what was seen: that of the toolchain (`rustup component add llvm-tools`),
/// or one of the system with the version of the compiler's LLVM.
fn merging() -> Result<PathBuf, Failure> {
    if let Some(named) = env::var_os("LLVM_PROFDATA") {
        return Ok(PathBuf::from(named));
    }
    let library = compiler(&["--print", "target-libdir"])?;
    let own = Path::new(library.trim()).with_file_name("bin").join("llvm-profdata");
    if own.is_file() {
        return Ok(own);
    }
    let about = compiler(&["-vV"])?;
    let version = line_of(&about, "LLVM version").unwrap_or_default();
    let major = version.split('.').next().unwrap_or_default();
    Ok(PathBuf::from(format!("llvm-profdata-{major}")))
}

fn line_of<'a>(about: &'a str, name: &str) -> Option<&'a str> {
    about.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_compiler_says_of_itself_is_read() {
        let about = "rustc 1.95.0\nhost: x86_64-unknown-linux-gnu\nLLVM version: 22.1.2\n";
        assert_eq!(line_of(about, "host"), Some("x86_64-unknown-linux-gnu"));
        assert_eq!(line_of(about, "LLVM version"), Some("22.1.2"));
        assert_eq!(line_of(about, "LLVM"), None);
    }
}
