//! Runs the tests that the command line names, one after the other, and prints what came of them.

use std::{
    io::{self, Write as _},
    process::ExitCode,
    time::Duration,
};

use ambient::Clock;
use reliability::{
    report::{Report, Size},
    standstill::Standstill,
    tests::{TESTS, Test},
};

/// How long one test may take, small and full.
const LONGEST: [Duration; 2] = [Duration::from_mins(4), Duration::from_hours(1)];

const HELP: &str = "\
Usage: cargo xtask reliability [--full] [TEST…]

Starts Redis, the servers and a balancer as processes, breaks something, and checks what clients
have seen. The programs must be built: cargo build --bins. Without names all tests run, small; --full
puts on the load of the design, and wants a quiet machine.

Tests:
";

#[tokio::main]
async fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let is_full = words.iter().any(|word| word == "--full");
    let names: Vec<_> = words.iter().filter(|word| *word != "--full").collect();
    let known = |name: &&String| TESTS.iter().any(|test| test.name == name.as_str());
    if !names.iter().all(known) {
        return help();
    }
    let size = if is_full { Size::Full } else { Size::Small };
    let wanted = |test: &&Test| names.is_empty() || names.iter().any(|name| *name == test.name);
    let (mut failed, mut times) = (Vec::new(), Vec::new());
    for test in TESTS.iter().filter(wanted) {
        let (is_good, seconds) = run(test, size).await;
        if !is_good {
            failed.push(test.name);
        }
        times.push((test.name, seconds));
    }
    let each: Vec<_> = times.iter().map(|(name, seconds)| format!("{name} {seconds}")).collect();
    let all: u64 = times.iter().map(|(_, seconds)| seconds).sum();
    say(&format!("seconds: {}; all {all}\n", each.join(", ")));
    if failed.is_empty() {
        say("reliability: all as promised\n");
        ExitCode::SUCCESS
    } else {
        say(&format!("reliability: not as promised: {}\n", failed.join(", ")));
        ExitCode::FAILURE
    }
}

/// Runs one test; whether all was as promised, and how many seconds it took. A small run has no
/// machine of its own: when that stood still in a test that failed, the test is run once more.
async fn run(test: &Test, size: Size) -> (bool, u64) {
    let watch = Clock::system().stopwatch();
    let mut outcome = attempt(test, size).await;
    if outcome == Outcome::Disturbed && size == Size::Small {
        say("The machine stood still meanwhile, so this says little: once more.\n\n");
        outcome = attempt(test, size).await;
    }
    (outcome == Outcome::Good, watch.elapsed().as_secs())
}

#[derive(PartialEq, Eq)]
enum Outcome {
    Good,
    /// Not as promised, while the machine did nothing for a time.
    Disturbed,
    Bad,
}

async fn attempt(test: &Test, size: Size) -> Outcome {
    say(&format!("{}: {}\n", test.name, test.about));
    let (watch, machine) = (Clock::system().stopwatch(), Standstill::watch());
    // Whatever hangs is named, and the tests after it still run.
    let limit = size.pick(LONGEST[0], LONGEST[1]);
    let report = match Clock::system().timeout(limit, (test.run)(size)).await {
        Ok(report) => report,
        Err(_) => Report::unfinished(limit),
    };
    let (seconds, still) = (watch.elapsed().as_secs(), machine.longest().as_millis());
    say(&format!("{report}  {:<44} {still} ms\n", "the machine stood still for, at most"));
    say(&format!("  {:<44} {seconds} s\n\n", "took"));
    match report.wrong().is_empty() {
        true => Outcome::Good,
        false if machine.was_long() => Outcome::Disturbed,
        false => Outcome::Bad,
    }
}

fn help() -> ExitCode {
    say(HELP);
    for test in TESTS {
        say(&format!("  {:<6}{}\n", test.name, test.about));
    }
    ExitCode::FAILURE
}

fn say(text: &str) {
    let mut stdout = io::stdout().lock();
    // Nobody reads what cannot be written.
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}
