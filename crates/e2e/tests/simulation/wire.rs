//! A client's side of HTTP: requests that may be cut off, answers that come in pieces.

use std::{collections::VecDeque, time::Duration};

use ambient::Timestamp;
use axum::body::{Body, BodyDataStream};
use futures_util::{StreamExt as _, future::BoxFuture};
use http::{HeaderMap, Request, StatusCode, header};
use serde_json::Value;
use testkit::rpc::sse::{Event, Parser};

use crate::{instance::Instance, world::World};

/// How long a client waits for the head of an answer. Whoever has not answered by then hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// How soon a 503 comes when nothing gets through to the store: a command, and the way.
const AWAY: Duration = Duration::from_millis(510);

/// How soon it comes when some commands get through: one that fails need not be the end of a request,
/// two are, and those between them take their time.
const CHANGEABLE: Duration = Duration::from_millis(1300);

/// The connection broke in the middle of an answer.
pub(crate) struct Died;

/// An answer whose head is there.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    body: BodyDataStream,
    died: BoxFuture<'static, ()>,
    pub(crate) instance: Instance,
}

/// What became of a request.
pub(crate) enum Asked {
    Answered(Box<Answer>),
    /// It was refused with 503.
    Refused,
    /// The connection broke, or there was none: whether anything happened is not known.
    Broken,
}

/// Sends a request to any instance.
pub(crate) async fn ask(world: &World, who: &str, request: Request<Body>) -> Asked {
    let Some(instance) = world.any() else { return Asked::Broken };
    ask_at(world, who, instance, request).await
}

/// Sends a request to this instance. Now and then the connection breaks before the answer is there.
pub(crate) async fn ask_at(
    world: &World,
    who: &str,
    instance: Instance,
    request: Request<Body>,
) -> Asked {
    let (clock, dice) = (&world.clock, &world.dice);
    let began = clock.now();
    let method = request.method().clone();
    let limit = if dice.chance(4) { dice.millis(0, 40) } else { PATIENCE };
    clock.sleep(dice.millis(0, 3)).await;
    let answered = clock.timeout(limit, instance.answer(request)).await;
    let Ok(Some(response)) = answered else {
        if answered.is_err() && limit == PATIENCE {
            world.history.wrong(who, format_args!("{method} at {} hangs", instance.name));
        }
        world
            .history
            .note(who, format_args!("{method} at {}: the connection broke", instance.name));
        return Asked::Broken;
    };
    let (head, body) = response.into_parts();
    world.history.note(who, format_args!("{method} at {}: {}", instance.name, head.status));
    check(world, who, (began, &instance), head.status, &head.headers);
    if head.status == StatusCode::SERVICE_UNAVAILABLE {
        world.history.count(|counts| counts.refusals += 1);
        return Asked::Refused;
    }
    let (body, died) = (body.into_data_stream(), instance.died());
    let (status, headers) = (head.status, head.headers);
    Asked::Answered(Box::new(Answer { status, headers, body, died, instance }))
}

/// What must hold for every answer while the store may be away.
fn check(
    world: &World,
    who: &str,
    (began, instance): (Timestamp, &Instance),
    status: StatusCode,
    headers: &HeaderMap,
) {
    if status == StatusCode::UNAUTHORIZED || status == StatusCode::INTERNAL_SERVER_ERROR {
        world.history.wrong(who, format_args!("answered with {status}"));
    }
    if status == StatusCode::SERVICE_UNAVAILABLE {
        let took = world.clock.now().since(began);
        if !headers.contains_key(header::RETRY_AFTER) {
            world.history.wrong(who, "503 without Retry-After");
        }
        let sky = &instance.sky;
        let limit = if sky.was_cut_since(began) { AWAY } else { CHANGEABLE };
        if took > limit && sky.was_quick_since(began) {
            world.history.wrong(who, format_args!("503 after {took:?}"));
        }
    }
}

impl Answer {
    pub(crate) fn is_stream(&self) -> bool {
        let kind = self.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        kind.is_some_and(|kind| kind.starts_with("text/event-stream"))
    }

    /// The next piece of the body; an error if the instance dies.
    async fn piece(&mut self) -> Result<Option<Vec<u8>>, Died> {
        tokio::select! {
            biased;
            () = &mut self.died => Err(Died),
            piece = self.body.next() => match piece {
                Some(Ok(bytes)) => Ok(Some(bytes.to_vec())),
                Some(Err(_)) => Err(Died),
                None => Ok(None),
            },
        }
    }

    /// The whole body as JSON; nothing if it did not come whole.
    pub(crate) async fn json(mut self) -> Option<Value> {
        let mut text = Vec::new();
        while let Some(piece) = self.piece().await.ok()? {
            text.extend(piece);
        }
        serde_json::from_slice(&text).ok()
    }

    /// The body as events.
    pub(crate) fn events(self) -> Events {
        let (parser, ready) = (Parser::default(), VecDeque::new());
        Events { answer: self, is_over: false, has_ended: false, parser, ready }
    }
}

/// The events of a stream.
pub(crate) struct Events {
    answer: Answer,
    /// Whether nothing comes any more.
    is_over: bool,
    has_ended: bool,
    parser: Parser,
    ready: VecDeque<Event>,
}

impl Events {
    /// The next event; nothing when the stream has ended or broken.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if self.is_over {
                return None;
            }
            match self.answer.piece().await {
                Ok(Some(piece)) => self.ready.extend(self.parser.push(&piece)),
                end => (self.is_over, self.has_ended) = (true, end.is_ok()),
            }
        }
    }

    /// Who sends them.
    pub(crate) const fn instance(&self) -> &Instance {
        &self.answer.instance
    }

    /// Whether the server has ended it, in order.
    pub(crate) const fn has_ended(&self) -> bool {
        self.has_ended
    }
}
