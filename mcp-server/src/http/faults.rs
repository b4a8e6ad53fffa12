//! The faults of an MCP server that others do not have: what its authorization and its sessions can
//! do to a client. They are the real refusals, asked for.

use axum::{
    Router,
    extract::{Request, State},
    middleware::{self, Next},
    response::Response,
};
use chassis::faults::{Aim, Described, Faults, mark};
use http::{HeaderMap, HeaderName};
use shared::mcp::headers as names;

use crate::{
    Server,
    auth::{Refusal, Shown},
    config::ENDPOINT,
    session::SessionId,
};

/// Names, and what they do.
const OWN: [Described; 4] = [
    ("unauthorized", "401 with a complete challenge, as if the token had just been revoked."),
    ("forbidden", "403 insufficient_scope with a challenge, as if the token allowed too little."),
    ("outage", "503 as in degraded mode, as if the authorization server were away."),
    ("expire_session", "The session of the request ends just before it: 404, start a new one."),
];

/// What may be asked for, if the operator allows it.
pub(super) fn of(server: &Server) -> Option<Faults> {
    let session = HeaderName::try_from(names::SESSION_ID).ok();
    let clock = server.clock().clone();
    server.config().faults.is_on.then(|| Faults::new(&OWN, Some(ENDPOINT), session, clock))
}

/// Lets them happen to `router`, if there are any.
pub(super) fn around(
    router: Router<Server>,
    faults: Option<&Faults>,
    server: &Server,
) -> Router<Server> {
    match faults {
        None => router,
        Some(faults) => {
            let own = middleware::from_fn_with_state(server.clone(), give);
            faults.around(router.layer(own))
        }
    }
}

async fn give(State(server): State<Server>, request: Request, next: Next) -> Response {
    let Some(aim) = request.extensions().get::<Aim>().cloned() else {
        return next.run(request).await;
    };
    if let Some((name, refusal)) = refusal(&aim)
        && let Some(auth) = server.auth()
    {
        let mut response = refusal.answer(&server, auth, Shown::of(&request));
        mark(&mut response, name);
        return response;
    }
    // A request that names no session leaves the fault to one that does.
    let Some(id) = session_of(request.headers()).filter(|_| aim.take("expire_session")) else {
        return next.run(request).await;
    };
    end(&server, &id).await;
    let mut response = next.run(request).await;
    mark(&mut response, "expire_session");
    response
}

fn refusal(aim: &Aim) -> Option<(&'static str, Refusal)> {
    let all = [
        ("unauthorized", Refusal::revoked()),
        ("forbidden", Refusal::InsufficientScope(None)),
        ("outage", Refusal::outage()),
    ];
    all.into_iter().find(|(name, _)| aim.take(name))
}

/// The session that a request names.
fn session_of(headers: &HeaderMap) -> Option<SessionId> {
    let named = headers.get(names::SESSION_ID).and_then(|name| name.to_str().ok());
    named.and_then(SessionId::parse)
}

/// Ends a session, whoever has it. What cannot be ended goes on.
async fn end(server: &Server, id: &SessionId) {
    if let Err(error) = server.sessions().end(id).await {
        tracing::error!(%error, "a session could not be ended on purpose");
    }
}
