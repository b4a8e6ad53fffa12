//! The layer in which faults happen.

use std::sync::Arc;

use axum::{
    Json,
    body::{Body, Bytes},
    extract::{FromRequest as _, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;
use serde_json::json;

use super::{
    Aim, Faults,
    broken::{Broken, How},
    mark,
    plan::{Plan, Seen},
};

/// Lets happen what is planned for a request, before and after it is handled.
pub(super) async fn inject(State(faults): State<Faults>, request: Request, next: Next) -> Response {
    let (request, seen) = match look_at(&faults, request).await {
        Ok(looked) => looked,
        Err(too_large) => return too_large,
    };
    let aim = Aim { faults, seen: Arc::new(seen) };
    let Some(plan) = aim.plan("delay") else { return undelayed(&aim, request, next).await };
    aim.faults.0.clock.sleep(plan.delay()).await;
    let mut response = undelayed(&aim, request, next).await;
    mark(&mut response, "delay");
    response
}

async fn undelayed(aim: &Aim, mut request: Request, next: Next) -> Response {
    if let Some(plan) = aim.plan("status") {
        return status(&plan);
    }
    if let Some(plan) = aim.plan("redirect") {
        return redirect(&plan, &aim.seen.path);
    }
    request.extensions_mut().insert(aim.clone());
    let response = next.run(request).await;
    if aim.take("lose_answer") {
        return told(StatusCode::BAD_GATEWAY, "lose_answer", "the answer was lost on purpose");
    }
    if aim.take("garble") {
        return garbled(response);
    }
    if is_stream(&response) { broken(aim, response) } else { response }
}

/// What plans are compared with. The body is read only if one of them asks for it.
async fn look_at(faults: &Faults, request: Request) -> Result<(Request, Seen), Response> {
    let named = faults.0.session.as_ref().and_then(|name| request.headers().get(name));
    let mut seen = Seen {
        verb: request.method().clone(),
        path: request.uri().path().to_owned(),
        session: named.and_then(|name| name.to_str().ok()).map(str::to_owned),
        method: None,
    };
    if !faults.with_plans(|plans| plans.iter().any(Plan::needs_method)) {
        return Ok((request, seen));
    }
    let (head, body) = request.into_parts();
    let whole = Request::from_parts(head.clone(), body);
    let body = Bytes::from_request(whole, &()).await.map_err(IntoResponse::into_response)?;
    seen.method = method(&body);
    Ok((Request::from_parts(head, Body::from(body)), seen))
}

fn method(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Named {
        method: String,
    }
    serde_json::from_slice::<Named>(body).ok().map(|named| named.method)
}

/// An answer in the place of the server's.
fn told(code: StatusCode, name: &'static str, why: &str) -> Response {
    let mut response =
        (code, Json(json!({ "error": "fault", "error_description": why }))).into_response();
    mark(&mut response, name);
    response
}

fn status(plan: &Plan) -> Response {
    let mut response = told(plan.status(), "status", "this answer was asked for at /debug/faults");
    if let Some(seconds) = plan.retry_after() {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn redirect(plan: &Plan, path: &str) -> Response {
    let elsewhere = format!("{}/", path.trim_end_matches('/'));
    let location = plan.location.clone().unwrap_or(elsewhere);
    let mut response = told(StatusCode::PERMANENT_REDIRECT, "redirect", "redirected on purpose");
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

fn garbled(response: Response) -> Response {
    let mut response = response.map(|_| Body::from("{\"this is\": not JSON"));
    response.headers_mut().remove(header::CONTENT_LENGTH);
    mark(&mut response, "garble");
    response
}

fn is_stream(response: &Response) -> bool {
    let media = response.headers().get(header::CONTENT_TYPE);
    media.is_some_and(|media| media.as_bytes().starts_with(b"text/event-stream"))
}

fn broken(aim: &Aim, response: Response) -> Response {
    let planned = How::ALL.iter().find_map(|(name, how)| Some((*name, *how, aim.plan(name)?)));
    let Some((name, how, plan)) = planned else { return response };
    let left = plan.after_events();
    let mut response =
        response.map(|body| Body::new(Broken { body, left, how, is_flushed: false }));
    mark(&mut response, name);
    response
}
