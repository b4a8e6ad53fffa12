//! The ceiling: a bare axum handler that reads the same JSON-RPC call and answers with the same
//! bytes. No authorization, no revision, no catalog: what is left is what HTTP and JSON cost.

use axum::{
    Router,
    extract::State,
    response::{IntoResponse as _, Response},
    routing::post,
};
use bytes::Bytes;
use http::{StatusCode, header};
use serde::Deserialize;
use serde_json::value::RawValue;

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

/// Answers every call that can be read with these bytes.
pub fn ceiling(answer: Bytes) -> Router {
    Router::new().route("/mcp", post(handle)).with_state(answer)
}

async fn handle(State(answer): State<Bytes>, body: Bytes) -> Response {
    match serde_json::from_slice::<Envelope<'_>>(&body) {
        Ok(Envelope { jsonrpc: "2.0", id, method, params })
            if !id.get().is_empty() && !method.is_empty() && !params.get().is_empty() =>
        {
            ([(header::CONTENT_TYPE, "application/json")], answer).into_response()
        }
        _ => StatusCode::BAD_REQUEST.into_response(),
    }
}
