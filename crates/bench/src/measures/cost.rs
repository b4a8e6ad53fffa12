//! What a session and a stream cost Redis: bytes while they are there, and commands for each step of
//! their life. Every step is taken by many sessions and divided by their number.

use std::{fmt::Write as _, io, time::Duration};

use ambient::Clock;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    runtime::Runtime,
};

use super::streams::{bounded, connect, listen, raise_limit, request};
use crate::{
    cases::Case,
    redis::Done,
    report::Table,
    rounds::approximate,
    site::{Instance, Kept, Site, post},
};

/// How many sessions go through it.
const MANY: usize = 500;

/// How many calls each of them makes.
const CALLS: usize = 10;

/// How long streams wait.
const IDLE: Duration = Duration::from_secs(30);

pub(super) fn table(runtime: &Runtime, site: &Site, token: &str) -> io::Result<Table> {
    raise_limit(MANY * 2);
    let (strict, near) = (site.another(Kept::Strict)?, site.another(Kept::Near)?);
    let mut steps = Steps::begin(site.redis_port())?;
    let sessions: Vec<_> =
        (0..MANY).map(|_| strict.session(Some(token))).collect::<io::Result<_>>()?;
    steps.end("a session is opened")?;
    call(&strict, token, &sessions)?;
    steps.end("ten calls in it, strict")?;
    call(&near, token, &sessions)?;
    steps.end("ten calls in it elsewhere, near")?;
    let streams = runtime.block_on(listened(&strict, token, &sessions))?;
    steps.end("its stream is opened")?;
    runtime.block_on(Clock::system().sleep(IDLE));
    steps.end("its stream waits for 30 seconds")?;
    runtime.block_on(end(&strict, token, &sessions, streams))?;
    steps.end("both are ended")?;
    steps.rest()
}

/// What Redis has done in each step.
struct Steps {
    port: u16,
    begun: Done,
    before: Done,
    table: Table,
}

impl Steps {
    fn begin(port: u16) -> io::Result<Self> {
        let columns = &["step", "bytes in Redis", "commands", "which"];
        let (now, table) = (Done::read(port)?, Table::new("What a session costs Redis", columns));
        Ok(Self { port, begun: now.clone(), before: now, table })
    }

    fn end(&mut self, what: &str) -> io::Result<()> {
        let now = Done::read(self.port)?;
        let done = now.since(&self.before);
        let commands = format!("{:.1}", each(done.all()));
        self.table.row([what.to_owned(), bytes(&done), commands, which(&done)]);
        self.before = now;
        Ok(())
    }

    /// Ends the table with what is still there.
    fn rest(mut self) -> io::Result<Table> {
        let left = Done::read(self.port)?.since(&self.begun);
        let nothing = String::new;
        self.table.row(["what is left of it".to_owned(), bytes(&left), nothing(), nothing()]);
        Ok(self.table)
    }
}

fn each(count: u64) -> f64 {
    approximate(count) / approximate(MANY as u64)
}

fn bytes(done: &Done) -> String {
    format!("{:.0}", each(done.bytes))
}

/// The commands that every session or every second one needs, with how many: what belongs to the
/// instances themselves is less.
fn which(done: &Done) -> String {
    let often = done.commands.iter().filter(|(_, calls)| each(**calls) >= 0.45);
    let text = often.fold(String::new(), |mut text, (name, calls)| {
        // A text takes whatever is written.
        let _ = write!(text, "{name} {:.1}, ", each(*calls));
        text
    });
    text.trim_end_matches(", ").to_owned()
}

fn call(at: &Instance, token: &str, sessions: &[String]) -> io::Result<()> {
    for session in sessions {
        let ask = Case::SessionCall.ask(Some(token), Some(session));
        for _ in 0..CALLS {
            post(at.port, "/mcp", &ask)?;
        }
    }
    Ok(())
}

async fn listened(at: &Instance, token: &str, sessions: &[String]) -> io::Result<Vec<TcpStream>> {
    let mut streams = Vec::new();
    for session in sessions {
        streams.push(listen(at, token, session).await?);
    }
    Ok(streams)
}

/// Ends the sessions, and waits until their streams have ended with them.
async fn end(
    at: &Instance,
    token: &str,
    sessions: &[String],
    streams: Vec<TcpStream>,
) -> io::Result<()> {
    for (session, mut stream) in sessions.iter().zip(streams) {
        let (mut ending, mut rest) = (connect(at).await?, Vec::new());
        ending.write_all(request("DELETE", token, session).as_bytes()).await?;
        bounded(ending.read_to_end(&mut rest)).await?;
        bounded(stream.read_to_end(&mut rest)).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_of_one_session_and_those_of_the_instances_are_not_shown() {
        let many = MANY as u64;
        let commands = [("get".to_owned(), many * 2), ("ping".to_owned(), many / 10)];
        let done = Done { bytes: many * 700, commands: commands.into() };
        assert_eq!((bytes(&done), which(&done)), ("700".to_owned(), "get 2.0".to_owned()));
    }
}
