//! `cargo xtask counts`: what a request costs in instructions and allocations, counted by callgrind
//! and compared with what was recorded. Counts do not depend on how busy the machine is.
//!
//! The recorded numbers are of the development profile, which CI builds in any case: allocations
//! are the same in every profile, and a path that does more work does so in each of them. What a
//! request costs in production is counted by `cargo xtask counts --release`, and not recorded.

mod callgrind;
mod sites;

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde::{Deserialize, Serialize};

use crate::{failure::Failure, workspace::target};

/// Where the numbers are kept.
const RECORD: &str = "crates/bench/counts.json";

/// How often each case runs in one profile.
const TIMES: u64 = 200;

/// How many lines are shown of what a program has said before it failed.
const LAST: usize = 20;

/// How much worse a number may be, in percent, before it is a finding.
const TOLERANCE: u64 = 5;

/// The case that is looked at station by station.
const CALL: &str = "call";

/// The stations of a call, and the function of each that has everything below it. Who renames one
/// of these functions writes the new name here.
const STATIONS: [(&str, &str); 6] = [
    ("authenticate", "mcp_server::auth::Auth::check::{{closure}}"),
    ("parse", "shared::mcp::jsonrpc::Message::parse"),
    ("classify", "mcp_server::era::Era::of"),
    ("decode", "mcp_server::era::modern::prepare"),
    (
        "dispatch",
        "<mcp_core::dispatch::Inner<S> as mcp_core::dispatch::Erased>::dispatch::{{closure}}",
    ),
    ("encode", "mcp_server::http::rejection::to_bytes"),
];

/// What one request of a case costs, or one station of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct PerRequest {
    instructions: u64,
    /// Not counted for stations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    allocations: Option<u64>,
}

type Record = BTreeMap<String, PerRequest>;

/// Which programs are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Profile {
    Dev,
    Release,
}

/// Counts, and tells what has become worse than recorded.
pub(crate) fn check(root: &Path) -> Result<Vec<String>, Failure> {
    let path = root.join(RECORD);
    let text = fs::read_to_string(&path).map_err(Failure::of_file(&path))?;
    let recorded: Record = serde_json::from_str(&text).map_err(Failure::Metadata)?;
    let counted = count(root, Profile::Dev)?;
    crate::say(&table(&recorded, &counted))?;
    Ok(worse(&recorded, &counted))
}

/// Counts, and records what was counted.
pub(crate) fn record(root: &Path) -> Result<(), Failure> {
    let counted = count(root, Profile::Dev)?;
    crate::say(&table(&counted, &counted))?;
    let path = root.join(RECORD);
    let text = serde_json::to_string_pretty(&counted).map_err(Failure::Metadata)?;
    fs::write(&path, text + "\n").map_err(Failure::of_file(path))
}

/// Counts what is built for production, and only shows it.
pub(crate) fn show(root: &Path) -> Result<(), Failure> {
    let counted = count(root, Profile::Release)?;
    crate::say(&table(&counted, &counted))
}

/// Shows where the requests of one case ask for memory.
pub(crate) fn show_sites(root: &Path, case: &str) -> Result<(), Failure> {
    let (program, out) = built(root, Profile::Dev)?;
    let file = out.join("sites.json");
    let mut valgrind = Command::new("valgrind");
    valgrind
        .args(["--tool=dhat", "--quiet", "--num-callers=400"])
        .arg(format!("--dhat-out-file={}", file.display()))
        .arg(program)
        .args([&TIMES.to_string(), case]);
    let _ = run(&mut valgrind)?;
    let text = fs::read_to_string(&file).map_err(Failure::of_file(&file))?;
    let list = sites::list(&text, TIMES).filter(|list| !list.is_empty());
    crate::say(&list.ok_or_else(|| Failure::NoCount(case.to_owned()))?)
}

/// The program that is counted, and an empty folder for what valgrind writes.
fn built(root: &Path, profile: Profile) -> Result<(PathBuf, PathBuf), Failure> {
    let (name, folder) = match profile {
        Profile::Dev => ("dev", "debug"),
        Profile::Release => ("release", "release"),
    };
    // All of the workspace, as CI builds it: alone, the program would have other features below it.
    let build = ["build", "--quiet", "--workspace", "--bin", "count", "--profile", name];
    let _ = run(Command::new("cargo").args(build).current_dir(root))?;
    let target = target(root);
    let out = target.join("callgrind");
    // What an earlier run has left would be read as ours.
    let _ = fs::remove_dir_all(&out);
    fs::create_dir_all(&out).map_err(Failure::of_file(&out))?;
    Ok((target.join(folder).join("count"), out))
}

