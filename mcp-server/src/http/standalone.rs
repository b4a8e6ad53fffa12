//! The standalone stream of a session: what the server has to say that is about no call.
//!
//! It keeps its session alive, is replaced by a newer one, and ends with its session or when the
//! server stops; the client comes back then, to whichever instance.

use std::{pin::Pin, time::Duration};

use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use store::{Delivery, StoreError, Subscription};

use super::{
    Rejection,
    reply::{KEEP_ALIVE, comment, event_stream, priming},
};
use crate::{
    Server,
    session::{ENDED, Session},
};

/// When a client may come back after a stream has ended.
const RETRY: Duration = Duration::from_secs(3);

/// Opens the stream.
pub(super) async fn listen(server: &Server, session: Session) -> Result<Response, Rejection> {
    let control = server.sessions().control(&session.id).await?;
    let name = server.entropy().hex::<8>();
    server.sessions().announce(&session.id, &opened(&name)).await?;
    let first = session.record.revision.has_stream_polling().then(|| priming(&name, RETRY));
    let stopping = Box::pin(server.lifecycle().stopping());
    let server = server.clone();
    let state = Standalone {
        server,
        session,
        control,
        name,
        first: Some(first.unwrap_or(comment())),
        stopping,
    };
    Ok(event_stream(stream::unfold(state, |mut state| async move {
        let event = state.next().await?;
        Some((event, state))
    })))
}

/// Announced by a stream that replaces all others of its session.
fn opened(name: &str) -> String {
    format!("opened {name}")
}

struct Standalone {
    server: Server,
    session: Session,
    control: Subscription,
    name: String,
    first: Option<Bytes>,
    stopping: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Standalone {
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        loop {
            tokio::select! {
                biased;
                () = &mut self.stopping => return None,
                delivery = self.control.next() => {
                    if is_over(&self.name, &delivery?) {
                        return None;
                    }
                }
                () = self.server.clock().sleep(KEEP_ALIVE) => {
                    return still_there(&self.server, &self.session).await.then(comment);
                }
            }
        }
    }
}

/// Whether a stream must end: with its session, or because a newer one has been opened.
fn is_over(name: &str, delivery: &Delivery) -> bool {
    match delivery {
        Delivery::Message(text) if text == ENDED => true,
        Delivery::Message(text) => text.starts_with("opened ") && *text != opened(name),
        // The next look at the record tells.
        Delivery::Gap => false,
    }
}

/// Keeps the session alive. While the store is away the stream stays open: whether the session is
/// gone is not known then.
async fn still_there(server: &Server, session: &Session) -> bool {
    match server.sessions().keep(&session.id).await {
        Ok(there) => there,
        Err(StoreError::Unavailable(_)) => true,
        Err(_) => false,
    }
}
