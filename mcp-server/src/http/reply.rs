//! The answer to a request: JSON, or a stream as soon as something is said before the end.
//!
//! A reply starts undecided. If the call ends before it has said anything, the answer is one JSON
//! object with the status its era wants. The first message before that, or a long silence, turns
//! it into a stream of Server-Sent Events; the status is 200 from then on.

use std::{convert::Infallible, pin::Pin, sync::Arc, time::Duration};

use ambient::{Clock, Entropy, Timestamp};
use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::{BufMut as _, Bytes, BytesMut};
use chassis::{Lasting, Lifecycle, RequestId};
use futures_util::{FutureExt as _, Stream, future::BoxFuture, stream};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::json;
use shared::mcp::{self, ErrorCode, ErrorObject};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::{
    error_message,
    outbox::{Outbox, Said},
};
use crate::{Server, session::voice::Voice};

/// How long a stream may be silent: proxies cut what looks dead.
pub(crate) const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// When a stream that keeps its session does so next: also where sessions live shorter than streams
/// may be silent. Streams whose time comes at nearly the same moment have the same: they are woken, and
/// ask for their sessions, together.
pub(super) fn keep_alive_at(server: &Server) -> Timestamp {
    let pause = KEEP_ALIVE.min(server.config().sessions.idle / 3);
    let at = server.clock().now() + pause;
    let early = if pause >= Duration::from_secs(1) { at.as_millis() % TOGETHER } else { 0 };
    Timestamp::from_millis(at.as_millis() - early)
}

/// Within how many milliseconds streams are kept alive together.
const TOGETHER: u64 = 100;

/// When a client may come back after a stream has ended.
pub(crate) const RETRY: Duration = Duration::from_secs(1);

/// How long after the beginning of a stop a call may still end on the connection it came by.
const HANDOVER: Duration = Duration::from_millis(500);

/// What a finished call gives.
#[derive(Debug)]
pub(crate) enum Answer {
    /// One JSON-RPC message. The status is that of a JSON answer: a stream that has begun cannot
    /// change its own.
    Message(StatusCode, Bytes),
    /// The last message of a stream that a client can come back to.
    Last(Said),
    /// Nothing: the call was cancelled, and nobody waits for an answer.
    Nothing,
}

impl Answer {
    /// The message, if there is one.
    pub(crate) fn into_message(self) -> Option<Bytes> {
        match self {
            Self::Message(_, message) | Self::Last(Said { message, .. }) => Some(message),
            Self::Nothing => None,
        }
    }

    /// An answer as JSON.
    pub(crate) const fn ok(message: Bytes) -> Self {
        Self::Message(StatusCode::OK, message)
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        match self {
            Self::Message(status, message) => {
                let mut response = as_json(status, message);
                if status == StatusCode::SERVICE_UNAVAILABLE {
                    let after = HeaderValue::from_static("2");
                    response.headers_mut().insert(header::RETRY_AFTER, after);
                }
                response
            }
            Self::Last(Said { message, .. }) => as_json(StatusCode::OK, message),
            Self::Nothing => StatusCode::ACCEPTED.into_response(),
        }
    }
}

/// Room for the headers that an answer gets on its way out, so that they are not moved for each other.
const HEADERS: usize = 12;

fn as_json(status: StatusCode, message: Bytes) -> Response {
    let mut headers = HeaderMap::with_capacity(HEADERS);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let mut response = Response::new(Body::from(message));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// The forms of an answer that a client can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// One object or a stream, as it comes.
    Either,
    /// One object: what is said before is lost, and nothing can be asked.
    Json,
    /// A stream, even of one event.
    Stream,
}

/// What answers a call that the end of the server cuts short.
pub(crate) struct LastWords {
    lifecycle: Lifecycle,
    asked: Requests,
}

/// Which requests an answer is for.
pub(crate) enum Requests {
    /// The only one of a message.
    One(mcp::RequestId),
    /// All of a batch.
    Batch(Vec<mcp::RequestId>),
}

