//! `cargo xtask`: development tasks that need more than a cargo command.

mod bench;
mod counts;
mod deps;
mod failure;
mod generate;
mod pgo;
mod reliability;
mod requirements;
mod workspace;

use std::{
    env,
    io::{self, Write as _},
    process::ExitCode,
};

use self::{failure::Failure, workspace::Workspace};

const HELP: &str = "\
Usage: cargo xtask TASK

Tasks:
  bench         measures the servers under load, with a bare handler beside them; --help lists what
  counts        counts instructions and allocations of requests; fails if they are 5 % worse
  counts --record   records them in crates/bench/counts.json; --release shows those of production
  counts --sites CASE  shows where requests of a case ask for memory
  deps          checks who uses whom, and the rules of the house: lints, sizes, no `#[allow]`
  gen           writes .env.example and docs/configuration.md from what the servers read
  gen --check   fails if one of those files is not what `gen` would write
  pgo           builds the servers optimised for the load of the bench (decision 0077)
  reliability   breaks real processes under load and says what clients saw; --help lists the tests
  requirements  checks that docs/requirements.md is whole and names tests that there are
  help          prints this
";

/// What the command line asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Task {
    Deps,
    Generate,
    CheckGenerated,
    Requirements,
    Count,
    RecordCounts,
    ShowCounts,
    Optimise,
    Help,
}

impl Task {
    fn named(words: &[&str]) -> Option<Self> {
        match words {
            ["deps"] => Some(Self::Deps),
            ["gen"] => Some(Self::Generate),
            ["gen", "--check"] => Some(Self::CheckGenerated),
            ["requirements"] => Some(Self::Requirements),
            ["counts"] => Some(Self::Count),
            ["counts", "--record"] => Some(Self::RecordCounts),
            ["counts", "--release"] => Some(Self::ShowCounts),
            ["pgo"] => Some(Self::Optimise),
            ["help" | "--help" | "-h"] | [] => Some(Self::Help),
            _ => None,
        }
    }

    /// What is wrong, a line or more each; nothing when all is well.
    fn run(self) -> Result<Vec<String>, Failure> {
        match self {
            Self::Deps => deps::check(&Workspace::read()?),
            Self::Generate => generate::write(&Workspace::read()?.root).map(|()| Vec::new()),
            Self::CheckGenerated => generate::check(&Workspace::read()?.root),
            Self::Requirements => requirements::check(&Workspace::read()?.root),
            Self::Count => counts::check(&Workspace::read()?.root),
            Self::RecordCounts => counts::record(&Workspace::read()?.root).map(|()| Vec::new()),
            Self::ShowCounts => counts::show(&Workspace::read()?.root).map(|()| Vec::new()),
            Self::Optimise => pgo::build(&Workspace::read()?.root).map(|()| Vec::new()),
            Self::Help => say(HELP).map(|()| Vec::new()),
        }
    }
}

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["reliability", rest @ ..] => return reliability::run(rest),
        ["bench", rest @ ..] => return bench::run(rest),
        _ => {}
    }
    let outcome = match words.as_slice() {
        ["counts", "--sites", case] => Workspace::read()
            .and_then(|workspace| counts::show_sites(&workspace.root, case))
            .map(|()| Vec::new()),
        words => match Task::named(words) {
            Some(task) => task.run(),
            None => Err(Failure::UnknownTask(words.join(" "))),
        },
    };
    let wrong = outcome.unwrap_or_else(|failure| vec![failure.to_string()]);
    let told = wrong.iter().try_for_each(|line| say(&format!("{line}\n")));
    if wrong.is_empty() && told.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn say(text: &str) -> Result<(), Failure> {
    io::stdout().lock().write_all(text.as_bytes()).map_err(Failure::Output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_named_by_its_words() {
        assert_eq!(Task::named(&["deps"]), Some(Task::Deps));
        assert_eq!(Task::named(&["gen", "--check"]), Some(Task::CheckGenerated));
        assert_eq!(Task::named(&[]), Some(Task::Help));
        assert_eq!(Task::named(&["gen", "--all"]), None);
    }
}
