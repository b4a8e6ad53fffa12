//! Clients of sessions: each opens one, uses it on whatever instance, and ends it or leaves it.

use std::{sync::Arc, time::Duration};

use ambient::{Clock, Timestamp};
use axum::body::Body;
use futures_util::future::join_all;
use http::{Request, StatusCode};
use serde_json::{Value, json};
use store::Store;
use tokio::task::JoinSet;

use crate::{
    call, faults, features,
    history::Outcome,
    listener::{self, Heard},
    runtime::{self, BEGIN},
    wire::{Asked, ask},
    world::World,
};

/// How many clients there are.
const CLIENTS: usize = 3;

/// How many things each does.
const DEEDS: u64 = 10;

/// How long things go wrong.
const TROUBLE: Duration = Duration::from_secs(12);

/// How long after the last fault everything must have come to its end: a call takes four seconds at
/// most, an instance is believed dead after nine, and a question has its answer by then.
pub(crate) const SETTLED: Duration = Duration::from_secs(20);

/// Runs a seed.
pub(crate) fn simulate(seed: u64) -> Outcome {
    let clock = Clock::manual(BEGIN);
    let store = Store::memory(clock.clone());
    runtime::run(&clock, async {
        let world = World::new(seed, &clock, &store, features::make(&clock));
        let end = clock.now() + TROUBLE;
        let mut clients = JoinSet::new();
        for number in 0..CLIENTS {
            clients.spawn(live(world.clone(), format!("c{number}"), end));
        }
        faults::strike(&world, end).await;
        while let Some(ended) = clients.join_next().await {
            if let Err(error) = ended {
                world.history.wrong("simulation", error);
            }
        }
        world.end()
    })
}

/// One client and its session.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) world: World,
    pub(crate) name: String,
    pub(crate) session: Arc<str>,
    /// When things are well again.
    pub(crate) calm: Timestamp,
}

async fn live(world: World, name: String, calm: Timestamp) {
    let session = open(&world, &name, calm).await;
    let Some(session) = session else { return };
    let client = Client { world, name, session, calm };
    client.post(json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }), 202).await;
    let heard = Heard::default();
    let uris = listener::watch(&client).await;
    let listening = listener::begin(&client, &heard).await;
    let mut doing = JoinSet::new();
    for number in 0..DEEDS {
        client.world.clock.sleep(client.world.dice.millis(0, 1500)).await;
        let deed = call::deed(client.clone(), number, heard.clone(), uris.clone());
        // Some at the same time, most one after the other.
        if client.world.dice.chance(30) {
            doing.spawn(deed);
        } else {
            deed.await;
        }
    }
    while let Some(done) = doing.join_next().await {
        done.unwrap_or_else(|error| client.wrong(error));
    }
    listening.finish(&client, &heard).await;
    if client.world.dice.chance(60) {
        client.end().await;
    }
}

/// Opens a session; nothing if that did not work until long after the trouble.
async fn open(world: &World, name: &str, calm: Timestamp) -> Option<Arc<str>> {
    let message = json!({
        "jsonrpc": "2.0", "id": 0, "method": "initialize",
        "params": {
            "protocolVersion": "2025-11-25",
            "capabilities": { "elicitation": {} },
            "clientInfo": { "name": name, "version": "1" },
        },
    });
    while world.clock.now() < calm + SETTLED {
        if let Asked::Answered(answer) = ask(world, name, request(None, &message)).await {
            let session = answer.headers.get("mcp-session-id").cloned();
            let session = session.and_then(|id| id.to_str().ok().map(Arc::from));
            if answer.status != StatusCode::OK || session.is_none() {
                world.history.wrong(name, format_args!("`initialize` gives {}", answer.status));
            }
            return session;
        }
        world.clock.sleep(world.dice.millis(50, 500)).await;
    }
    world.history.wrong(name, "no session could be opened");
    None
}

/// A message of a session, or of none.
fn request(session: Option<&str>, message: &Value) -> Request<Body> {
    let mut request = Request::post("/mcp")
        .header("host", "mcp.example")
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream");
    if let Some(session) = session {
        request = request.header("mcp-session-id", session);
        request = request.header("mcp-protocol-version", "2025-11-25");
    }
    request.body(Body::from(message.to_string())).expect("a request")
}

