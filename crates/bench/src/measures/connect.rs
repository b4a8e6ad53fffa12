//! From connecting to the first byte of an answer, one connection after the other: what a client
//! without a kept connection waits for.

use std::{
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, TcpStream},
};

use ambient::Clock;

use super::calls::{bare, first};
use crate::{
    cases::{Ask, Case},
    report::Table,
    rounds::{Effort, median, micros},
    site::{Instance, written},
};

/// How many connections one round makes to each side.
const EACH: usize = 400;

/// Our server in turns with a bare handler.
pub(super) fn table(instance: &Instance, token: Option<&str>, effort: Effort) -> io::Result<Table> {
    let ask = Case::Call.ask(token, None);
    let (bare, _) = bare("/mcp", &first(instance, &ask)?, None)?;
    let (mut ours, mut others, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..effort.rounds {
        let own = to_first_byte(instance.port, &ask, EACH)?;
        let other = to_first_byte(bare.port, &ask, EACH)?;
        ours.push(own);
        others.push(other);
        ratios.push(own / other);
    }
    let columns = &["what", "median", "bare", "ratio", "aim"];
    let mut table = Table::new("Connect to first byte, one after the other", columns);
    let [own, other, ratio] = [ours, others, ratios].map(|numbers| median(numbers.into_iter()));
    table.row([
        "stateless `tools/call`".to_owned(),
        format!("{own:.0} µs"),
        format!("{other:.0} µs"),
        format!("{ratio:.2} ×"),
        "≤ 1.1 ×".to_owned(),
    ]);
    Ok(table)
}

/// The median of many, in microseconds.
pub(super) fn to_first_byte(port: u16, ask: &Ask, count: usize) -> io::Result<f64> {
    let request = written(port, "/mcp", ask, "connection: close\r\n");
    let (clock, mut times) = (Clock::system(), Vec::new());
    // Kept to the end, so that nobody writes to a connection that is gone. The rest of an answer is not
    // waited for: some servers close a connection seconds after they were asked to.
    let mut sockets = Vec::new();
    for _ in 0..count {
        let watch = clock.stopwatch();
        let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        socket.write_all(request.as_bytes())?;
        let mut byte = [0];
        socket.read_exact(&mut byte)?;
        times.push(micros(watch.elapsed()));
        sockets.push(socket);
    }
    Ok(median(times.into_iter()))
}
