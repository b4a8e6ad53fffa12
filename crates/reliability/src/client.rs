//! A client of 2025-11-25 that survives what happens: a call is tried once more when its connection
//! breaks, a stream that ends early is taken up again where it ended.

use std::{
    net::SocketAddr,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
    time::Duration,
};

use ambient::{Clock, Entropy, Stopwatch};
use chassis::client::{Timeouts, http_client};
use http::StatusCode;
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};

use crate::{
    events::{Event, Reader},
    history::{End, Seen},
};

/// The revision that is spoken.
const REVISION: &str = "2025-11-25";
/// How long an answer that comes at once is waited for before it counts as lost: longer than anything
/// that is promised.
const ANSWER_PATIENCE: Duration = Duration::from_mins(1);
/// How long a stream is waited for before it counts as lost.
const STREAM_PATIENCE: Duration = Duration::from_mins(2);

/// One user at one address. Clones show the same token.
#[derive(Clone, Debug)]
pub struct Caller {
    http: Client,
    endpoint: String,
    token: Arc<RwLock<String>>,
}

/// A session of a user.
#[derive(Clone, Debug)]
pub struct Link {
    caller: Caller,
    /// Its name.
    pub session: String,
}

/// What came of a request.
#[derive(Debug)]
pub struct Answer {
    /// Its status; none when there was no answer.
    pub status: Option<StatusCode>,
    /// Whether it says when to come again.
    pub has_retry_after: bool,
    /// Its body, if that is JSON.
    pub body: Value,
    /// How long it took.
    pub took: Duration,
}

impl Answer {
    /// Whether it is a success.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.status == Some(StatusCode::OK) && self.body.get("error").is_none()
    }

    /// Whether its status is that of a success, whatever its body says.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.status.is_some_and(|status| status.is_success())
    }

    /// Whether it has not come although its connection did not break.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        self.status.is_none() && self.took >= ANSWER_PATIENCE
    }

    /// The status as a number; zero when there was no answer.
    #[must_use]
    pub fn code(&self) -> u16 {
        self.status.map_or(0, |status| status.as_u16())
    }
}

impl Caller {
    /// A user with a token.
    ///
    /// # Panics
    /// When there can be no HTTP client.
    #[must_use]
    pub fn new(endpoint: &str, token: &str) -> Self {
        let timeouts = Timeouts { connect: Duration::from_secs(5), total: Duration::from_hours(1) };
        let http = http_client("reliability", timeouts).expect("a client can be made");
        let token = Arc::new(RwLock::new(token.to_owned()));
        Self { http, endpoint: endpoint.to_owned(), token }
    }

    /// From now on shows another token.
    pub fn shows(&self, token: &str) {
        token.clone_into(&mut self.token.write().unwrap_or_else(PoisonError::into_inner));
    }

    fn token(&self) -> RwLockReadGuard<'_, String> {
        self.token.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same user at another address.
    #[must_use]
    pub fn at(&self, endpoint: &str) -> Self {
        Self { endpoint: endpoint.to_owned(), ..self.clone() }
    }

    /// Opens a session; the answer when that fails.
    pub async fn open(&self) -> Result<Link, Answer> {
        let params = json!({
            "protocolVersion": REVISION, "capabilities": {},
            "clientInfo": { "name": "reliability", "version": "0" },
        });
        let message =
            json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params });
        let (mut name, request) = (None, self.post(&message));
        let answer = Answer::to(request, |response| {
            let header = response.headers().get("mcp-session-id");
            name = header.and_then(|name| name.to_str().ok()).map(str::to_owned);
        })
        .await;
        match name {
            Some(session) if answer.is_success() => Ok(Link { caller: self.clone(), session }),
            _ => Err(answer),
        }
    }

    fn post(&self, message: &Value) -> RequestBuilder {
        let request = self.http.post(&self.endpoint).bearer_auth(self.token()).json(message);
        request.header("accept", "application/json, text/event-stream")
    }
}

