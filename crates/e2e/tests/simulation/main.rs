//! Simulation: both servers, their store, the lines to it and their clients in one process, on one
//! thread, on a clock that jumps from event to event, with one seed for everything that is left to
//! chance. A seed is a history; the promises of docs/reliability.md are looked for in each.
//!
//! `SIMULATION_SEEDS=17` runs one seed, `SIMULATION_SEEDS=1-5000` many; decision 0075 says why it is
//! made like this.

mod call;
mod client;
mod codes;
mod dice;
mod faults;
mod features;
mod history;
mod instance;
mod listener;
mod login;
mod runtime;
mod weather;
mod wire;
mod world;

use std::{
    ops::RangeInclusive,
    panic::{AssertUnwindSafe, catch_unwind},
};

use ambient::Env;

use self::history::Outcome;

/// How many seeds of sessions the test command looks at.
const SESSIONS: u64 = 100;

/// How many of codes. Each has a login before it, and a server of it takes longer to start than all
/// that is simulated takes.
const CODES: u64 = 25;

/// How many of them run twice.
const TWICE: usize = 10;

/// The seeds of this run: those of `SIMULATION_SEEDS`, a number or two with a `-` between them.
fn seeds(usual: u64) -> RangeInclusive<u64> {
    let env = Env::process().expect("the environment can be read");
    let about = "A seed, or the first and the last of many.";
    let (text, _) = env.read(|read| read.setting("SIMULATION_SEEDS", about).optional());
    let text: Option<String> = text.expect("a text is a text");
    let Some(text) = text else { return 1..=usual };
    let (first, last) = text.split_once('-').unwrap_or((&text, &text));
    let [first, last] =
        [first, last].map(|number| number.parse().expect("SIMULATION_SEEDS is like 17 or 1-5000"));
    first..=last
}

/// Runs every seed, and tells of those that broke a promise.
fn all_keep_their_promises(test: &str, usual: u64, run: impl Fn(u64) -> Outcome) {
    let (mut broken, mut sum) = (Vec::new(), history::Counts::default());
    for seed in seeds(usual) {
        let outcome = catch_unwind(AssertUnwindSafe(|| run(seed)));
        let outcome = outcome.unwrap_or_else(|_| panic!("seed {seed} has ended in a panic"));
        sum.add(&outcome.counts);
        if let Some(report) = outcome.report() {
            broken.push(format!(
                "seed {seed}: {report}\n  again: SIMULATION_SEEDS={seed} \
                 cargo test -p e2e --test simulation {test}"
            ));
        }
    }
    let number = broken.len();
    broken.truncate(3);
    assert!(broken.is_empty(), "{number} seeds broke promises\n{}", broken.join("\n\n"));
    sum.expect_substance();
}

/// The same seed twice.
fn is_one_history(run: impl Fn(u64) -> Outcome) {
    for seed in seeds(SESSIONS).take(TWICE) {
        let (one, other) = (run(seed).history, run(seed).history);
        let differs = one.iter().zip(&other).position(|(one, other)| one != other);
        if let Some(at) = differs {
            let from = at.saturating_sub(5);
            let shown = |history: &[String]| history[from..=at].join("\n");
            panic!("seed {seed} has two histories:\n{}\n\n{}", shown(&one), shown(&other));
        }
        assert_eq!(one.len(), other.len(), "seed {seed} has two histories");
    }
}

#[test]
fn sessions_keep_their_promises() {
    all_keep_their_promises("sessions_keep_their_promises", SESSIONS, client::simulate);
}

#[test]
fn codes_and_refresh_tokens_keep_their_promises() {
    all_keep_their_promises("codes_and_refresh_tokens_keep_their_promises", CODES, codes::simulate);
}

#[test]
fn a_seed_is_one_history_of_sessions() {
    is_one_history(client::simulate);
}

#[test]
fn a_seed_is_one_history_of_codes() {
    is_one_history(codes::simulate);
}
