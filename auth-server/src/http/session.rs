//! Who is logged in in this browser, and for how long (`AUTH_SESSION_TTL`).

use ambient::Timestamp;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use store::StoreError;

use super::browser::{BrowserCookie, SetCookie};
use crate::{
    AuthServer,
    domain::{Session, SessionKey, Ticket, User},
    upstream::Upstream,
};

/// Somebody who is logged in, and the key that shows it.
#[derive(Clone, Debug)]
pub(super) struct SignedIn {
    pub(super) key: SessionKey,
    pub(super) session: Session,
}

/// Who is logged in in this browser. A provider that is not in the settings any more has let nobody
/// in.
pub(super) async fn signed_in(
    server: &AuthServer,
    headers: &HeaderMap,
) -> Result<Option<SignedIn>, StoreError> {
    let Some(key) = cookie(server).read_as(headers) else { return Ok(None) };
    let session = server.repo().sessions.find(&key).await?;
    let counts = |session: &Session| {
        server.now() < session.expires_at && server.upstreams().find(&session.upstream).is_some()
    };
    Ok(session.filter(counts).map(|session| SignedIn { key, session }))
}

/// Somebody has logged in: a new key, never one that was there before.
pub(super) async fn sign_in(
    server: &AuthServer,
    headers: &HeaderMap,
    upstream: &Upstream,
    (user, auth_time): (User, Option<Timestamp>),
) -> Result<Option<SetCookie>, StoreError> {
    sign_out(server, headers).await?;
    let life = server.lifetimes().session;
    if life.is_zero() {
        return Ok(None);
    }
    let (key, now) = (Ticket::random(server.entropy()), server.now());
    let upstream = upstream.name().to_owned();
    let session = Session { user, upstream, auth_time, expires_at: now + life };
    server.repo().sessions.begin(&key, &session, now).await?;
    Ok(Some(cookie(server).set_for(&key, life)))
}

/// Ends whatever session this browser has. `true` if there was one.
pub(super) async fn sign_out(server: &AuthServer, headers: &HeaderMap) -> Result<bool, StoreError> {
    match cookie(server).read_as(headers) {
        Some(key) => server.repo().sessions.end(&key).await,
        None => Ok(false),
    }
}

/// The answer, without the cookie.
pub(super) fn forgotten(server: &AuthServer, response: Response) -> Response {
    (cookie(server).clear(), response).into_response()
}

fn cookie(server: &AuthServer) -> BrowserCookie {
    BrowserCookie::new("session", server.issuer().path(), server.issuer().is_https())
}
