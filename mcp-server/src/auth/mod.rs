//! Who calls: a bearer token in, a principal out.
//!
//! A token that the authorization server rejects is 401 with a challenge. A token that could not
//! be checked is 503 without one: a client must not throw away a good token, and must not start a
//! login at a server that is down. Nothing is ever accepted because a check was impossible.

mod acceptance;
mod agreement;
mod availability;
mod breaker;
mod cache;
mod caller;
mod check;
mod discovery;
mod doubts;
mod dpop;
mod endpoint;
mod flight;
mod introspect;
mod jwks;
mod line;
mod monitor;
mod outbound;
mod patience;
mod refusal;
mod scope;
mod token;
mod trouble;
mod validator;

use std::sync::Arc;

use ambient::Secret;
use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, header};
use mcp_core::Principal;
use serde_json::Value;
use shared::oauth::{Scope, ScopeSet};

use self::{
    availability::Watch,
    discovery::AuthorizationServer,
    dpop::Proofs,
    outbound::Outbound,
    token::{Inactive, Validated},
    validator::{Failure, RETRY_AFTER, Validator},
};
pub(crate) use self::{
    caller::{Caller, over},
    check::check,
    discovery::DiscoveryError,
    outbound::{AGENT, OutboundStartError, trusted},
    scope::{allow, allow_message, allow_messages},
    token::{Policy, folded, is_of_another_kind, media_type},
};
pub(crate) use self::{
    dpop::{NONCE, Shown},
    refusal::Refusal,
    trouble::Trouble,
};
use crate::{
    Parts, Server,
    config::{AuthSettings, Discovery, Outage, Validation},
    flow::Flow,
    metrics::McpMetrics,
};

/// What checks tokens.
pub(crate) struct Auth {
    settings: AuthSettings,
    watch: Watch,
    validator: Arc<Validator>,
    proofs: Proofs,
}

impl Auth {
    /// Starts to watch the authorization server and checks tokens there.
    pub(crate) fn start(
        settings: &AuthSettings,
        parts: &Parts,
        base: String,
        (metrics, flow): (&McpMetrics, &Flow),
    ) -> Result<Arc<Self>, OutboundStartError> {
        let Parts { clock, entropy, lifecycle, .. } = parts;
        warn(settings);
        let outbound = Outbound::new(settings, clock.clone(), metrics.asking())?;
        let outbound = outbound.shown_in(flow);
        let validator = Arc::new(Validator::new(settings, &outbound, parts, metrics.clone()));
        let proofs = Proofs::new(parts, base, settings.dpop_nonce);
        let watch = Watch::default();
        let monitor = monitor::Monitor {
            settings: settings.clone(),
            outbound,
            validator: Arc::clone(&validator),
            clock: clock.clone(),
            entropy: entropy.clone(),
            watch: watch.clone(),
            flow: flow.clone(),
        };
        let stopping = lifecycle.stopping();
        lifecycle.spawn(async move {
            tokio::select! {
                () = monitor.run() => {}
                () = stopping => {}
            }
        });
        Ok(Arc::new(Self { settings: settings.clone(), watch, validator, proofs }))
    }

    /// The issuer of the tokens that are accepted.
    pub(crate) fn issuer(&self) -> &str {
        &self.settings.issuer
    }

    /// Everything that is set about tokens.
    pub(crate) const fn settings(&self) -> &AuthSettings {
        &self.settings
    }

    /// Whether what the authorization server says of itself is repeated here.
    pub(crate) fn repeats_metadata(&self) -> bool {
        self.settings.legacy_metadata && self.settings.discovery != Discovery::Off
    }

    /// What the authorization server has said of itself, the last time that it answered.
    pub(crate) fn last_metadata(&self) -> Option<Arc<Value>> {
        self.watch.last_document()
    }

    /// The scopes that every request needs.
    pub(crate) const fn required_scopes(&self) -> &ScopeSet {
        &self.settings.required_scopes
    }

    /// Whether tokens can be checked, as far as is known.
    pub(crate) fn is_available(&self) -> bool {
        self.trouble().is_none()
    }

