//! Who calls: a bearer token in, a principal out.
//!
//! A token that the authorization server rejects is 401 with a challenge. A token that could not
//! be checked is 503 without one: a client must not throw away a good token, and must not start a
//! login at a server that is down. Nothing is ever accepted because a check was impossible.

mod availability;
mod claims;
mod discovery;
mod dpop;
mod introspect;
mod monitor;
mod refusal;

use std::sync::Arc;

use ambient::{Clock, Secret};
use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use chassis::{
    Lifecycle,
    client::{Timeouts, http_client},
};
use http::{HeaderMap, Method, header};
use mcp_core::Principal;
use shared::oauth::ScopeSet;
use store::Store;

use self::{
    availability::Watch,
    dpop::Proofs,
    introspect::{Good, Introspector},
    refusal::Refusal,
};
use crate::{Config, Server, config::Introspection};

/// What checks tokens.
pub(crate) struct Auth {
    settings: Introspection,
    watch: Watch,
    introspector: Introspector,
    proofs: Proofs,
}

impl Auth {
    /// Starts to watch the authorization server and checks tokens there.
    pub(crate) fn start(
        config: &Config,
        settings: &Introspection,
        store: &Store,
        clock: &Clock,
        lifecycle: &Lifecycle,
    ) -> Result<Arc<Self>, reqwest::Error> {
        let agent = concat!("mcp-server/", env!("CARGO_PKG_VERSION"));
        let http = http_client(agent, Timeouts::default())?;
        let watch = Watch::default();
        let monitor = monitor::Monitor {
            issuer: settings.issuer.clone(),
            http: http.clone(),
            clock: clock.clone(),
            watch: watch.clone(),
        };
        let stopping = lifecycle.stopping();
        lifecycle.spawn(async move {
            tokio::select! {
                () = monitor.run() => {}
                () = stopping => {}
            }
        });
        Ok(Arc::new(Self {
            settings: settings.clone(),
            introspector: Introspector::new(http, settings, config.resource(), clock.clone()),
            watch,
            proofs: Proofs::new(store, config.resource(), clock.clone()),
        }))
    }

    /// The issuer of the tokens that are accepted.
    pub(crate) fn issuer(&self) -> &str {
        &self.settings.issuer
    }

    /// The scopes that every request needs.
    pub(crate) const fn required_scopes(&self) -> &ScopeSet {
        &self.settings.required_scopes
    }

    /// Whether the authorization server answers, as far as is known.
    pub(crate) fn is_available(&self) -> bool {
        self.watch.open().is_some()
    }

    /// Waits until it is known whether the authorization server answers, or that changes.
    pub(crate) async fn availability_changed(&self) {
        self.watch.changed().await;
    }

    async fn check(&self, method: &Method, headers: &HeaderMap) -> Result<Arc<Principal>, Refusal> {
        let server = self.watch.open().ok_or(Refusal::Unavailable)?;
        let token = bearer(headers)?;
        let Good { principal, key, .. } = match self.introspector.verify(&server, &token).await {
            Ok(good) => good,
            Err(introspect::Failure::Inactive(reason)) => {
                return Err(Refusal::InvalidToken(reason));
            }
            Err(introspect::Failure::Outage) => {
                self.watch.look_again();
                return Err(Refusal::Unavailable);
            }
        };
        self.proofs.check(key.as_deref(), &token, method, headers).await?;
        if self.required_scopes().iter().any(|scope| !principal.has_scope(scope.as_str())) {
            return Err(Refusal::InsufficientScope);
        }
        Ok(principal)
    }
}

/// Lets a request through with its principal, or answers it.
pub(crate) async fn require(
    State(server): State<Server>,
    mut request: Request,
    next: Next,
) -> Response {
    let principal = match server.auth() {
        None => Arc::clone(server.anonymous()),
        Some(auth) => match auth.check(request.method(), request.headers()).await {
            Ok(principal) => principal,
            Err(refusal) => return refusal.answer(&server, auth),
        },
    };
    request.extensions_mut().insert(principal);
    next.run(request).await
}

/// The longest token that is looked at, in bytes.
const MAX_TOKEN: usize = 8 * 1024;

/// The token of the one `Authorization` header (RFC 6750 section 2.1).
fn bearer(headers: &HeaderMap) -> Result<Secret, Refusal> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next().ok_or(Refusal::NoToken)?;
    if values.next().is_some() {
        return Err(Refusal::Malformed("There must be one Authorization header"));
    }
    let value =
        value.to_str().map_err(|_| Refusal::Malformed("The Authorization header is not text"))?;
    let Some((scheme, token)) = value.split_once(' ') else {
        return Err(Refusal::Malformed("The Authorization header must be `Bearer` and a token"));
    };
    if !scheme.eq_ignore_ascii_case("Bearer") && !dpop::is_meant(scheme) {
        return Err(Refusal::NoToken);
    }
    let token = token.trim_start_matches(' ');
    let is_b64token = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    if token.is_empty() || token.len() > MAX_TOKEN || !token.bytes().all(is_b64token) {
        return Err(Refusal::Malformed(
            "The token is empty, too long or has characters that tokens do not have",
        ));
    }
    Ok(Secret::new(token))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn of(values: &[&'static str]) -> Result<Secret, Refusal> {
        let values = values.iter().map(|value| HeaderValue::from_static(value));
        bearer(&values.map(|value| (header::AUTHORIZATION, value)).collect())
    }

    #[test]
    fn a_token_is_read_whatever_the_case_of_its_scheme() {
        for value in ["Bearer abc-._~+/=", "bearer abc-._~+/=", "BEARER  abc-._~+/="] {
            assert_eq!(of(&[value]).unwrap().expose(), "abc-._~+/=");
        }
    }

    #[test]
    fn no_token_is_not_a_malformed_one() {
        assert!(matches!(of(&[]), Err(Refusal::NoToken)));
        assert!(matches!(of(&["Basic abc"]), Err(Refusal::NoToken)));
        for value in ["Bearer", "Bearer ", "Bearer a b", "Bearer a,b", "Bearer \"a\""] {
            assert!(matches!(of(&[value]), Err(Refusal::Malformed(_))), "{value}");
        }
    }

    #[test]
    fn two_headers_are_refused() {
        let mut headers = HeaderMap::new();
        headers.append(header::AUTHORIZATION, HeaderValue::from_static("Bearer a"));
        headers.append(header::AUTHORIZATION, HeaderValue::from_static("Bearer b"));
        assert!(matches!(bearer(&headers), Err(Refusal::Malformed(_))));
    }
}