impl Link {
    /// The same session at another address.
    #[must_use]
    pub fn at(&self, endpoint: &str) -> Self {
        Self { caller: self.caller.at(endpoint), session: self.session.clone() }
    }

    /// The same session in the hand of another user.
    #[must_use]
    pub fn held_by(&self, caller: &Caller) -> Self {
        Self { caller: caller.at(&self.caller.endpoint), session: self.session.clone() }
    }

    /// Calls a method whose answer comes at once.
    pub async fn call(&self, method: &str, params: Value) -> Answer {
        let id = Entropy::system().hex::<8>();
        let message = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        Answer::to(self.dressed(self.caller.post(&message)), |_| ()).await
    }

    /// Calls `echo`; whether the text came back is part of success.
    pub async fn echo(&self, text: &str) -> Answer {
        let params = json!({ "name": "echo", "arguments": { "message": text } });
        let mut answer = self.call("tools/call", params).await;
        if answer.is_ok() && answer.body["result"]["content"][0]["text"] != format!("Echo: {text}")
        {
            answer.body = json!({ "error": "the answer is that of another call" });
        }
        answer
    }

    /// A request as it is on the wire, for those who write it by hand.
    #[must_use]
    pub fn request(&self, message: &Value, host: SocketAddr) -> String {
        let body = message.to_string();
        format!(
            "POST /mcp HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {}\r\n\
             mcp-session-id: {}\r\nmcp-protocol-version: {REVISION}\r\n\
             content-type: application/json\r\naccept: application/json, text/event-stream\r\n\
             content-length: {}\r\n\r\n{body}",
            self.caller.token(),
            self.session,
            body.len(),
        )
    }

    /// Follows the rest of a call whose stream has ended early.
    pub async fn take_up(&self, token: &str, steps: u64, last: String) -> Seen {
        let mut seen = Seen::new(token.to_owned(), steps);
        let clock = Clock::system();
        let whole = async {
            let mut place = Place { id: Some(last), ..Place::default() };
            while seen.end.is_none() {
                if let Ok(response) = self.listen(place.id.as_deref()).await {
                    read(response, &mut seen, &mut place).await;
                }
                if seen.end.is_none() {
                    clock.sleep(place.retry).await;
                }
            }
        };
        // What has not ended then is counted by whoever looks at `seen`.
        let _ = clock.timeout(STREAM_PATIENCE, whole).await;
        seen
    }

    /// Ends the session.
    pub async fn end(&self) -> Answer {
        let request = self.caller.http.delete(&self.caller.endpoint);
        Answer::to(self.dressed(request.bearer_auth(self.caller.token())), |_| ()).await
    }

    /// Opens the stream of the session, or takes up another one.
    pub async fn listen(&self, last: Option<&str>) -> Result<Response, Answer> {
        let request = self.caller.http.get(&self.caller.endpoint).bearer_auth(self.caller.token());
        let request = self.dressed(request.header("accept", "text/event-stream"));
        let request = match last {
            Some(last) => request.header("last-event-id", last),
            None => request,
        };
        let watch = Clock::system().stopwatch();
        match request.send().await {
            Ok(response) if response.status().is_success() => Ok(response),
            Ok(response) => Err(Answer::read(response, watch.elapsed()).await),
            Err(_) => Err(Answer::none(watch.elapsed())),
        }
    }

