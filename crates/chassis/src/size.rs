//! How large a request body may be, and the answer to a larger one.

use axum::{
    Json,
    extract::{DefaultBodyLimit, Request},
    response::{IntoResponse as _, Response},
};
use http::{StatusCode, header};
use serde_json::json;

use crate::{
    RequestId,
    around::{Around, Begun},
};

/// The answer when a server has no words of its own.
pub(crate) fn too_large(id: &RequestId) -> Response {
    let body = json!({ "error": "request_too_large", "request_id": id.as_str() });
    (StatusCode::PAYLOAD_TOO_LARGE, Json(body)).into_response()
}

/// The layer that refuses bodies by their announced length, lets extractors read no more than the
/// limit, and gives the 413 its body.
#[derive(Clone)]
pub(crate) struct LimitBody {
    pub(crate) limit: usize,
    pub(crate) too_large: fn(&RequestId) -> Response,
}

pub(crate) struct Kept {
    id: Option<RequestId>,
    too_large: fn(&RequestId) -> Response,
}

impl Around for LimitBody {
    type Kept = Kept;

    fn before(&self, request: &mut Request) -> Begun<Kept> {
        DefaultBodyLimit::max(self.limit).apply(request);
        let kept = Kept { id: request.extensions().get().cloned(), too_large: self.too_large };
        match (&kept.id, announced(request) > self.limit as u64) {
            (Some(id), true) => {
                let refusal = (self.too_large)(id);
                Begun::refused(kept, refusal)
            }
            _ => Begun::with(kept),
        }
    }

    fn after(kept: Kept, response: Response) -> Response {
        match kept.id {
            Some(id) if is_of_an_extractor(&response) => (kept.too_large)(&id),
            _ => response,
        }
    }
}

fn announced(request: &Request) -> u64 {
    request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse().ok())
        .unwrap_or(0)
}

/// axum's extractors answer in plain text; whatever else says 413 has chosen its own words.
fn is_of_an_extractor(response: &Response) -> bool {
    response.status() == StatusCode::PAYLOAD_TOO_LARGE
        && response
            .headers()
            .get(header::CONTENT_TYPE)
            .is_some_and(|media| media.as_bytes().starts_with(b"text/plain"))
}
