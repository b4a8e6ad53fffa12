//! What a connection is doing, and since when: the source of every time limit on it.
//!
//! One timer per connection looks at one small record. Nothing is set or cleared per request but
//! the record, and the limits hold for both HTTP versions and for the bytes before the version is
//! known, where hyper has none.

use std::{
    collections::BTreeMap,
    io,
    mem::MaybeUninit,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use http_body::{Body, Frame, SizeHint};
use hyper::rt::{Read, ReadBuf, ReadBufCursor, Timer as _, Write};
use hyper_util::rt::TokioTimer;
use pin_project_lite::pin_project;

use crate::Limits;

/// How long a closing connection reads on, so that the answer to a refused body is not lost.
const LINGER: Duration = Duration::from_secs(2);

/// Why a connection is out of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overdue {
    /// The request header did not end in time.
    Header,
    /// The client has not read for too long.
    Write,
    /// No request has come for a long time.
    Idle,
    /// The client does not close its side.
    Linger,
}

/// What the client is expected to do.
#[derive(Clone, Copy)]
enum Phase {
    /// Finish the header it has begun.
    Header,
    /// Begin the next request when it likes.
    Idle,
    /// Close its side.
    Linger,
}

/// The record of one connection.
pub(crate) struct Pulse(Mutex<State>);

struct State {
    phase: Phase,
    since: Instant,
    /// Requests whose answer has not been sent to its end; the phase counts only when there are none.
    in_progress: usize,
    is_http2: bool,
    write_waits_since: Option<Instant>,
    /// The bodies of HTTP/2 that hyper has not asked for more since they gave something, or began: it
    /// asks when the client has room for what comes. The client may answer pings all the while, and
    /// nothing waits for its socket.
    unasked: BTreeMap<u64, Instant>,
    /// How many requests have begun.
    begun: u64,
    /// A request body was dropped before its end: the client may still be sending it.
    body_left: bool,
}

impl Pulse {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(State {
            phase: Phase::Header,
            since: now(),
            in_progress: 0,
            is_http2: false,
            write_waits_since: None,
            unasked: BTreeMap::new(),
            begun: 0,
            body_left: false,
        }))
    }

    /// A request has arrived; it is in progress until the guard is dropped.
    pub(crate) fn begin(self: &Arc<Self>, is_http2: bool) -> Busy {
        let mut state = self.state();
        state.in_progress += 1;
        state.is_http2 = is_http2;
        state.body_left = false;
        state.begun += 1;
        Busy { number: is_http2.then_some(state.begun), pulse: Arc::clone(self) }
    }

    /// The body of a request was dropped before it had been read to its end.
    pub(crate) fn leave_body(&self) {
        self.state().body_left = true;
    }

    /// The connection is being closed; the client has a moment to close its side.
    pub(crate) fn begin_to_close(&self) {
        let mut state = self.state();
        if !matches!(state.phase, Phase::Linger) {
            state.enter(Phase::Linger);
        }
    }

    /// Waits until a limit is exceeded, and says which.
    pub(crate) async fn overdue(&self, limits: &Limits) -> Overdue {
        // No phase can begin and exceed its limit between two looks; only lingering is seen late.
        let step = limits.header_timeout.min(limits.write_timeout).min(limits.idle_timeout);
        loop {
            let next = self.state().next_limit(limits);
            let now = now();
            let look_again = match next {
                Some((reason, deadline)) if deadline <= now => return reason,
                Some((_, deadline)) => deadline.min(now + step),
                None => now + step,
            };
            TokioTimer::new().sleep_until(look_again).await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_read(&self) {
        let mut state = self.state();
        // Between HTTP/2 requests there are pings; its headers are cut by the idle limit.
        if state.in_progress == 0 && !state.is_http2 && matches!(state.phase, Phase::Idle) {
            state.enter(Phase::Header);
        }
    }

    fn has_written<T>(&self, outcome: &Poll<io::Result<T>>) {
        let mut state = self.state();
        if outcome.is_ready() {
            state.write_waits_since = None;
        } else if state.write_waits_since.is_none() {
            state.write_waits_since = Some(now());
        }
    }

    /// Whether what was written waits for the client to read.
    pub(crate) fn is_held_up(&self) -> bool {
        self.state().write_waits_since.is_some()
    }

    /// Whether the client may still be sending what nobody reads: a body that was left, or a header
    /// that was too long. A closing connection reads on then.
    pub(crate) fn lingers(&self) -> bool {
        let state = self.state();
        let half_a_header = state.in_progress == 0 && matches!(state.phase, Phase::Header);
        state.body_left || half_a_header
    }
}

impl State {
    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.since = now();
    }

    /// The limit that is exceeded next, and when.
    fn next_limit(&self, limits: &Limits) -> Option<(Overdue, Instant)> {
        let write =
            self.write_waits_since.map(|since| (Overdue::Write, since + limits.write_timeout));
        let phase = (self.in_progress == 0).then(|| match self.phase {
            Phase::Header => (Overdue::Header, self.since + limits.header_timeout),
            Phase::Idle => (Overdue::Idle, self.since + limits.idle_timeout),
            Phase::Linger => (Overdue::Linger, self.since + LINGER),
        });
        // While one answer goes on, the connection does its work: a proxy sends the answers of many
        // people over one, and who does not read must not end those of the others.
        let all_wait = self.in_progress > 0 && self.unasked.len() == self.in_progress;
        let unasked = self.unasked.values().max().filter(|_| all_wait);
        let unasked = unasked.map(|since| (Overdue::Write, *since + limits.write_timeout));
        write.into_iter().chain(unasked).chain(phase).min_by_key(|(_, at)| *at)
    }
}

