//! What others have written, in the same rounds and on the same core: MCP servers with one tool, and
//! an authorization server. One that cannot be installed or does not answer is in the table, with the
//! reason.

mod calls;
mod streams;
mod tokens;

use std::io;

use tokio::runtime::Runtime;

use super::calls::CONNECTIONS;
use crate::{
    peers::Kits,
    process::Running,
    report::{Table, progress},
    rounds::{Compared, Effort, Run, Side, all_in_turns, once},
    wrk::Script,
};

pub(super) fn run(runtime: &Runtime, effort: Effort) -> io::Result<Vec<Table>> {
    progress("installing what is not there yet");
    let kits = Kits::install();
    let mut tables = calls::tables(runtime, &kits, effort)?;
    tables.push(streams::table(runtime, &kits));
    tables.extend(tokens::tables(runtime, &kits, effort)?);
    Ok(tables)
}

/// The columns of what is measured under load.
const COLUMNS: &[&str] =
    &["server", "answers/s", "throughput ratio", "CPU µs", "CPU ratio", "p99 ratio"];

/// One that takes part: what it is called, and how it is run unless it could not be started.
struct Entry<'a> {
    name: String,
    run: io::Result<Run<'a>>,
}

/// Sends the same request again and again.
fn load(server: &Running, url: String, script: Script) -> Run<'_> {
    Box::new(move |length| once(Side { server, url: &url, script: &script }, CONNECTIONS, length))
}

/// Runs all that could be started, in turns, and makes a table of them and the others.
fn table(
    title: &str,
    ceiling: Run<'_>,
    entries: Vec<Entry<'_>>,
    effort: Effort,
) -> io::Result<Table> {
    let (mut names, mut runs) = (Vec::new(), Vec::new());
    let mut reasons = Vec::new();
    for Entry { name, run } in entries {
        match run {
            Ok(run) => {
                names.push(name);
                runs.push(run);
            }
            Err(error) => reasons.push((name, error)),
        }
    }
    progress(title);
    let compared = all_in_turns(ceiling, &mut runs, effort)?;
    let mut table = Table::new(title, COLUMNS);
    for (number, (name, compared)) in names.into_iter().zip(compared).enumerate() {
        match compared {
            Ok(compared) => {
                if number == 0 {
                    table.row(bare(&compared));
                }
                table.row(cells(&name, &compared));
            }
            Err(error) => reasons.push((name, error)),
        }
    }
    for (name, error) in reasons {
        table.row([name, left_out(&error)]);
    }
    Ok(table)
}

fn bare(compared: &Compared) -> Vec<String> {
    let (rate, cpu) =
        (compared.ceiling(|sample| sample.rate), compared.ceiling(|sample| sample.cpu));
    let one = "1".to_owned();
    let name = "the bare handler".to_owned();
    vec![name, format!("{rate:.0}"), one.clone(), format!("{cpu:.1}"), one.clone(), one]
}

fn cells(name: &str, compared: &Compared) -> Vec<String> {
    vec![
        name.to_owned(),
        format!("{:.0}", compared.subject(|sample| sample.rate)),
        format!("{:.3}", compared.throughput()),
        format!("{:.1}", compared.subject(|sample| sample.cpu)),
        format!("{:.3}", compared.cpu()),
        format!("{:.1} ×", compared.p99()),
    ]
}

/// Why one is not there, as a cell.
fn left_out(error: &io::Error) -> String {
    let reason = error.to_string().replace(['\r', '\n', '|'], " ");
    let reason: String = reason.chars().take(200).collect();
    format!("left out: {reason}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::rounds::Sample;

    fn sample(rate: f64) -> Sample {
        Sample { rate, cpu: 1.0, median: 1.0, p99: 1.0 }
    }

    #[test]
    fn who_was_not_started_or_has_failed_is_in_the_table_with_the_reason() {
        let entries = vec![
            Entry { name: "ours".to_owned(), run: Ok(Box::new(|_| Ok(sample(50.0)))) },
            Entry { name: "absent".to_owned(), run: Err(io::Error::other("no\nnetwork")) },
            Entry {
                name: "broken".to_owned(),
                run: Ok(Box::new(|_| Err(io::Error::other("500")))),
            },
        ];
        let effort = Effort { rounds: 1, length: Duration::ZERO };
        let table =
            table("Peers", Box::new(|_| Ok(sample(100.0))), entries, effort).unwrap().to_string();
        assert!(table.contains("| the bare handler | 100 | 1 |"), "{table}");
        assert!(table.contains("| ours | 50 | 0.500 |"), "{table}");
        assert!(table.contains("| absent | left out: no network |"), "{table}");
        assert!(table.contains("| broken | left out: 500 |"), "{table}");
    }
}