    /// Runs a call of `steps` steps in `duration`, and follows its stream to the end, over as many
    /// connections as that takes. How many is the second value.
    pub async fn follow(&self, duration: Duration, steps: u64) -> (Seen, usize) {
        let token = Entropy::system().hex::<8>();
        let mut seen = Seen::new(token.clone(), steps);
        let arguments = json!({ "duration": duration.as_secs_f64(), "steps": steps });
        let params = json!({ "name": "long-running-operation", "arguments": arguments,
                             "_meta": { "progressToken": token } });
        let message = json!({ "jsonrpc": "2.0", "id": token, "method": "tools/call",
                              "params": params });
        let (clock, mut connections) = (Clock::system(), 0);
        let whole = async {
            let (mut place, mut broken) = (Place::default(), None::<Stopwatch>);
            while seen.end.is_none() {
                connections += 1;
                let answer = match &place.id {
                    None => self.dressed(self.caller.post(&message)).send().await.ok(),
                    Some(last) => self.listen(Some(last)).await.ok(),
                };
                if let Some(response) = answer {
                    read(response, &mut seen, &mut place).await;
                }
                if seen.end.is_none() {
                    if place.id.is_some() {
                        // The stream of a POST breaks with the instance that runs its call.
                        broken.get_or_insert_with(|| clock.stopwatch());
                    }
                    clock.sleep(place.retry).await;
                }
            }
            seen.stream = place.id.and_then(|id| Some(id.split_once('.')?.0.to_owned()));
            if seen.end == Some(End::InstanceLost) {
                seen.lost_after = broken.as_ref().map(Stopwatch::elapsed);
            }
        };
        // What has not ended then is counted by whoever looks at `seen`.
        let _ = clock.timeout(STREAM_PATIENCE, whole).await;
        (seen, connections)
    }

    fn dressed(&self, request: RequestBuilder) -> RequestBuilder {
        request.header("mcp-session-id", &self.session).header("mcp-protocol-version", REVISION)
    }
}

/// Where a client is in a stream, and when it may come back.
struct Place {
    id: Option<String>,
    retry: Duration,
}

impl Default for Place {
    fn default() -> Self {
        Self { id: None, retry: Duration::from_millis(100) }
    }
}

/// Reads a stream until it ends or breaks.
async fn read(mut response: Response, seen: &mut Seen, place: &mut Place) {
    let mut reader = Reader::default();
    if response.status().is_server_error() {
        // To be tried again.
        return;
    }
    if response.headers().get("content-type").is_none_or(|kind| kind != "text/event-stream") {
        // A refusal, or an answer without a stream.
        if let Ok(message) = response.json::<Value>().await {
            seen.take(&message);
        }
        return;
    }
    while let Ok(Some(bytes)) = response.chunk().await {
        for Event { id, retry, data } in reader.take(&bytes) {
            seen.first = seen.first.take().or_else(|| id.clone());
            place.id = id.or(place.id.take());
            place.retry = retry.unwrap_or(place.retry);
            if let Ok(message) = serde_json::from_str::<Value>(&data) {
                seen.take(&message);
            }
        }
    }
}

impl Answer {
    /// The answer to a request, all of which comes at once; `seen` sees its head.
    async fn to(request: RequestBuilder, seen: impl FnOnce(&Response)) -> Self {
        let (clock, watch) = (Clock::system(), Clock::system().stopwatch());
        let exchange = async {
            let response = request.send().await.ok()?;
            seen(&response);
            Some(Self::read(response, watch.elapsed()).await)
        };
        let answer = clock.timeout(ANSWER_PATIENCE, exchange).await.ok().flatten();
        answer.unwrap_or_else(|| Self::none(watch.elapsed()))
    }

    fn none(took: Duration) -> Self {
        Self { status: None, has_retry_after: false, body: Value::Null, took }
    }

    async fn read(response: Response, took: Duration) -> Self {
        let status = Some(response.status());
        let has_retry_after = response.headers().contains_key("retry-after");
        Self { status, has_retry_after, body: body(response).await, took }
    }
}

/// The message of an answer, which may come as the only event of a stream.
async fn body(response: Response) -> Value {
    let Ok(bytes) = response.bytes().await else {
        return Value::Null;
    };
    serde_json::from_slice(&bytes).unwrap_or_else(|_| {
        let messages = Reader::default().take(&bytes);
        let last = messages.iter().rev().find_map(|event| serde_json::from_str(&event.data).ok());
        last.unwrap_or(Value::Null)
    })
}
