//! `cargo xtask`: development tasks that need more than a cargo command.

mod deps;
mod failure;
mod generate;
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
  deps          checks who uses whom, and the rules of the house: lints, sizes, no `#[allow]`
  gen           writes .env.example and docs/configuration.md from what the servers read
  gen --check   fails if one of those files is not what `gen` would write
  help          prints this
";

/// What the command line asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Task {
    Deps,
    Generate,
    CheckGenerated,
    Help,
}

impl Task {
    fn named(words: &[&str]) -> Option<Self> {
        match words {
            ["deps"] => Some(Self::Deps),
            ["gen"] => Some(Self::Generate),
            ["gen", "--check"] => Some(Self::CheckGenerated),
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
            Self::Help => say(HELP).map(|()| Vec::new()),
        }
    }
}

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let outcome = match Task::named(&words) {
        Some(task) => task.run(),
        None => Err(Failure::UnknownTask(words.join(" "))),
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