impl LastWords {
    pub(crate) fn new(lifecycle: &Lifecycle, asked: Requests) -> Self {
        Self { lifecycle: lifecycle.clone(), asked }
    }

    /// Waits until the server is about to drop what is left, and gives the answer.
    pub(crate) async fn spoken(&self) -> Answer {
        self.lifecycle.nearly_over().await;
        let error = shutting_down();
        let message = match &self.asked {
            Requests::One(id) => error_message(Some(id), &error),
            Requests::Batch(ids) => {
                let each: Vec<_> = ids.iter().map(|id| error_message(Some(id), &error)).collect();
                array(&each)
            }
        };
        Answer::Message(StatusCode::SERVICE_UNAVAILABLE, message)
    }
}

/// What becomes of a call that the end of the server cuts short.
pub(super) fn shutting_down() -> ErrorObject {
    let message = "The server is shutting down and has not finished this call";
    let why = json!({ "reason": "shutting_down", "retryable": true });
    ErrorObject::new(ErrorCode::INTERNAL_ERROR, message).with_data(why)
}

/// Several messages as one.
pub(crate) fn array(messages: &[impl AsRef<[u8]>]) -> Bytes {
    let messages: Vec<&[u8]> = messages.iter().map(AsRef::as_ref).collect();
    [b"[", &*messages.join(&b","[..]), b"]"].concat().into()
}

/// A call that is running, and what it says.
pub(crate) struct Running {
    call: BoxFuture<'static, Answer>,
    outbox: Reader,
    form: Form,
    last_words: Option<LastWords>,
    resumable: Option<Resumable>,
    /// Whether it goes on until somebody ends it.
    lasts: bool,
}

/// What makes the stream of a call one that a client can come back to.
pub(crate) struct Resumable {
    /// How the call speaks.
    pub(crate) voice: Arc<Voice>,
    /// Whether the stream starts with an empty event that has a name.
    pub(crate) is_primed: bool,
    /// When the server stops, the client is sent to another instance for the rest.
    pub(crate) lifecycle: Lifecycle,
    pub(crate) entropy: Entropy,
}

impl Resumable {
    /// Ready when the call has to go on without its connection. Only clients that know of streams
    /// that end early come back by themselves (SEP-1699); the others are waited for.
    async fn handover(&self, clock: &Clock) {
        if !self.is_primed {
            return std::future::pending().await;
        }
        self.lifecycle.stopping().await;
        clock.sleep(HANDOVER).await;
    }
}

impl Running {
    /// Starts a call that speaks into `outbox`. Until it is polled nothing happens; when it is
    /// dropped, the client is gone.
    pub(crate) fn new(call: BoxFuture<'static, Answer>, outbox: Arc<Outbox>, form: Form) -> Self {
        if form == Form::Json {
            outbox.close();
        }
        let outbox = Reader(outbox);
        Self { call, outbox, form, last_words: None, resumable: None, lasts: false }
    }

    /// The call is answered even if the end of the server cuts it short.
    #[must_use]
    pub(crate) fn or(self, last_words: LastWords) -> Self {
        Self { last_words: Some(last_words), ..self }
    }

    /// The client can come back to the stream of this call.
    #[must_use]
    pub(crate) fn resumable(self, resumable: Resumable) -> Self {
        Self { resumable: Some(resumable), ..self }
    }

    /// The call goes on until the client ends it.
    #[must_use]
    pub(crate) fn lasting(self) -> Self {
        Self { lasts: true, ..self }
    }

    /// Runs the call as far as the form of the answer is decided, and answers.
    pub(crate) async fn reply(mut self, clock: &Clock) -> Response {
        let decided = match self.form {
            Form::Json => Some(tokio::select! {
                biased;
                answer = &mut self.call => answer,
                answer = cut_short(self.last_words.as_ref()) => answer,
            }),
            Form::Stream => None,
            Form::Either => self.decide(clock).await,
        };
        match decided {
            Some(answer) if self.is_json(&answer) => answer.into_response(),
            // What was said in the same breath as the answer must not be lost.
            // In a box: it is large, and most answers are no stream.
            Some(answer) => Box::pin(self.stream(Some(answer), clock)).await,
            None => Box::pin(self.stream(None, clock)).await,
        }
    }

