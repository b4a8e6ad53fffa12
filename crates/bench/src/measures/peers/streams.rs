//! What an idle stream costs the peers that have sessions, the session included: on a fresh process,
//! after a few that do not count.

use std::io;

use tokio::runtime::Runtime;

use super::left_out;
use crate::{
    measures::streams::{listen, raise_limit},
    peers::{self, Kits},
    report::{Table, progress},
    rounds::approximate,
    site::Instance,
};

/// Streams before memory is looked at for the first time, and those that count.
const FIRST: usize = 100;
const COUNTED: usize = 500;

pub(super) fn table(runtime: &Runtime, kits: &Kits) -> Table {
    raise_limit(FIRST + COUNTED);
    let title = "One idle stream of a session; ours is in the table of `streams`";
    let mut table = Table::new(title, &["server", "memory"]);
    for peer in peers::ALL.iter().filter(|peer| peer.has_sessions()) {
        progress(&peer.name());
        let started = peer.start(kits);
        let cost = started.and_then(|started| runtime.block_on(kibibytes(&started.instance)));
        let cell = cost.map_or_else(|error| left_out(&error), |kib| format!("{kib:.0} KiB"));
        table.row([peer.name(), cell]);
    }
    table
}

async fn kibibytes(instance: &Instance) -> io::Result<f64> {
    let (mut open, mut before) = (Vec::new(), 0);
    for number in 0..FIRST + COUNTED {
        if number == FIRST {
            before = instance.server.resident();
        }
        open.push(listen(instance, None, &instance.session(None)?).await?);
    }
    let used = instance.server.resident().saturating_sub(before);
    Ok(approximate(used) / 1024.0 / approximate(COUNTED as u64))
}
