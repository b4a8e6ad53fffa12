//! Measures what the command line names, and prints tables of Markdown. `cargo xtask bench` builds
//! what it needs and starts it.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use bench::{
    measures::{ALL, Measure},
    report::progress,
    rounds::Effort,
};
use tokio::runtime::Runtime;

const HELP: &str = "\
Usage: cargo xtask bench [--quick] [MEASURE…]

Measures release builds of the servers with wrk, each on one core, in turns with a bare handler on
the same core. Wants two cores that do nothing else, redis-server, taskset and wrk. Without names
everything is measured, in about twenty minutes; --quick takes eight and is less exact. What is
measured as `peers` is installed below target/peers first; one that cannot be is named in its table.

Measures:
";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let effort =
        if words.iter().any(|word| word == "--quick") { Effort::QUICK } else { Effort::FULL };
    let names: Vec<_> = words.iter().filter(|word| *word != "--quick").collect();
    let known = |name: &&String| ALL.iter().any(|measure| measure.name == name.as_str());
    if !names.iter().all(known) {
        help();
        return ExitCode::FAILURE;
    }
    let runtime = match Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return chassis::exit_code(Err::<(), _>(error)),
    };
    let wanted =
        |measure: &&Measure| names.is_empty() || names.iter().any(|name| *name == measure.name);
    let mut failed = false;
    for measure in ALL.iter().filter(wanted) {
        progress(measure.name);
        match measure.run(&runtime, effort) {
            Ok(tables) => tables.iter().for_each(|table| say(&format!("{table}\n"))),
            Err(error) => {
                failed = true;
                say(&format!("{}: {error}\n\n", measure.name));
            }
        }
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn help() {
    say(HELP);
    for measure in &ALL {
        say(&format!("  {:<12}{}\n", measure.name, measure.about));
    }
}

fn say(text: &str) {
    let mut stdout = io::stdout().lock();
    // Nobody reads what cannot be written.
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}
