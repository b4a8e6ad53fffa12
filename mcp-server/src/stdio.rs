//! The transport of a process: one message per line on standard input and output, every revision
//! (basic/transports of each).
//!
//! There is no authorization: whoever started the process may use it. Stateless requests and one
//! session may share the pipe; the body of each line says what it is.

use std::{
    collections::{HashMap, hash_map::Entry},
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures_util::FutureExt as _;
use shared::mcp::{CancelledParams, Incoming, Message, Params, RequestId};
use store::StoreError;
use tokio::{
    io::{AsyncBufRead, AsyncBufReadExt as _, AsyncWrite, AsyncWriteExt as _},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
};
use tokio_util::sync::CancellationToken;

use crate::{
    Server,
    auth::Caller,
    era::{Era, legacy, modern},
    http::{
        Form, Rejection, Running,
        standalone::{Aside, Item},
    },
    operation::Asked,
    session::{Session, SessionId, Transport},
};

const PING: &str = "ping";

/// How many lines may wait to be written: calls wait while the client reads more slowly.
const WAITING: usize = 64;

/// How many requests may be in progress.
const MOST: u32 = 100;

/// How long a request may wait for another one to end when there are as many. Nothing else is read
/// meanwhile, not even what would end one.
const BRIEFLY: Duration = Duration::from_millis(250);

/// How long requests in progress may take to end after the input has, and how long what is said last
/// may wait to be read.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Serves one client, until its input ends or the server stops.
///
/// # Errors
/// When the input cannot be read or the output cannot be written.
pub(crate) async fn serve(
    server: &Server,
    input: impl AsyncBufRead + Unpin,
    output: impl AsyncWrite + Unpin,
) -> io::Result<()> {
    let (lines, written) = mpsc::channel(WAITING);
    let mut pipe = Pipe::new(server, lines);
    let (room, over) = (Arc::clone(&pipe.room), pipe.over.clone());
    let heard = pipe.heard.clone();
    let _over_when_done = over.clone().drop_guard();
    let (clock, lifecycle) = (server.clock(), server.lifecycle());
    let nothing_is_read_late = late(server, over.clone());
    let reading = async move {
        let all_ended = async {
            let _ = room.acquire_many(MOST).await;
        };
        let ending = async {
            tokio::select! {
                read = pipe.read(input) => {
                    read?;
                    // Whoever listens for changes has gone; what is in progress otherwise may end.
                    heard.cancel();
                    let ended = room.acquire_many(MOST);
                    let _ = clock.timeout(LAST_WORDS, ended).await;
                    Ok(())
                }
                // Who listens is told that this is the end, and who is asked may still answer.
                () = lifecycle.stopping().then(|()| all_ended) => Ok(()),
            }
        };
        let ended = tokio::select! {
            ended = ending => ended,
            () = lifecycle.aborted() => Ok(()),
        };
        over.cancel();
        pipe.end().await;
        ended
    };
    let writing = async {
        tokio::select! {
            written = write(written, output) => written,
            () = nothing_is_read_late => Ok(()),
        }
    };
    tokio::try_join!(reading, writing).map(|_| ())
}

/// Waits until whoever does not read by now has had his time: this process must not stay for him.
async fn late(server: &Server, over: CancellationToken) {
    let last_words = async {
        over.cancelled().await;
        server.clock().sleep(LAST_WORDS).await;
    };
    tokio::select! {
        () = last_words => {}
        () = server.lifecycle().aborted() => {}
    }
}

/// Writes line after line until nobody has one any more.
async fn write(
    mut lines: mpsc::Receiver<Bytes>,
    mut output: impl AsyncWrite + Unpin,
) -> io::Result<()> {
    while let Some(line) = lines.recv().await {
        output.write_all(&line).await?;
        output.write_all(b"\n").await?;
        if lines.is_empty() {
            output.flush().await?;
        }
    }
    Ok(())
}

/// What a line holds.
enum Line {
    Text(Bytes),
    TooLong,
}

/// The next line that is not empty; none at the end. Of a line that is too long nothing is kept.
async fn next_line(
    input: &mut (impl AsyncBufRead + Unpin),
    longest: usize,
) -> io::Result<Option<Line>> {
    let (mut line, mut is_too_long) = (Vec::new(), false);
    loop {
        let read = input.fill_buf().await?;
        let (chunk, ends) = match read.iter().position(|byte| *byte == b'\n') {
            Some(at) => (&read[..at], true),
            None => (read, read.is_empty()),
        };
        is_too_long |= line.len() + chunk.len() > longest;
        if is_too_long {
            line = Vec::new();
        } else {
            line.extend_from_slice(chunk);
        }
        let (at_end, used) = (read.is_empty(), chunk.len() + usize::from(ends && !read.is_empty()));
        input.consume(used);
        match (ends, at_end) {
            _ if ends && is_too_long => return Ok(Some(Line::TooLong)),
            _ if ends && !line.trim_ascii().is_empty() => {
                return Ok(Some(Line::Text(line.into())));
            }
            (_, true) => return Ok(None),
            _ => {}
        }
    }
}

/// One client.
struct Pipe {
    server: Server,
    caller: Caller,
    lines: mpsc::Sender<Bytes>,
    /// The session, after `initialize`.
    session: Option<SessionId>,
    /// Stateless requests in progress.
    running: InProgress,
    room: Arc<Semaphore>,
    /// Cancelled when nobody can say any more that the changes are enough: a subscription has no other
    /// end, and clients wait for this process to leave.
    heard: CancellationToken,
    /// Cancelled when nothing is written any more.
    over: CancellationToken,
}

/// Stateless requests in progress, by their ids.
#[derive(Clone, Default)]
struct InProgress(Arc<Mutex<HashMap<RequestId, Arc<CancellationToken>>>>);

impl InProgress {
    fn lock(&self) -> MutexGuard<'_, HashMap<RequestId, Arc<CancellationToken>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a request by what cancels it; false while another one has its id.
    fn enter(&self, id: &RequestId, token: &Arc<CancellationToken>) -> bool {
        match self.lock().entry(id.clone()) {
            Entry::Vacant(free) => {
                free.insert(Arc::clone(token));
                true
            }
            Entry::Occupied(_) => false,
        }
    }

    fn cancel(&self, id: &RequestId) {
        if let Some(token) = self.lock().remove(id) {
            token.cancel();
        }
    }

    /// A request has ended. After it was cancelled, its id may be that of another one.
    fn leave(&self, id: &RequestId, token: &Arc<CancellationToken>) {
        let mut running = self.lock();
        if running.get(id).is_some_and(|there| Arc::ptr_eq(there, token)) {
            running.remove(id);
        }
    }
}

impl Pipe {
    fn new(server: &Server, lines: mpsc::Sender<Bytes>) -> Self {
        let over = CancellationToken::new();
        Self {
            server: server.clone(),
            caller: Caller::anonymous(server),
            lines,
            session: None,
            running: InProgress::default(),
            room: Arc::new(Semaphore::new(MOST as usize)),
            heard: over.child_token(),
            over,
        }
    }

    async fn read(&mut self, mut input: impl AsyncBufRead + Unpin) -> io::Result<()> {
        let longest = self.server.config().max_body;
        while let Some(line) = next_line(&mut input, longest).await? {
            let handled = match line {
                Line::Text(text) => self.line(text).await,
                Line::TooLong => {
                    let message = "The line is too long; see MAX_BODY_BYTES";
                    Err(self.refused(Rejection::invalid_request(message)))
                }
            };
            if let Err(rejection) = handled {
                self.say(rejection.to_message()).await;
            }
        }
        // Of a session that cannot be found any more nothing is known.
        if let Ok(Some(session)) = self.session().await {
            let now = self.server.clock().now();
            self.server.metrics().session_ended("stream", &session.record, now);
        }
        Ok(())
    }

    /// Ends with the process what is as old as it can be.
    async fn end(self) {
        if let Some(id) = &self.session
            && let Err(error) = self.server.sessions().end(id).await
        {
            tracing::debug!(%error, "the session of this process is left behind in the store");
        }
        if let Some(id) = &self.session {
            self.server.vitals().ended(id).await;
        }
    }

    /// Handles a line. What wants no answer gets none, not even that it is wrong.
    async fn line(&mut self, text: Bytes) -> Result<(), Rejection> {
        let message = match Message::parse(text) {
            Ok(message) => message,
            Err(malformed) if malformed.wants_answer() => {
                return Err(self.refused(malformed.into()));
            }
            Err(malformed) => {
                tracing::debug!(%malformed, "a message that wants no answer was dropped");
                return Ok(());
            }
        };
        let is_silent = !message.wants_answer();
        match self.message(message).await {
            Err(rejection) if is_silent => {
                tracing::debug!(?rejection, "a message that wants no answer was dropped");
                Ok(())
            }
            handled => handled,
        }
    }

    async fn message(&mut self, message: Message) -> Result<(), Rejection> {
        match Era::of_line(message).map_err(|rejection| self.refused(rejection))? {
            Era::Modern(envelope) => {
                let (id, caller) = (envelope.id.clone(), self.caller.clone());
                let lasts = envelope.method == "subscriptions/listen";
                let until = if lasts { &self.heard } else { &self.over }.child_token();
                let form = Form::Either;
                let running = modern::serve(&self.server, caller, None, form, envelope)?;
                self.run_modern(&id, running, until).await
            }
            Era::ModernNotification(note) => {
                self.cancel_modern(&note);
                Ok(())
            }
            Era::Opening { id, params } => self.open(&id, params.as_ref()).await,
            Era::Legacy(incoming) => self.legacy(incoming).await,
            Era::Batch(items) => {
                let session = self.session().await?.ok_or_else(no_session)?;
                let (server, principal) = (&self.server, self.caller.principal());
                let handled =
                    legacy::batch(server, &principal, &session, Form::Either, items).await?;
                self.handled(None, handled).await
            }
        }
    }

    fn refused(&self, rejection: Rejection) -> Rejection {
        self.server.operations().refused(rejection, Transport::Stdio)
    }

    async fn open(&mut self, id: &RequestId, params: Option<&Params>) -> Result<(), Rejection> {
        if self.session().await?.is_some() {
            let message = "This process has a session already";
            return Err(Rejection::invalid_request(message).to(id));
        }
        let transport = Transport::Stdio;
        let begun = self.server.operations().begin(Asked::initialize(id, params, transport));
        let open = legacy::open(&self.server, &self.caller, id, params, transport);
        let opened = begun.watch(Box::pin(open)).await;
        let (answer, session) = opened.map_err(|error| Rejection::from(error).to(id))?;
        if let Some(message) = answer.into_message() {
            self.say(message).await;
        }
        self.session = session;
        if let Some(session) = self.session().await? {
            let (server, caller) = (&self.server, &self.caller);
            let aside = Aside::open(server, caller, session, "stdio".to_owned(), None).await?;
            self.overhear(aside);
        }
        Ok(())
    }

    async fn legacy(&mut self, incoming: Incoming) -> Result<(), Rejection> {
        self.cancel_modern(&incoming);
        let (id, is_ping) = match &incoming {
            Incoming::Request { id, method, .. } => (Some(id.clone()), method == PING),
            _ => (None, false),
        };
        let Some(session) = self.session().await? else {
            return match (id, incoming) {
                // Whoever has not introduced himself may ask whether somebody is there.
                (Some(id), _) if is_ping => {
                    self.say(legacy::pong(&id)).await;
                    Ok(())
                }
                (Some(id), _) => Err(no_session().to(&id)),
                (None, _) => Ok(()),
            };
        };
        let (server, principal) = (&self.server, self.caller.principal());
        let handled = legacy::serve(server, principal, session, Form::Either, incoming).await?;
        match handled {
            // It takes nobody's place, and the next line waits until it is answered.
            legacy::Handled::Running(ping) if is_ping => {
                ping.pump(&self.lines).await;
                Ok(())
            }
            handled => self.handled(id.as_ref(), handled).await,
        }
    }

    /// A notification may cancel a stateless request, too: ids are of the pipe.
    fn cancel_modern(&self, incoming: &Incoming) {
        if let Incoming::Notification { method, params } = incoming
            && method == "notifications/cancelled"
            && let Some(Ok(cancelled)) = params.as_ref().map(Params::decode::<CancelledParams>)
            && let Some(id) = cancelled.request_id
        {
            self.running.cancel(&id);
        }
    }

    async fn handled(
        &self,
        id: Option<&RequestId>,
        handled: legacy::Handled,
    ) -> Result<(), Rejection> {
        let legacy::Handled::Running(running) = handled else { return Ok(()) };
        let room = self.room(id).await?;
        let (lines, over) = (self.lines.clone(), self.over.clone());
        self.server.lifecycle().spawn(async move {
            let _room = room;
            tokio::select! {
                () = running.pump(&lines) => {}
                () = over.cancelled() => {}
            }
        });
        Ok(())
    }

    async fn run_modern(
        &self,
        id: &RequestId,
        running: Running,
        until: CancellationToken,
    ) -> Result<(), Rejection> {
        let room = self.room(Some(id)).await?;
        let cancelled = Arc::new(until);
        if !self.running.enter(id, &cancelled) {
            let message = "A request with this id is still in progress";
            return Err(Rejection::invalid_request(message).to(id));
        }
        let (lines, in_progress, id) = (self.lines.clone(), self.running.clone(), id.clone());
        self.server.lifecycle().spawn(async move {
            let _room = room;
            tokio::select! {
                biased;
                () = cancelled.cancelled() => {}
                () = running.pump(&lines) => {}
            }
            in_progress.leave(&id, &cancelled);
        });
        Ok(())
    }

    /// The place of a request. Of many that come at once most are over in no time.
    async fn room(&self, id: Option<&RequestId>) -> Result<OwnedSemaphorePermit, Rejection> {
        let free = Arc::clone(&self.room).acquire_owned();
        if let Ok(Ok(place)) = self.server.clock().timeout(BRIEFLY, free).await {
            return Ok(place);
        }
        let message =
            format!("{MOST} requests are in progress; wait until one of them is answered");
        let rejection = Rejection::invalid_request(message);
        Err(id.map_or(rejection.clone(), |id| rejection.to(id)))
    }

    /// Writes what is about no request.
    fn overhear(&self, mut aside: Aside) {
        let (lines, over) = (self.lines.clone(), self.over.clone());
        self.server.lifecycle().spawn(async move {
            loop {
                let item = tokio::select! {
                    item = aside.next() => item,
                    () = over.cancelled() => break,
                };
                match item {
                    Some(Item::Message(said)) => drop(lines.send(said.message).await),
                    Some(Item::Silence) => {}
                    Some(Item::ComeBack(_)) | None => break,
                }
            }
        });
    }

    async fn session(&self) -> Result<Option<Session>, StoreError> {
        match &self.session {
            Some(id) => self.server.sessions().of_process(id).await,
            None => Ok(None),
        }
    }

    async fn say(&self, line: Bytes) {
        // Whoever writes may have ended; then nobody reads.
        let _ = self.lines.send(line).await;
    }
}

fn no_session() -> Rejection {
    Rejection::invalid_request(
        "A session begins with `initialize`; a request without one carries its revision in `_meta`",
    )
}
