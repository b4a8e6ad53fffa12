//! `tools/call` of `echo`, the same of everybody: 32 connections, one after the other, and what it
//! takes to be there.

use std::{io, time::Duration};

use tokio::runtime::Runtime;

use super::{Entry, left_out, load, table};
use crate::{
    cases::{Ask, Case},
    measures::{
        calls::{bare, first},
        connect::to_first_byte,
        memory::mib,
    },
    peers::{self, Kits, Started},
    report::{Table, progress},
    rounds::{Effort, Run},
    site::{Instance, Kept, Site},
    wrk::Script,
};

/// How many connections are made to each, one after the other.
const CONNECTS: usize = 100;

/// A server of this table that runs.
struct Server {
    instance: Instance,
    ask: Ask,
    took: Option<Duration>,
    at_rest: u64,
}

pub(super) fn tables(runtime: &Runtime, kits: &Kits, effort: Effort) -> io::Result<Vec<Table>> {
    let site = Site::start()?;
    let mut servers = ours(runtime, &site)?;
    for peer in peers::ALL {
        progress(&peer.name());
        servers.push((peer.name(), peer.start(kits).and_then(Server::of)));
    }
    let (_, Ok(first_of_ours)) = &servers[0] else {
        return Err(io::Error::other("the subject has not answered"));
    };
    let (ceiling, url) = bare("/mcp", &first(&first_of_ours.instance, &first_of_ours.ask)?, None)?;
    let ceiling_runs = load(&ceiling.server, url, Script::of(&first_of_ours.ask)?);
    let entries = servers.iter().map(|(name, server)| {
        let server = server.as_ref().map_err(|error| io::Error::other(error.to_string()));
        Entry { name: name.clone(), run: server.and_then(Server::run) }
    });
    let title = "`tools/call` of `echo`, 32 connections, in turns with peers";
    let under_load = table(title, ceiling_runs, entries.collect(), effort)?;
    Ok(vec![under_load, presence(&ceiling, &servers)])
}

type Named = (String, io::Result<Server>);

/// Ours, as it is shipped; and without authorization, as the peers are.
fn ours(runtime: &Runtime, site: &Site) -> io::Result<Vec<Named>> {
    let memory = site.first(Kept::Memory)?;
    let another = site.another(Kept::Memory)?;
    let login = runtime.block_on(site.login());
    let token = Some(login.access());
    let session = another.session(token)?;
    let open = site.open_to_all()?;
    let rows = [
        ("mcp-server, stateless, authorized", memory, Case::Call.ask(token, None)),
        ("mcp-server, stateless, open to all", open, Case::Call.ask(None, None)),
        ("mcp-server, session, authorized", another, Case::SessionCall.ask(token, Some(&session))),
    ];
    let named =
        rows.map(|(name, instance, ask)| (name.to_owned(), Server::new(instance, ask, None)));
    Ok(named.into())
}

impl Server {
    fn new(instance: Instance, ask: Ask, took: Option<Duration>) -> io::Result<Self> {
        // A first answer, so that what is made once is there.
        first(&instance, &ask)?;
        let at_rest = instance.server.resident();
        Ok(Self { instance, ask, took, at_rest })
    }

    fn of(started: Started) -> io::Result<Self> {
        Self::new(started.instance, started.ask, Some(started.took))
    }

    fn run(&self) -> io::Result<Run<'_>> {
        Ok(load(&self.instance.server, self.instance.url(), Script::of(&self.ask)?))
    }
}

/// What it takes to be there. Our own start is measured more often elsewhere.
fn presence(bare: &Instance, servers: &[Named]) -> Table {
    let columns =
        &["server", "start to first answer", "connect to first byte", "memory before", "after"];
    let mut table = Table::new("The same servers: start, connections, memory", columns);
    let (_, Ok(ours)) = &servers[0] else { return table };
    let bare = to_first_byte(bare.port, &ours.ask, CONNECTS).unwrap_or(f64::NAN);
    for (name, server) in servers {
        progress(name);
        let cells = match server {
            Ok(server) => {
                let own = to_first_byte(server.instance.port, &server.ask, CONNECTS);
                let ratio =
                    own.map_or_else(|error| left_out(&error), |own| format!("{:.1} ×", own / bare));
                let took = server.took.map_or_else(|| "see `start`".to_owned(), millis);
                let resident = server.instance.server.resident();
                vec![name.clone(), took, ratio, mib(server.at_rest), mib(resident)]
            }
            Err(error) => vec![name.clone(), left_out(error)],
        };
        table.row(cells);
    }
    table
}

fn millis(time: Duration) -> String {
    format!("{:.0} ms", time.as_secs_f64() * 1000.0)
}
