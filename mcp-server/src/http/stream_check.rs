//! `GET /mcp/stream-check`: three events, one every 300 ms, for whoever wants to know whether streams
//! of this server arrive as they are said (decision 0072).
//!
//! It says nothing, so it needs no token, and it looks to every proxy like the streams that matter.

use std::time::Duration;

use axum::{Router, extract::State, response::Response, routing::get};
use bytes::Bytes;
use futures_util::stream;

use super::reply::event_stream;
use crate::{Server, config::ENDPOINT};

/// How many events come.
pub(crate) const EVENTS: usize = 3;

/// How long after each other.
pub(crate) const EVERY: Duration = Duration::from_millis(300);

/// Below the endpoint, so that what is said of that in a proxy holds for it.
pub(crate) fn path() -> String {
    format!("{ENDPOINT}/stream-check")
}

pub(super) fn router() -> Router<Server> {
    Router::new().route(&path(), get(events))
}

async fn events(State(server): State<Server>) -> Response {
    let clock = server.clock().clone();
    event_stream(stream::unfold(0, move |said| {
        let clock = clock.clone();
        async move {
            if said == EVENTS {
                return None;
            }
            if said > 0 {
                clock.sleep(EVERY).await;
            }
            Some((Bytes::from(format!("data: {said}\n\n")), said + 1))
        }
    }))
}
