//! An answer while it is read: one message after the other, each checked when it arrives.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt as _, stream::BoxStream};
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use shared::mcp::Revision;

use super::{
    Reply, promises,
    sse::{Event, Parser},
};
use crate::{
    fail::OrFail as _,
    schema::{Asked, check_refusal, check_server_message},
    secrets,
    wait::PATIENCE,
    within,
};

/// How a body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It has not.
    Open,
    /// In order.
    Clean,
    /// In the middle: the connection broke.
    Broken,
}

/// An HTTP answer whose body is read piece by piece. Dropping it closes the connection, which is
/// how a client of 2026-07-28 cancels.
pub struct Exchange {
    /// The status.
    pub status: StatusCode,
    /// The header fields.
    pub headers: HeaderMap,
    revision: Revision,
    asked: Asked,
    /// The body of an answer that was no stream.
    text: String,
    stream: Option<Stream>,
    /// What has arrived and was not handed out yet.
    waiting: VecDeque<Value>,
    seen: Vec<Value>,
    last_event_id: Option<String>,
    retry: Option<Duration>,
    comments: usize,
    ending: Ending,
}

/// A stream that was left before its end, and where.
#[derive(Clone, Debug)]
pub struct Left {
    asked: Asked,
    /// The id of the last event that was read.
    pub last_event_id: String,
}

struct Stream {
    bytes: BoxStream<'static, reqwest::Result<Bytes>>,
    parser: Parser,
    ready: VecDeque<Event>,
}

impl Exchange {
    pub(super) async fn receive(
        response: reqwest::Response,
        revision: Revision,
        asked: Asked,
    ) -> reqwest::Result<Self> {
        let (status, headers) = (response.status(), response.headers().clone());
        secrets::note_answer(&headers, &[]);
        let form = promises::head(revision, status, &headers);
        let mut exchange = Self {
            status,
            headers,
            revision,
            asked,
            text: String::new(),
            stream: None,
            waiting: VecDeque::new(),
            seen: Vec::new(),
            last_event_id: None,
            retry: None,
            comments: 0,
            ending: Ending::Open,
        };
        if form == promises::Form::Stream {
            let bytes = response.bytes_stream().boxed();
            let (parser, ready) = (Parser::default(), VecDeque::new());
            exchange.stream = Some(Stream { bytes, parser, ready });
        } else {
            exchange.text = response.text().await?;
            exchange.ending = Ending::Clean;
            promises::body(revision, status, form, &exchange.text);
            if form == promises::Form::Json {
                exchange.take_body();
            }
        }
        Ok(exchange)
    }

    /// Whether the answer is a stream.
    #[must_use]
    pub fn is_stream(&self) -> bool {
        self.stream.is_some()
    }

