//! How the cost of a request grows: with connections, with sessions, with instances.

use std::{io, time::Duration};

use tokio::runtime::Runtime;

use super::cost;
use crate::{
    cases::{Ask, Case},
    report::Table,
    rounds::{Effort, Sample, Side, once},
    site::{Instance, Kept, Site},
    wrk::Script,
};

const COLUMNS: &[&str] = &["what", "answers/s", "CPU µs", "median", "p99"];

pub(super) fn run(runtime: &Runtime, effort: Effort) -> io::Result<Vec<Table>> {
    let site = Site::start()?;
    let instance = site.first(Kept::Memory)?;
    let login = runtime.block_on(site.login());
    let token = Some(login.access());
    let length = effort.length;
    let mut connections = Table::new("Connections, stateless `tools/call`", COLUMNS);
    for count in [1, 8, 32, 128, 256] {
        let sample = of(&instance, &Case::Call.ask(token, None), count, length)?;
        connections.row(cells(&count.to_string(), &sample));
    }
    let mut sessions = Table::new("Open sessions, `tools/call` in one of them", COLUMNS);
    let mut open = 0;
    for count in [1, 100, 10_000] {
        let mut newest = String::new();
        while open < count {
            newest = instance.session(token)?;
            open += 1;
        }
        let sample = of(&instance, &Case::SessionCall.ask(token, Some(&newest)), 32, length)?;
        sessions.row(cells(&count.to_string(), &sample));
    }
    let mut instances =
        Table::new("Instances on one Redis, session `tools/call` at one of them, near", COLUMNS);
    let mut running = Vec::new();
    for count in 1..=4 {
        running.push(site.another(Kept::Near)?);
        let Some(newest) = running.last() else { break };
        let session = newest.session(token)?;
        let sample = of(newest, &Case::SessionCall.ask(token, Some(&session)), 32, length)?;
        instances.row(cells(&count.to_string(), &sample));
    }
    let redis = cost::table(runtime, &site, login.access())?;
    Ok(vec![connections, sessions, instances, redis])
}

fn of(instance: &Instance, ask: &Ask, connections: usize, length: Duration) -> io::Result<Sample> {
    let (script, url) = (Script::of(ask)?, instance.url());
    let side = Side { server: &instance.server, url: &url, script: &script };
    once(side, connections, Duration::from_secs(1))?;
    once(side, connections, length)
}

fn cells(what: &str, sample: &Sample) -> Vec<String> {
    vec![
        what.to_owned(),
        format!("{:.0}", sample.rate),
        format!("{:.1}", sample.cpu),
        format!("{:.0} µs", sample.median),
        format!("{:.0} µs", sample.p99),
    ]
}