    /// Runs the call to its end, and sends what it says and its answer, message by message: for a
    /// transport that has neither status nor streams. Nobody may read any more; the call goes on.
    pub(crate) async fn pump(mut self, lines: &mpsc::Sender<Bytes>) {
        let answer = loop {
            tokio::select! {
                biased;
                Some(said) = self.outbox.0.next() => drop(lines.send(said.message).await),
                answer = &mut self.call => break answer,
                answer = cut_short(self.last_words.as_ref()) => break answer,
            }
        };
        while let Some(said) = self.outbox.0.take() {
            drop(lines.send(said.message).await);
        }
        if let Some(message) = answer.into_message() {
            drop(lines.send(message).await);
        }
    }

    /// Whether an answer goes out alone. That there is none is said by a stream that ends, where
    /// the client can read one: a request is answered with JSON or a stream.
    fn is_json(&self, answer: &Answer) -> bool {
        let alone = self.outbox.0.is_empty() && matches!(answer, Answer::Message(..));
        self.form == Form::Json || (alone && self.form == Form::Either)
    }

    /// Waits until the call has ended, has said something, has been silent for long, or must go on
    /// without its connection.
    async fn decide(&mut self, clock: &Clock) -> Option<Answer> {
        let Self { call, outbox, last_words, resumable, .. } = self;
        let handover = async {
            match resumable {
                Some(resumable) => resumable.handover(clock).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            answer = call => Some(answer),
            answer = cut_short(last_words.as_ref()) => Some(answer),
            () = outbox.0.spoken() => None,
            () = clock.sleep(KEEP_ALIVE) => None,
            () = handover => None,
        }
    }

    /// Answers with a stream, of a call that has ended or goes on.
    async fn stream(self, answer: Option<Answer>, clock: &Clock) -> Response {
        let Self { call, outbox, last_words, resumable, lasts, .. } = self;
        let (mut first, mut replaced, mut handover) = (None, None, None);
        // What has ended without a word needs no coming back.
        if let Some(resumable) = resumable
            && (answer.is_none() || resumable.voice.has_begun())
        {
            let opening = resumable.voice.opening().await;
            first = opening.filter(|_| resumable.is_primed).map(|name| priming(&name, RETRY));
            let token = resumable.voice.replaced();
            replaced = token.map(CancellationToken::cancelled_owned).map(Box::pin);
            handover = first.is_some().then(|| handed_over(resumable, clock.clone()));
        }
        // The stream is read when its request has long been answered.
        let call = match answer {
            Some(answer) => Call::Ended(answer),
            None => Call::Running(RequestId::keep(call).boxed()),
        };
        let last_words =
            last_words.map(|words| RequestId::keep(async move { words.spoken().await }).boxed());
        let clock = clock.clone();
        let stream = events(Events { first, call, outbox, replaced, handover, last_words, clock });
        if lasts { lasting(stream) } else { stream }
    }
}

/// Waits until a stream must end although its call goes on, and says when to come back.
fn handed_over(resumable: Resumable, clock: Clock) -> BoxFuture<'static, Bytes> {
    Box::pin(async move {
        resumable.handover(&clock).await;
        retry(come_back_in(&resumable.entropy))
    })
}