fn now() -> Instant {
    TokioTimer::new().now()
}

/// One request in progress.
pub(crate) struct Busy {
    pulse: Arc<Pulse>,
    /// Which one it is, where others go over the same connection at the same time.
    number: Option<u64>,
}

impl Busy {
    /// Its answer has something to say, and waits to be asked for more.
    fn waits(&self) {
        if let Some(number) = self.number {
            self.pulse.state().unasked.insert(number, now());
        }
    }

    /// Its answer was asked for more.
    fn is_asked(&self) {
        if let Some(number) = self.number {
            self.pulse.state().unasked.remove(&number);
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.is_asked();
        let mut state = self.pulse.state();
        state.in_progress -= 1;
        if state.in_progress == 0 {
            state.enter(Phase::Idle);
        }
    }
}

pin_project! {
    /// A response body that keeps its request in progress until it has been sent or dropped.
    pub(crate) struct Held<B> {
        #[pin]
        body: B,
        busy: Option<Busy>,
    }
}

impl<B> Held<B> {
    pub(crate) fn new(body: B, busy: Option<Busy>) -> Self {
        busy.iter().for_each(Busy::waits);
        Self { body, busy }
    }
}

impl<B: Body> Body for Held<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        this.busy.iter().for_each(Busy::is_asked);
        let frame = this.body.poll_frame(cx);
        if matches!(frame, Poll::Ready(Some(Ok(_)))) {
            this.busy.iter().for_each(Busy::waits);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A socket that reports what happens on it.
pub(crate) struct Watched<T> {
    io: T,
    pulse: Arc<Pulse>,
    is_shut: bool,
}

impl<T> Watched<T> {
    pub(crate) fn new(io: T, pulse: Arc<Pulse>) -> Self {
        Self { io, pulse, is_shut: false }
    }

    /// The socket, which nobody watches any more.
    pub(crate) fn into_inner(self) -> T {
        self.io
    }
}

impl<T: Read + Unpin> Read for Watched<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.io).poll_read(cx, buffer);
        if read.is_ready() {
            self.pulse.has_read();
        }
        read
    }
}