fn count(root: &Path, profile: Profile) -> Result<Record, Failure> {
    let (program, out) = built(root, profile)?;
    let cases = callgrind(&program, &out.join("out"))?;
    let mut counted = Record::new();
    let per_request = |total: u64| (total + TIMES / 2) / TIMES;
    let cases = cases.lines().filter_map(|line| line.split_once(' '));
    for (number, (case, allocations)) in cases.enumerate() {
        let path = out.join(format!("out.{}", number + 1));
        let text = fs::read_to_string(&path).map_err(Failure::of_file(&path))?;
        let numbers = callgrind::instructions(&text).zip(allocations.parse().ok());
        let (instructions, allocations) = numbers.ok_or(Failure::NoCount(case.to_owned()))?;
        let (instructions, allocations) = (per_request(instructions), per_request(allocations));
        let allocations = Some(allocations);
        counted.insert(case.to_owned(), PerRequest { instructions, allocations });
        for (station, function) in STATIONS.iter().filter(|_| case == CALL) {
            // One that is missing is told when it is compared.
            let Some(total) = callgrind::inclusive(&text, function) else { continue };
            let counts = PerRequest { instructions: per_request(total), allocations: None };
            counted.insert(format!("{CALL}: {station}"), counts);
        }
    }
    Ok(counted)
}

/// Runs all cases under callgrind, which writes a profile for each; gives a line for each, its name
/// and how often memory was asked for.
fn callgrind(program: &Path, out: &Path) -> Result<String, Failure> {
    let mut valgrind = Command::new("valgrind");
    valgrind
        .args(["--tool=callgrind", "--quiet", "--collect-atstart=no"])
        .args(["--toggle-collect=*count::measured*", "--dump-before=*count::end_of_case*"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(program)
        .arg(TIMES.to_string());
    run(&mut valgrind)
}

fn run(command: &mut Command) -> Result<String, Failure> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|source| Failure::Program { name: name.clone(), source })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    // A server that is counted logs every request; what went wrong is at the end.
    let said = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<_> = said.lines().collect();
    let said = lines[lines.len().saturating_sub(LAST)..].join("\n");
    Err(Failure::ProgramFailed { name, said })
}

fn table(recorded: &Record, counted: &Record) -> String {
    let mut text = format!(
        "{:20}{:>14}{:>14}{:>8}{:>8}\n",
        "case", "instructions", "recorded", "allocs", "rec."
    );
    let shown = |count: Option<u64>| count.map_or_else(String::new, |count| count.to_string());
    for (case, now) in counted {
        let then = recorded.get(case).copied().unwrap_or(*now);
        let _ = writeln!(
            text,
            "{case:20}{:>14}{:>14}{:>8}{:>8}",
            now.instructions,
            then.instructions,
            shown(now.allocations),
            shown(then.allocations)
        );
    }
    text
}

/// Every number that is worse by more than the tolerance, and every case that was not recorded or is
/// there no more.
fn worse(recorded: &Record, counted: &Record) -> Vec<String> {
    let mut findings = Vec::new();
    for (case, now) in counted {
        let Some(then) = recorded.get(case) else {
            findings.push(format!("{case} is not in {RECORD}"));
            continue;
        };
        let instructions = ("instructions", now.instructions, then.instructions);
        let allocations = now.allocations.zip(then.allocations);
        let allocations = allocations.map(|(now, then)| ("allocations", now, then));
        for (what, now, then) in [instructions].into_iter().chain(allocations) {
            if now * 100 > then * (100 + TOLERANCE) {
                findings.push(format!("{case}: {now} {what} a request, recorded are {then}"));
            }
        }
    }
    for case in recorded.keys().filter(|case| !counted.contains_key(*case)) {
        findings.push(format!(
            "{case} is in {RECORD} and was not counted; if it is a station, its function is named in \
             crates/xtask/src/counts"
        ));
    }
    if !findings.is_empty() {
        findings.push(
            "if that is the price of something worth it, say so in the commit and record the new \
             numbers: cargo xtask counts --record"
                .to_owned(),
        );
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(instructions: u64, allocations: u64) -> Record {
        Record::from([(
            "call".to_owned(),
            PerRequest { instructions, allocations: Some(allocations) },
        )])
    }

    #[test]
    fn five_percent_are_not_worse_and_more_are() {
        assert_eq!(worse(&of(1000, 20), &of(1050, 21)), Vec::<String>::new());
        assert_eq!(worse(&of(1000, 20), &of(1051, 22)).len(), 3);
        assert_eq!(worse(&of(1000, 20), &of(10, 1)), Vec::<String>::new());
    }

    #[test]
    fn a_case_without_a_record_is_a_finding() {
        assert_eq!(worse(&Record::new(), &of(1, 1)).len(), 2);
    }

    #[test]
    fn a_case_that_was_recorded_and_is_gone_is_a_finding() {
        assert!(worse(&of(1, 1), &Record::new())[0].starts_with("call is in"));
    }
}
