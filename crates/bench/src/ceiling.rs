//! The ceilings: bare axum handlers that do what cannot be left out, and answer with the same bytes.
//! No authorization, no revision, no catalog, no log: what is left is what HTTP and JSON cost, or
//! HTTP, a form and one command to Redis.

use axum::{
    Form, Router,
    extract::State,
    response::{IntoResponse as _, Response},
    routing::post,
};
use bytes::Bytes;
use fred::{clients::Client, interfaces::KeysInterface as _};
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;
use serde_json::value::RawValue;

/// What a bare handler says, whatever it is asked.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The whole body.
    pub body: Bytes,
    /// Its media type.
    pub media_type: HeaderValue,
}

/// The members of a call that a handler cannot do without.
#[derive(Deserialize)]
struct Envelope<'a> {
    jsonrpc: &'a str,
    #[serde(borrow)]
    id: &'a RawValue,
    method: &'a str,
    #[serde(borrow)]
    params: &'a RawValue,
}

/// Gives this answer to every call that can be read.
pub fn of_json(path: &str, answer: Answer) -> Router {
    Router::new().route(path, post(call)).with_state(answer)
}

async fn call(State(answer): State<Answer>, body: Bytes) -> Response {
    match serde_json::from_slice::<Envelope<'_>>(&body) {
        Ok(Envelope { jsonrpc: "2.0", id, method, params })
            if !id.get().is_empty() && !method.is_empty() && !params.get().is_empty() =>
        {
            answer.into_response()
        }
        _ => StatusCode::BAD_REQUEST.into_response(),
    }
}

/// Gives this answer to every form, after one `GET` in Redis.
pub fn of_redis(path: &str, answer: Answer, redis: Client) -> Router {
    Router::new().route(path, post(form)).with_state((answer, redis))
}

async fn form(
    State((answer, redis)): State<(Answer, Client)>,
    Form(members): Form<Vec<(String, String)>>,
) -> Response {
    let Some((_, key)) = members.first() else { return StatusCode::BAD_REQUEST.into_response() };
    match redis.get::<Option<Vec<u8>>, _>(key.as_str()).await {
        Ok(_) => answer.into_response(),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

impl Answer {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, self.media_type)], self.body).into_response()
    }
}