impl<T: Read + Write + Unpin> Write for Watched<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.pulse.has_written(&written);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, slices);
        self.pulse.has_written(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    /// Says that nothing more will be written, and where a request body was left, reads and forgets
    /// the rest of it: closing at once would reset the connection and lose the answer on its way.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.is_shut {
            ready!(Pin::new(&mut self.io).poll_shutdown(cx))?;
            self.is_shut = true;
        }
        if !self.pulse.lingers() {
            return Poll::Ready(Ok(()));
        }
        self.pulse.begin_to_close();
        let mut scratch = [MaybeUninit::uninit(); 4096];
        loop {
            let mut buffer = ReadBuf::uninit(&mut scratch);
            ready!(Pin::new(&mut self.io).poll_read(cx, buffer.unfilled()))?;
            if buffer.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits {
            header_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_mins(2),
            ..Limits::default()
        }
    }

    /// Which limit comes, and after how many seconds.
    async fn outcome(pulse: &Pulse) -> (Overdue, u64) {
        let began = now();
        let reason = pulse.overdue(&limits()).await;
        (reason, (now() - began).as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_connection_has_the_time_of_a_header() {
        assert_eq!(outcome(&Pulse::new()).await, (Overdue::Header, 10));
    }

    #[tokio::test(start_paused = true)]
    async fn between_requests_there_is_more_time_until_the_next_one_begins() {
        let pulse = Arc::new(Pulse::new());
        drop(pulse.begin(false));
        assert_eq!(outcome(&pulse).await, (Overdue::Idle, 120));
        pulse.has_read();
        assert_eq!(outcome(&pulse).await, (Overdue::Header, 10));
    }

    #[tokio::test(start_paused = true)]
    async fn pings_between_http2_requests_do_not_begin_a_header() {
        let pulse = Arc::new(Pulse::new());
        drop(pulse.begin(true));
        pulse.has_read();
        assert_eq!(outcome(&pulse).await, (Overdue::Idle, 120));
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_in_progress_ends_only_by_a_write_that_waits() {
        let pulse = Arc::new(Pulse::new());
        let _busy = pulse.begin(false);
        let day = tokio::time::Duration::from_hours(24);
        let clock = ambient::Clock::system();
        assert!(clock.timeout(day, pulse.overdue(&limits())).await.is_err());
        pulse.has_written::<usize>(&Poll::Pending);
        assert_eq!(outcome(&pulse).await, (Overdue::Write, 30));
        pulse.has_written(&Poll::Ready(Ok(1)));
        assert!(clock.timeout(day, pulse.overdue(&limits())).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_over_http2_that_is_not_asked_for_more_is_a_reader_that_does_not_read() {
        let pulse = Arc::new(Pulse::new());
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let one = axum::body::Body::new(http_body_util::Full::from("one"));
        let mut held = Held::new(one, Some(pulse.begin(true)));
        assert_eq!(outcome(&pulse).await, (Overdue::Write, 30));
        assert!(Pin::new(&mut held).poll_frame(&mut cx).is_ready());
        assert_eq!(outcome(&pulse).await, (Overdue::Write, 30));
        // Nothing to say is no fault of the reader.
        let silent = http_body_util::StreamBody::new(futures_util::stream::pending::<
            Result<Frame<bytes::Bytes>, std::convert::Infallible>,
        >());
        drop(std::mem::replace(&mut held, Held::new(axum::body::Body::empty(), None)));
        let mut held = Held::new(silent, Some(pulse.begin(true)));
        assert!(Pin::new(&mut held).poll_frame(&mut cx).is_pending());
        let (clock, day) = (ambient::Clock::system(), Duration::from_hours(24));
        assert!(clock.timeout(day, pulse.overdue(&limits())).await.is_err());
        drop(held);
        assert_eq!(outcome(&pulse).await.0, Overdue::Idle);
    }
}