/// The reading end of an outbox: closes it when the client is gone.
struct Reader(Arc<Outbox>);

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// How far a call is whose answer is a stream.
enum Call {
    Running(BoxFuture<'static, Answer>),
    /// The answer goes out after everything that was said.
    Ended(Answer),
    Answered,
}

struct Events {
    first: Option<Bytes>,
    call: Call,
    outbox: Reader,
    /// The client has come back over another connection.
    replaced: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
    /// Gives the last event of the connection, after which the call goes on without it.
    handover: Option<BoxFuture<'static, Bytes>>,
    /// Gives the answer of a call that the end of the server cuts short.
    last_words: Option<BoxFuture<'static, Answer>>,
    clock: Clock,
}

fn events(state: Events) -> Response {
    event_stream(stream::unfold(state, |mut state| async move {
        let event = state.next().await?;
        Some((event, state))
    }))
}

impl Events {
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        if let Call::Running(call) = &mut self.call {
            tokio::select! {
                biased;
                () = maybe(&mut self.replaced) => return None,
                said = self.outbox.0.next() => return said.map(|said| said.to_event()),
                answer = call => self.call = Call::Ended(answer),
                answer = maybe(&mut self.last_words) => self.call = Call::Ended(answer),
                last = maybe(&mut self.handover) => {
                    self.handover = None;
                    self.call = Call::Answered;
                    return Some(last);
                }
                () = self.clock.sleep(KEEP_ALIVE) => return Some(comment()),
            }
        }
        if let Some(said) = self.outbox.0.take() {
            return Some(said.to_event());
        }
        if self.outbox.0.is_finished() {
            return None;
        }
        match std::mem::replace(&mut self.call, Call::Answered) {
            Call::Ended(Answer::Message(_, message)) => Some(event(None, &message)),
            Call::Ended(Answer::Last(last)) => Some(last.to_event()),
            _ => None,
        }
    }
}

/// The answer of a call that is cut short, if there is one for that.
async fn cut_short(last_words: Option<&LastWords>) -> Answer {
    match last_words {
        // In a box: it is hardly ever polled, and the answer in the making is moved about.
        Some(last_words) => Box::pin(last_words.spoken()).await,
        None => std::future::pending().await,
    }
}

/// Ready when it is there and ready.
async fn maybe<T, F: Future<Output = T> + ?Sized>(wait: &mut Option<Pin<Box<F>>>) -> T {
    match wait {
        Some(wait) => wait.await,
        None => std::future::pending().await,
    }
}

impl Said {
    fn to_event(&self) -> Bytes {
        event(self.id.as_deref(), &self.message)
    }
}

/// One event with a message, and with an id where the stream can be resumed.
pub(crate) fn event(id: Option<&str>, message: &[u8]) -> Bytes {
    let mut event = BytesMut::with_capacity(message.len() + 64);
    event.put_slice(b"event: message\n");
    if let Some(id) = id {
        event.put_slice(b"id: ");
        event.put_slice(id.as_bytes());
        event.put_u8(b'\n');
    }
    event.put_slice(b"data: ");
    event.put_slice(message);
    event.put_slice(b"\n\n");
    event.freeze()
}

/// The first event of a stream that can be resumed: an id to resume from, and when to come back.
pub(crate) fn priming(id: &str, retry: Duration) -> Bytes {
    Bytes::from(format!("id: {id}\nretry: {}\ndata: \n\n", retry.as_millis()))
}

/// When a client may come back to another instance: not all at once.
pub(crate) fn come_back_in(entropy: &Entropy) -> Duration {
    let jitter = u64::from(u16::from_be_bytes(entropy.bytes())) % 1750;
    Duration::from_millis(250 + jitter)
}

/// Tells when to come back, before a stream ends.
pub(crate) fn retry(retry: Duration) -> Bytes {
    Bytes::from(format!("retry: {}\n\n", retry.as_millis()))
}

/// Says nothing, so that the connection does not look dead.
pub(crate) const fn comment() -> Bytes {
    Bytes::from_static(b": keep-alive\n\n")
}

/// Says of a stream that it goes on until somebody ends it.
pub(crate) fn lasting(mut stream: Response) -> Response {
    stream.extensions_mut().insert(Lasting);
    stream
}

/// A response that is a stream of events.
pub(crate) fn event_stream(events: impl Stream<Item = Bytes> + Send + 'static) -> Response {
    use futures_util::StreamExt as _;
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-cache, no-transform"),
        // Reverse proxies must pass events on as they come.
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    (headers, Body::from_stream(events.map(Ok::<_, Infallible>))).into_response()
}

#[cfg(test)]
mod tests {
    use ambient::Timestamp;
    use http_body_util::BodyExt as _;

    use super::*;