impl Client {
    pub(crate) fn note(&self, what: impl std::fmt::Display) {
        self.world.history.note(&self.name, what);
    }

    pub(crate) fn wrong(&self, what: impl std::fmt::Display) {
        self.world.history.wrong(&self.name, what);
    }

    /// Whether things have been well for so long that nothing may take any longer.
    pub(crate) fn is_late(&self) -> bool {
        self.world.clock.now() > self.calm + SETTLED
    }

    pub(crate) async fn pause(&self) {
        self.world.clock.sleep(self.world.dice.millis(50, 500)).await;
    }

    /// Sends a message once, to any instance. A session that has not ended is known.
    pub(crate) async fn send(&self, message: &Value) -> Asked {
        let asked = ask(&self.world, &self.name, request(Some(&self.session), message)).await;
        self.known(asked)
    }

    /// Sends a message until it is taken.
    pub(crate) async fn post(&self, message: Value, status: u16) {
        loop {
            if let Asked::Answered(answer) = self.send(&message).await {
                if answer.status.as_u16() != status {
                    self.wrong(format_args!("{message} is answered with {}", answer.status));
                }
                return;
            }
            if self.is_late() {
                return self.wrong(format_args!("{message} is never taken"));
            }
            self.pause().await;
        }
    }

    /// Opens a stream, after an event.
    pub(crate) async fn get(&self, last: Option<&str>) -> Asked {
        let asked = ask(&self.world, &self.name, self.stream(last)).await;
        self.known(asked)
    }

    fn stream(&self, last: Option<&str>) -> Request<Body> {
        let mut request = Request::get("/mcp")
            .header("host", "mcp.example")
            .header("accept", "text/event-stream")
            .header("mcp-session-id", &*self.session)
            .header("mcp-protocol-version", "2025-11-25");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        request.body(Body::empty()).expect("a request")
    }

    fn known(&self, asked: Asked) -> Asked {
        if let Asked::Answered(answer) = &asked
            && answer.status == StatusCode::NOT_FOUND
        {
            self.wrong("a session that has not ended is not found");
        }
        asked
    }

    /// Ends the session; afterwards no instance knows it.
    async fn end(&self) {
        loop {
            let request = Request::delete("/mcp")
                .header("host", "mcp.example")
                .header("mcp-session-id", &*self.session)
                .body(Body::empty())
                .expect("a request");
            match ask(&self.world, &self.name, request).await {
                // The attempt before this one may have ended it.
                Asked::Answered(answer) if matches!(answer.status.as_u16(), 204 | 404) => break,
                Asked::Answered(answer) => {
                    return self.wrong(format_args!("DELETE gives {}", answer.status));
                }
                Asked::Refused | Asked::Broken if self.is_late() => {
                    return self.wrong("the session cannot be ended");
                }
                Asked::Refused | Asked::Broken => self.pause().await,
            }
        }
        let ping = json!({ "jsonrpc": "2.0", "id": "ping", "method": "ping" });
        let again = (0..4).map(|_| async {
            ask(&self.world, &self.name, request(Some(&self.session), &ping)).await
        });
        for asked in join_all(again).await {
            if let Asked::Answered(answer) = asked
                && answer.status != StatusCode::NOT_FOUND
            {
                self.wrong(format_args!("{} from a session that has ended", answer.status));
            }
        }
        if let Asked::Answered(answer) = ask(&self.world, &self.name, self.stream(None)).await
            && answer.status != StatusCode::NOT_FOUND
        {
            self.wrong("a stream of a session that has ended");
        }
    }
}

/// A call of a tool, as a message.
pub(crate) fn tool(id: &str, tool: &str, arguments: &Value) -> Value {
    let meta = json!({ "progressToken": id });
    message(id, "tools/call", &json!({ "name": tool, "arguments": arguments, "_meta": meta }))
}

/// Whatever can be sent again.
pub(crate) fn message(id: &str, method: &str, params: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}