    /// The next message; none when the body has ended. Waits at most for
    /// [`PATIENCE`](crate::PATIENCE).
    pub async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(message) = self.waiting.pop_front() {
                return Some(message);
            }
            self.next_event().await?;
        }
    }

    /// The next event of the stream, also one that carries no message; none when it has ended.
    pub async fn next_event(&mut self) -> Option<Event> {
        let event = within(PATIENCE, self.read_event()).await?;
        promises::event(self.revision, &event);
        self.comments += event.comments.len();
        self.retry = event.retry.or(self.retry);
        if event.id.is_some() {
            assert_ne!(event.id, self.last_event_id, "event ids are unique: {event:?}");
            self.last_event_id.clone_from(&event.id);
        }
        if let Some(data) = event.message() {
            let message = serde_json::from_str(data).or_fail("the data of an event is JSON");
            self.take(message);
        }
        Some(event)
    }

    /// Reads to the end.
    pub async fn finish(mut self) -> Reply {
        while self.next().await.is_some() {}
        self.into_reply()
    }

    /// What has been seen so far, as a reply.
    #[must_use]
    pub fn into_reply(self) -> Reply {
        assert_ne!(self.ending, Ending::Broken, "the line broke after {:#?}", self.seen);
        Reply {
            streamed: self.is_stream(),
            status: self.status,
            headers: self.headers,
            text: self.text,
            messages: self.seen,
        }
    }

    /// How the body ended, if it did.
    #[must_use]
    pub const fn ending(&self) -> Ending {
        self.ending
    }

    /// The id of the last event that had one: where a stream can be taken up again.
    #[must_use]
    pub fn last_event_id(&self) -> Option<&str> {
        self.last_event_id.as_deref()
    }

    /// How long the server wants a client to wait before it comes back.
    #[must_use]
    pub const fn retry(&self) -> Option<Duration> {
        self.retry
    }

    /// How many comments have arrived: signs of life on a quiet stream.
    #[must_use]
    pub const fn comments(&self) -> usize {
        self.comments
    }

    /// Closes the connection of a stream that can be taken up again.
    ///
    /// # Panics
    /// When no event with an id has been read.
    #[must_use]
    pub fn leave(self) -> Left {
        let last_event_id = self.last_event_id.or_fail("an event with an id has been read");
        Left { asked: self.asked, last_event_id }
    }

    /// What a stream that is taken up again answers.
    pub(super) fn answering(self, left: &Left) -> Self {
        Self { asked: left.asked.clone(), ..self }
    }

    /// Whether every request of this exchange has its response.
    pub(super) fn is_answered(&self) -> bool {
        let responses = self.seen.iter().filter(|message| message.get("method").is_none());
        responses.count() >= self.asked.len()
    }

    /// Goes on with the body of another answer: the same request, on a new connection.
    pub(super) fn go_on_with(&mut self, next: Self) {
        assert!(next.is_stream(), "a stream can be taken up again: {}", next.into_reply());
        self.stream = next.stream;
        self.ending = next.ending;
    }

    async fn read_event(&mut self) -> Option<Event> {
        let stream = self.stream.as_mut()?;
        while self.ending == Ending::Open || !stream.ready.is_empty() {
            if let Some(event) = stream.ready.pop_front() {
                return Some(event);
            }
            match stream.bytes.next().await {
                Some(Ok(bytes)) => stream.ready.extend(stream.parser.push(&bytes)),
                Some(Err(_)) => self.ending = Ending::Broken,
                None if stream.parser.is_torn() => self.ending = Ending::Broken,
                None => self.ending = Ending::Clean,
            }
        }
        None
    }

    fn take_body(&mut self) {
        let body: Value = serde_json::from_str(&self.text).or_fail("a JSON body is JSON");
        // Authorization and availability come before the protocol, and need not speak it.
        if matches!(self.status.as_u16(), 401 | 403 | 503) {
            if body.get("jsonrpc").is_some() {
                check_refusal(self.revision, &body);
                self.seen.push(body);
            }
            return;
        }
        promises::error_status(self.revision, self.status, &body);
        self.take(body);
    }

    fn take(&mut self, message: Value) {
        check_server_message(self.revision, &message, &self.asked);
        let messages = match message {
            Value::Array(batch) => batch,
            single => vec![single],
        };
        for message in messages {
            let over = !self.asked.is_empty() && self.is_answered();
            assert!(!over, "after its answer a request is over, but then came {message:#}");
            self.check_progress(&message);
            self.seen.push(message.clone());
            self.waiting.push_back(message);
        }
    }

    /// Progress only grows (basic/utilities/progress of every revision).
    fn check_progress(&self, message: &Value) {
        let is_progress = |note: &&Value| note["method"] == "notifications/progress";
        if !is_progress(&message) {
            return;
        }
        let token = &message["params"]["progressToken"];
        let mut earlier = self.seen.iter().rev().filter(is_progress);
        let Some(last) = earlier.find(|note| &note["params"]["progressToken"] == token) else {
            return;
        };
        let value = |note: &Value| note["params"]["progress"].as_f64();
        assert!(value(message) > value(last), "progress grows: {message:#} after {last:#}");
    }
}