    fn answer() -> Answer {
        Answer::Message(StatusCode::NOT_FOUND, Bytes::from_static(b"{\"last\":1}"))
    }

    fn said(text: &'static str) -> Said {
        Said { id: None, message: Bytes::from_static(text.as_bytes()) }
    }

    fn running(
        call: impl Future<Output = Answer> + Send + 'static,
        outbox: Arc<Outbox>,
    ) -> Running {
        Running::new(Box::pin(call), outbox, Form::Either)
    }

    fn clock() -> Clock {
        Clock::manual(Timestamp::from_secs(0))
    }

    async fn text(response: Response) -> String {
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn a_call_that_says_nothing_is_answered_with_json_and_its_status() {
        let running = running(async { answer() }, Arc::default());
        let response = running.reply(&clock()).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        assert_eq!(response.headers()["content-type"], "application/json");
        assert_eq!(text(response).await, "{\"last\":1}");
    }

    #[tokio::test]
    async fn a_call_that_says_something_is_answered_with_a_stream_in_order() {
        let outbox = Arc::<Outbox>::default();
        let speaker = outbox.clone();
        let call = async move {
            speaker.say(said("1")).await;
            tokio::task::yield_now().await;
            speaker.say(said("2")).await;
            answer()
        };
        let response = running(call, outbox).reply(&clock()).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["x-accel-buffering"], "no");
        let expected = ["1", "2", "{\"last\":1}"].map(|m| format!("event: message\ndata: {m}\n\n"));
        assert_eq!(text(response).await, expected.concat());
    }

    #[tokio::test]
    async fn what_is_said_in_the_same_breath_as_the_answer_is_not_lost() {
        let outbox = Arc::<Outbox>::default();
        let speaker = outbox.clone();
        let call = async move {
            speaker.say(said("1")).await;
            speaker.say(said("2")).await;
            answer()
        };
        let body = text(running(call, outbox).reply(&clock()).await).await;
        assert_eq!(body.matches("data: ").count(), 3, "{body}");
        assert!(body.ends_with("data: {\"last\":1}\n\n"), "{body}");
    }

    #[tokio::test]
    async fn a_long_silence_turns_into_a_stream_with_comments() {
        let clock = clock();
        let running = running(std::future::pending(), Arc::default());
        let mut reply = Box::pin(running.reply(&clock));
        assert!(reply.as_mut().now_or_never().is_none());
        clock.advance(KEEP_ALIVE);
        let mut body = reply.await.into_body();
        let mut frame = Box::pin(body.frame());
        assert!(frame.as_mut().now_or_never().is_none());
        clock.advance(KEEP_ALIVE);
        let frame = frame.await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), comment());
    }

    #[tokio::test]
    async fn a_client_that_cannot_read_streams_gets_json_whatever_is_said() {
        let outbox = Arc::<Outbox>::default();
        let speaker = outbox.clone();
        let call = async move {
            speaker.say(said("1")).await;
            answer()
        };
        let running = Running::new(Box::pin(call), outbox, Form::Json);
        assert_eq!(text(running.reply(&clock()).await).await, "{\"last\":1}");
    }

    #[tokio::test]
    async fn a_client_that_reads_only_streams_gets_one() {
        let running = Running::new(Box::pin(async { answer() }), Arc::default(), Form::Stream);
        let body = text(running.reply(&clock()).await).await;
        assert_eq!(body, "event: message\ndata: {\"last\":1}\n\n");
    }

    #[tokio::test]
    async fn a_cancelled_call_is_not_answered() {
        let running = running(async { Answer::Nothing }, Arc::default());
        let response = running.reply(&clock()).await;
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(text(response).await, "");
    }

    #[tokio::test]
    async fn a_reader_that_leaves_closes_the_outbox() {
        let outbox = Arc::<Outbox>::default();
        outbox.say(said("1")).await;
        let response = running(std::future::pending(), outbox.clone()).reply(&clock()).await;
        drop(response);
        assert!(!outbox.say(said("2")).await);
        assert!(outbox.take().is_none());
    }
}