    /// Why tokens cannot be checked, as far as is known.
    pub(crate) fn trouble(&self) -> Option<Trouble> {
        if self.watch.is_unusable() {
            return Some(Trouble::Unusable);
        }
        let Some(server) = self.watch.open() else { return Some(Trouble::Away) };
        if self.validator.is_rejected() {
            Some(Trouble::Rejected)
        } else if self.validator.is_cut_off(&server) {
            // What is known of a server that is away says nothing of where it answers.
            Some(if self.watch.answers() { Trouble::CutOff } else { Trouble::Away })
        } else {
            self.validator.is_resting().then_some(Trouble::Away)
        }
    }

    /// Whether questions about tokens go unasked for now.
    pub(crate) fn is_resting(&self) -> bool {
        self.validator.is_resting()
    }

    /// Why this instance should not be sent requests, if so. An outage is no reason: it would take
    /// every instance out.
    pub(crate) fn readiness(&self) -> Result<(), &'static str> {
        if self.validator.is_rejected() {
            return Err("our own credentials are rejected; see MCP_AUTH_CLIENT_SECRET");
        }
        if self.watch.is_unusable() {
            return Err("what the authorization server says of itself is of no use; see the log");
        }
        if !self.watch.is_known() {
            return Err("the authorization server has not answered yet");
        }
        if !self.validator.has_worked() {
            return Err("introspection, or the keys of the issuer, have not answered yet");
        }
        Ok(())
    }

    /// Waits until it is known whether the authorization server answers, or that changes.
    pub(crate) async fn availability_changed(&self) {
        self.watch.changed().await;
    }

    /// Waits for the first look at the authorization server; tells if it is of no use.
    pub(crate) async fn first_finding(&self) -> Option<Arc<DiscoveryError>> {
        self.watch.first_finding().await
    }

    /// Who calls; and the nonce for the next proof of possession, if there is a new one.
    async fn check(&self, shown: Shown<'_>) -> Result<(Caller, Option<String>), Refusal> {
        let server = self.whom_to_ask()?;
        let token = bearer(shown.headers, self.settings.max_token)?;
        let validated = self.look_at(server, &token).await?;
        let key = bound_key(validated.confirmation.as_deref()).map_err(Refusal::InvalidToken)?;
        let nonce = self.proofs.check(key, &token, shown).await?;
        if self.lacking_scope(&validated.principal).is_some() {
            return Err(Refusal::InsufficientScope(nonce));
        }
        Ok((Caller::new(validated, token), nonce))
    }

    /// The authorization server, if it answers. While it does not, everybody is refused, unless the
    /// operator says that what was known before counts. Only for an outage that is meant: one that says
    /// what it did not say before may no longer be who it was.
    fn whom_to_ask(&self) -> Result<Option<Arc<AuthorizationServer>>, Refusal> {
        let server = self.watch.open();
        let is_closed = || self.settings.outage == Outage::Closed || self.watch.is_unusable();
        if server.is_none() && is_closed() {
            return Err(Refusal::Unavailable(RETRY_AFTER));
        }
        Ok(server)
    }

    /// What a token says, if it is good.
    async fn look_at(
        &self,
        server: Option<Arc<AuthorizationServer>>,
        token: &Secret,
    ) -> Result<Validated, Refusal> {
        match self.validator.validate(server, token).await {
            Ok(validated) => Ok(validated),
            Err(Failure::Inactive(why)) => Err(Refusal::InvalidToken(why)),
            Err(Failure::Outage(retry_after) | Failure::Refused(retry_after)) => {
                // While it is known to be away it is looked for anyway, as often as it is to be.
                if self.watch.answers() {
                    self.watch.look_again();
                }
                Err(Refusal::Unavailable(retry_after))
            }
        }
    }

    /// A scope that every request needs and this caller does not have.
    fn lacking_scope(&self, principal: &Principal) -> Option<&Scope> {
        self.required_scopes().iter().find(|scope| !principal.has_scope(scope.as_str()))
    }
}

