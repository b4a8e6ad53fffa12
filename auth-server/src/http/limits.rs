//! The limits of `guard` as layers around endpoints, and what is answered beyond them: 429 with
//! `Retry-After`, as JSON for programs and as a page for people.

use std::{convert::Infallible, net::SocketAddr};

use axum::{
    extract::{ConnectInfo, FromRequestParts, MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use chassis::RequestId;
use http::{HeaderMap, StatusCode, header, request::Parts};
use shared::oauth::ErrorCode;
use tracing::{Instrument as _, Span};

use super::answer::{self, OAuthError};
use crate::{
    AuthServer,
    audit::Event,
    guard::{Budget, Caller, Refusal, TrustedProxies, seconds},
    pages::{ErrorPage, page},
};

/// A budget that every request to an endpoint takes from.
#[derive(Clone)]
pub(super) struct Toll {
    pub(super) server: AuthServer,
    pub(super) budget: Budget,
}

/// Finds out who calls, for the limits and for every line of the log that is written meanwhile.
pub(super) async fn name_caller(
    State(server): State<AuthServer>,
    mut request: Request,
    next: Next,
) -> Response {
    let (caller, span) = named(&server, &request);
    request.extensions_mut().insert(caller);
    next.run(request).instrument(span).await
}

/// Who makes a request, and the span of everything that is done for it.
pub(super) fn named(server: &AuthServer, request: &Request) -> (Caller, Span) {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0);
    let caller = Caller::of(peer, request.headers(), server.guard().proxies());
    let id = request.extensions().get::<RequestId>().map(tracing::field::display);
    // Of the highest level, so that no filter which lets audit lines through takes it away.
    let span = tracing::error_span!(target: "audit", "caller", address = %caller, request_id = id);
    (caller, span)
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    /// Without a connection, as when a router is called in the program itself, nobody is known.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let known = parts.extensions.get::<Self>().copied();
        let nobody = || Self::of(None, &HeaderMap::new(), &TrustedProxies::default());
        Ok(known.unwrap_or_else(nobody))
    }
}

/// Around what programs call.
pub(super) async fn for_programs(
    State(toll): State<Toll>,
    caller: Caller,
    request: Request,
    next: Next,
) -> Response {
    match toll.server.guard().spend(toll.budget, &caller).await {
        Ok(()) => next.run(request).await,
        Err(refusal) => too_many(toll.budget, refusal),
    }
}

/// Around what people open.
pub(super) async fn for_people(
    State(toll): State<Toll>,
    caller: Caller,
    request: Request,
    next: Next,
) -> Response {
    match toll.server.guard().spend(toll.budget, &caller).await {
        Ok(()) => next.run(request).await,
        Err(refusal) => too_many_page(toll.budget, refusal),
    }
}

/// Around what clients authenticate at: wrong credentials are answered 401 so many times and 429
/// afterwards. Good ones are let through whatever came from the same address, or a stranger behind
/// the same gateway could keep the MCP server from asking.
pub(super) async fn count_refusals(
    State(server): State<AuthServer>,
    caller: Caller,
    request: Request,
    next: Next,
) -> Response {
    let path = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    counted(&server, &caller, path.as_ref().map(MatchedPath::as_str), response).await
}

/// The answer to a request to `path`, or what comes in its place after so many wrong credentials.
pub(super) async fn counted(
    server: &AuthServer,
    caller: &Caller,
    path: Option<&str>,
    response: Response,
) -> Response {
    if response.status() != StatusCode::UNAUTHORIZED {
        return response;
    }
    let line = Event::CredentialsRefused.line();
    path.map_or(line, |path| line.about(path)).write();
    match server.guard().spend(Budget::WrongCredentials, caller).await {
        Ok(()) => response,
        Err(refusal) => too_many(Budget::WrongCredentials, refusal),
    }
}

/// Told to a program. RFC 6749 has no code for it; this one says that the same request may work
/// later, and no client throws anything away over it.
pub(super) fn too_many(budget: Budget, refusal: Refusal) -> Response {
    match refusal {
        Refusal::Store(error) => answer::store_failure(error),
        Refusal::TooMany { wait } => {
            Event::RateLimited.line().about(budget.name()).write();
            let error = OAuthError::new(ErrorCode::TemporarilyUnavailable, refusal.to_string());
            let response: Response = error.with_status(StatusCode::TOO_MANY_REQUESTS).into();
            ([(header::RETRY_AFTER, seconds(wait).to_string())], response).into_response()
        }
    }
}

/// Told to a person.
pub(super) fn too_many_page(budget: Budget, refusal: Refusal) -> Response {
    match refusal {
        Refusal::Store(error) => answer::store_failure_page(error),
        Refusal::TooMany { wait } => {
            Event::RateLimited.line().about(budget.name()).write();
            wait_page(
                wait,
                "Too many requests",
                "Many requests came from your network in a short time",
            )
        }
    }
}

/// A page that says how long to wait.
pub(crate) fn wait_page(wait: std::time::Duration, title: &str, why: &str) -> Response {
    let text = format!("{why}. Wait {} and reload this page.", in_words(seconds(wait)));
    let page = page(StatusCode::TOO_MANY_REQUESTS, &ErrorPage::new(title, &text));
    ([(header::RETRY_AFTER, seconds(wait).to_string())], page).into_response()
}

/// For people: no more exact than they need.
fn in_words(seconds: u64) -> String {
    match seconds {
        1 => "1 second".to_owned(),
        0..=90 => format!("{seconds} seconds"),
        91..=5400 => format!("{} minutes", seconds.div_ceil(60)),
        _ => format!("{} hours", seconds.div_ceil(3600)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_told_in_words() {
        let table =
            [(1, "1 second"), (60, "60 seconds"), (600, "10 minutes"), (86_400, "24 hours")];
        for (seconds, words) in table {
            assert_eq!(in_words(seconds), words);
        }
    }
}
