//! The faults of an authorization server that others do not have: answers that a careful client must
//! refuse, and refusals that it must survive.

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    middleware::{self, Next},
    response::Response,
};
use chassis::faults::{Aim, Described, Faults, mark};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::Value;
use shared::oauth::ErrorCode;
use url::Url;

use super::answer::OAuthError;
use crate::{AuthServer, Issuer, keys::Rotation};

/// Names, and what they do.
const OWN: [Described; 7] = [
    ("wrong_iss", "The answer of an authorization names another issuer: refuse it (RFC 9207)."),
    (
        "no_iss",
        "The answer of an authorization names no issuer, although the metadata promise one.",
    ),
    ("wrong_state", "The answer of an authorization has another `state`: refuse it."),
    ("wrong_issuer", "The metadata are of another issuer: refuse them (RFC 8414 section 3.3)."),
    ("invalid_grant", "/token refuses the code or the refresh token: log in again."),
    ("invalid_client", "/token does not know the client any more: register again."),
    ("rotate_keys", "The signing keys are replaced before the request: fetch them again."),
];

/// Who everything is from that is not from us.
const STRANGER: &str = "https://attacker.example";

/// Larger documents are none of ours.
const MAX_DOCUMENT: usize = 64 * 1024;

/// Lets faults happen to `router`, if the operator allows them.
pub(super) fn around(router: Router, server: &AuthServer) -> Router {
    if !server.config().faults.is_on {
        return router;
    }
    let faults = Faults::new(&OWN, None, None, server.clock().clone());
    let own = middleware::from_fn_with_state(server.clone(), give);
    faults.around(router.layer(own)).merge(faults.router())
}

async fn give(State(server): State<AuthServer>, request: Request, next: Next) -> Response {
    let Some(aim) = request.extensions().get::<Aim>().cloned() else {
        return next.run(request).await;
    };
    let whole = request.uri().path().to_owned();
    let path = server.issuer().below(&whole).unwrap_or_default();
    if path == "/token"
        && let Some(refused) = refused(&aim)
    {
        return refused;
    }
    let rotated = matches!(path, "/token" | "/jwks") && aim.take("rotate_keys");
    if rotated && let Err(error) = server.keys().rotate(Rotation::Compromised).await {
        tracing::error!(%error, "keys could not be replaced on purpose");
    }
    let mut response = next.run(request).await;
    if rotated {
        mark(&mut response, "rotate_keys");
    }
    let is_metadata = server.issuer().metadata_paths().contains(&whole);
    if is_metadata && aim.take("wrong_issuer") {
        return of_a_stranger(response).await;
    }
    answer_of_authorization(&aim, server.issuer(), &mut response);
    response
}

fn refused(aim: &Aim) -> Option<Response> {
    let (name, error) = if aim.take("invalid_grant") {
        let error = OAuthError::new(ErrorCode::InvalidGrant, "refused on purpose");
        ("invalid_grant", error)
    } else if aim.take("invalid_client") {
        let error = OAuthError::new(ErrorCode::InvalidClient, "forgotten on purpose");
        ("invalid_client", error.with_status(StatusCode::UNAUTHORIZED))
    } else {
        return None;
    };
    let mut response = Response::from(error);
    mark(&mut response, name);
    Some(response)
}

/// Changes where a browser is sent with a code or an error.
fn answer_of_authorization(aim: &Aim, issuer: &Issuer, response: &mut Response) {
    let Some(mut url) = location(response.headers()) else { return };
    let has = |name: &str| url.query_pairs().any(|(known, _)| known == name);
    // A login at the mock comes back with an issuer as well, and to us: that is not for the client.
    let is_own = url.as_str().starts_with(&issuer.at("/"));
    if is_own || !has("iss") {
        return;
    }
    let changes = [
        ("wrong_iss", "iss", Some(STRANGER)),
        ("no_iss", "iss", None),
        ("wrong_state", "state", Some("another")),
    ];
    for (fault, parameter, value) in changes {
        if aim.take(fault) {
            replace(&mut url, parameter, value);
            mark(response, fault);
        }
    }
    if let Ok(location) = HeaderValue::try_from(url.as_str()) {
        response.headers_mut().insert(header::LOCATION, location);
    }
}

fn location(headers: &HeaderMap) -> Option<Url> {
    Url::parse(headers.get(header::LOCATION)?.to_str().ok()?).ok()
}

fn replace(url: &mut Url, parameter: &str, value: Option<&str>) {
    let kept = url.query_pairs().filter(|(name, _)| name != parameter);
    let mut kept: Vec<_> =
        kept.map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    kept.extend(value.map(|value| (parameter.to_owned(), value.to_owned())));
    url.query_pairs_mut().clear().extend_pairs(kept);
}

async fn of_a_stranger(response: Response) -> Response {
    let (mut head, body) = response.into_parts();
    let body = to_bytes(body, MAX_DOCUMENT).await.unwrap_or_default();
    let mut document: Value = serde_json::from_slice(&body).unwrap_or_default();
    document["issuer"] = STRANGER.into();
    head.headers.remove(header::CONTENT_LENGTH);
    // Nobody should keep it.
    head.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let mut response = Response::from_parts(head, Body::from(document.to_string()));
    mark(&mut response, "wrong_issuer");
    response
}
