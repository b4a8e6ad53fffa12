//! A tool that asks its user: from the call to the result, with the answer in between. In 2026-07-28
//! that is two requests one after the other; in a session the answer to the call stays open, and the
//! user's comes with a request of its own. The bare handler is asked twice as well.

use std::{io, time::Duration};

use ambient::Clock;
use futures_util::future::try_join_all;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::calls::{COLUMNS, CONNECTIONS, bare, cells, first};
use crate::{
    cases::{ASKS, Ask, NAME, able, asking, filled_in, in_session},
    process::Running,
    report::Table,
    rounds::{Compared, Effort, Sample, approximate, in_turns, median, micros, quantile},
    site::{Instance, Kept, Site},
    wire::Wire,
};

/// How long one round trip may take.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn run(runtime: &Runtime, effort: Effort) -> io::Result<Vec<Table>> {
    let site = Site::start()?;
    let memory = site.first(Kept::Memory)?;
    let (near, strict) = (site.another(Kept::Near)?, site.another(Kept::Strict)?);
    let token = runtime.block_on(site.login()).access().to_owned();
    let title = "A question to the user and the answer, 32 at a time; a round trip counts once";
    let mut table = Table::new(title, COLUMNS);
    let rows = [
        ("2026-07-28, two requests", &memory, false),
        ("2025-11-25, a stream and a request, memory", &memory, true),
        ("the same on Redis, near", &near, true),
        ("the same on Redis, strict", &strict, true),
    ];
    for (what, instance, is_session) in rows {
        table.row(cells(what, &compared(runtime, instance, &token, is_session, effort)?, ""));
    }
    Ok(vec![table])
}

/// How a talk goes.
enum Way {
    /// 2026-07-28, with this token.
    Whole { token: String },
    /// In a session of 2025-11-25.
    Session { token: String, id: String, calls: u64 },
    /// Two requests that are answered at once.
    Bare(Ask),
}

/// One user and the client that asks them, again and again.
struct Talk {
    way: Way,
    call: Wire,
    answer: Wire,
}

/// Talks with one instance, in turns with as many that a bare handler answers with the question.
fn compared(
    runtime: &Runtime,
    instance: &Instance,
    token: &str,
    is_session: bool,
    effort: Effort,
) -> io::Result<Compared> {
    let call = asking(token, None);
    let (other, _) = bare("/mcp", &first(instance, &call)?, None)?;
    let (mut ours, mut others) = (Vec::new(), Vec::new());
    for _ in 0..CONNECTIONS {
        let token = token.to_owned();
        let way = if is_session {
            let id = instance.session_able(Some(&token), &able())?;
            Way::Session { token, id, calls: 0 }
        } else {
            Way::Whole { token }
        };
        ours.push(runtime.block_on(Talk::with(instance.port, way))?);
        others.push(runtime.block_on(Talk::with(other.port, Way::Bare(call.clone())))?);
    }
    in_turns(
        |length| runtime.block_on(sample(&instance.server, &mut ours, length)),
        |length| runtime.block_on(sample(&other.server, &mut others, length)),
        effort,
    )
}

/// Lets all of them talk at once, for so long.
async fn sample(server: &Running, talks: &mut [Talk], length: Duration) -> io::Result<Sample> {
    let watch = Clock::system().stopwatch();
    let before = server.on_processor();
    let took = try_join_all(talks.iter_mut().map(|talk| talk.go_on(length))).await?;
    let used = server.on_processor().saturating_sub(before);
    let seconds = watch.elapsed().as_secs_f64();
    let took = took.concat();
    let trips = approximate(took.len() as u64);
    Ok(Sample {
        rate: trips / seconds,
        cpu: micros(used) / trips,
        median: median(took.iter().copied()),
        p99: quantile(took.iter().copied(), 99),
    })
}

impl Talk {
    async fn with(port: u16, way: Way) -> io::Result<Self> {
        Ok(Self { way, call: Wire::connect(port).await?, answer: Wire::connect(port).await? })
    }

    /// One round trip after the other; what each took, in microseconds.
    async fn go_on(&mut self, length: Duration) -> io::Result<Vec<f64>> {
        let clock = Clock::system();
        let (watch, mut took) = (clock.stopwatch(), Vec::new());
        while watch.elapsed() < length {
            let each = clock.stopwatch();
            let done = clock.timeout(PATIENCE, self.once()).await;
            done.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
            took.push(micros(each.elapsed()));
        }
        Ok(took)
    }

    async fn once(&mut self) -> io::Result<()> {
        let Self { way, call, answer } = self;
        match way {
            Way::Whole { token } => {
                call.ask(&asking(token, None)).await?;
                let question: Value = serde_json::from_slice(&call.whole().await?)?;
                let state = &question["result"]["requestState"];
                call.ask(&asking(token, Some(state))).await?;
                is_answered(&call.whole().await?)
            }
            Way::Session { token, id, calls } => {
                *calls += 1;
                call.ask(&session_call(token, id, *calls)).await?;
                let question = asked(call).await?;
                answer.ask(&session_answer(token, id, &question)).await?;
                answer.whole().await?;
                is_answered(&call.whole().await?)
            }
            Way::Bare(ask) => {
                for _ in 0..2 {
                    call.ask(ask).await?;
                    call.whole().await?;
                }
                Ok(())
            }
        }
    }
}

/// The id of the question on a stream.
async fn asked(stream: &mut Wire) -> io::Result<Value> {
    while let Some(part) = stream.part().await? {
        let text = String::from_utf8_lossy(&part);
        let data = text.lines().filter_map(|line| line.strip_prefix("data:"));
        let mut messages = data.filter_map(|data| serde_json::from_str::<Value>(data).ok());
        if let Some(question) = messages.find(|message| message["method"] == "elicitation/create") {
            return Ok(question["id"].clone());
        }
    }
    Err(io::Error::other("the stream has ended without a question"))
}

fn is_answered(answer: &[u8]) -> io::Result<()> {
    let text = String::from_utf8_lossy(answer);
    if text.contains(NAME) { Ok(()) } else { Err(io::Error::other(text.into_owned())) }
}

fn session_call(token: &str, session: &str, id: u64) -> Ask {
    let params = json!({ "name": ASKS, "arguments": {} });
    let call = json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params });
    in_session(Some(token), session, &call)
}

fn session_answer(token: &str, session: &str, question: &Value) -> Ask {
    let answer = json!({ "jsonrpc": "2.0", "id": question, "result": filled_in() });
    in_session(Some(token), session, &answer)
}