/// What works, and an operator should have thought about: said at every start.
fn warn(settings: &AuthSettings) {
    if settings.policy.audience_claim.is_none() {
        tracing::warn!(
            "MCP_AUTH_AUDIENCE_CLAIM=none: the authorization server is trusted to say of no token \
             for somebody else that it is active"
        );
    }
    if settings.validation == Validation::Auto && !settings.can_ask() {
        tracing::warn!(
            "MCP_AUTH_CLIENT_SECRET is not set: tokens are not asked about, so only JWTs are good"
        );
    }
}

/// The thumbprint of the key that a token is bound to. A binding of another kind cannot be checked
/// here, and a token that is bound must not pass for one that is not.
fn bound_key(confirmation: Option<&Value>) -> Result<Option<&str>, Inactive> {
    let Some(confirmation) = confirmation else { return Ok(None) };
    let members = confirmation.as_object().filter(|members| members.len() == 1);
    let key = members.and_then(|members| members.get("jkt")?.as_str());
    key.map(Some).ok_or(Inactive::Bound)
}

/// Lets a request through with its caller, or answers it.
pub(crate) async fn require(
    State(server): State<Server>,
    request: Request,
    next: Next,
) -> Response {
    let inner = |caller, mut request: Request| {
        request.extensions_mut().insert::<Caller>(caller);
        next.run(request)
    };
    admitted(&server, request, inner).await
}

/// Answers with `inner` if there is a caller, and else with why there is none.
pub(crate) async fn admitted<F: Future<Output = Response>>(
    server: &Server,
    request: Request,
    inner: impl FnOnce(Caller, Request) -> F,
) -> Response {
    let (caller, nonce) = match server.auth() {
        None => (Caller::anonymous(server), None),
        Some(auth) => {
            let shown = Shown::of(&request);
            match auth.check(shown).await {
                Ok(found) => found,
                Err(refusal) => {
                    server.metrics().refused(refusal.name());
                    return refusal.answer(server, auth, shown);
                }
            }
        }
    };
    let caller = caller.coming_from(chassis::address(&request));
    // Who asks too often is named in the log as well.
    let (requester, is_bound) = (caller.requester(), caller.is_bound());
    let mut response = match server.pace().admit(&caller) {
        Ok(()) => inner(caller, request).await,
        Err(refused) => refused.into_response(),
    };
    if let Some(requester) = requester {
        response.extensions_mut().insert(requester);
    }
    if is_bound {
        response = dpop::in_its_scheme(response);
    }
    match nonce {
        Some(nonce) => refusal::with_nonce(response, &nonce),
        None => response,
    }
}

/// The token of the one `Authorization` header (RFC 6750 section 2.1), of `longest` bytes at most.
fn bearer(headers: &HeaderMap, longest: usize) -> Result<Secret, Refusal> {
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
    if !is_shaped(token, longest) {
        return Err(Refusal::Malformed(
            "The token is empty, too long or has characters that tokens do not have",
        ));
    }
    Ok(Secret::new(token))
}

/// Whether a text can be a token (RFC 6750 section 2.1) of `longest` bytes at most.
fn is_shaped(token: &str, longest: usize) -> bool {
    let is_b64token = |byte: u8| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=')
    };
    !token.is_empty() && token.len() <= longest && token.bytes().all(is_b64token)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const TOO_LONG: &str = "Bearer abcdefghijklmnopq";

    fn of(values: &[&'static str]) -> Result<Secret, Refusal> {
        let values = values.iter().map(|value| HeaderValue::from_static(value));
        bearer(&values.map(|value| (header::AUTHORIZATION, value)).collect(), 16)
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
        for value in ["Bearer", "Bearer ", "Bearer a b", "Bearer a,b", "Bearer \"a\"", TOO_LONG] {
            assert!(matches!(of(&[value]), Err(Refusal::Malformed(_))), "{value}");
        }
    }

    #[test]
    fn two_headers_are_refused() {
        let mut headers = HeaderMap::new();
        headers.append(header::AUTHORIZATION, HeaderValue::from_static("Bearer a"));
        headers.append(header::AUTHORIZATION, HeaderValue::from_static("Bearer b"));
        assert!(matches!(bearer(&headers, 16), Err(Refusal::Malformed(_))));
    }
}
