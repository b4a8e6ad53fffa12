//! Whether a token is good, from cache, by its signature or by asking: the order of things, and
//! what a failure of each of them means.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use std::time::Duration;

use ambient::{Clock, Secret};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use url::Url;

use super::{
    agreement,
    cache::{TokenCache, TokenHash, hash},
    discovery::{AuthorizationServer, Way},
    endpoint::{At, Endpoint},
    flight::Flights,
    introspect::{Answer, Introspector},
    jwks::{Jwks, NoKeys},
    outbound::Outbound,
    token::{
        Claims, Inactive, Jws, Policy, Said, Signed, Validated, looks_broken, looks_encrypted,
        looks_signed, says_another_kind,
    },
};
use crate::{Parts, config::AuthSettings, metrics::McpMetrics};

/// When a client should try again if nobody knows better.
pub(super) const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Why there is no caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The token is no good.
    Inactive(Inactive),
    /// Nobody can say; it may be known after this time.
    Outage(Duration),
    /// The same, and no outage is the reason: whoever knows refuses to say it to us.
    Refused(Duration),
}

impl From<Inactive> for Failure {
    fn from(why: Inactive) -> Self {
        Self::Inactive(why)
    }
}

impl From<NoKeys> for Failure {
    fn from(why: NoKeys) -> Self {
        Self::Outage(why.rest.unwrap_or(RETRY_AFTER))
    }
}

type Outcome = Result<Validated, Failure>;

/// Checks tokens and remembers what came of it.
pub(super) struct Validator {
    policy: Policy,
    endpoint: Arc<Endpoint>,
    jwks: Jwks,
    cache: TokenCache,
    flights: Arc<Flights<Outcome>>,
    clock: Clock,
    /// What tokens are checked with has answered, once.
    works: AtomicBool,
    /// It was tried, and has not.
    tried_in_vain: AtomicBool,
    /// The endpoint does not answer for signed tokens.
    leaves_jwts_to_us: AtomicBool,
    metrics: McpMetrics,
}

impl Validator {
    pub(super) fn new(
        settings: &AuthSettings,
        outbound: &Outbound,
        parts: &Parts,
        metrics: McpMetrics,
    ) -> Self {
        let Parts { clock, entropy, lifecycle, .. } = parts;
        let introspector = Introspector {
            outbound: outbound.clone(),
            credentials: settings.credentials.clone(),
            issuer: settings.issuer.clone(),
            clock: clock.clone(),
            entropy: entropy.clone(),
        };
        Self {
            policy: settings.policy.clone(),
            endpoint: Endpoint::new(introspector, lifecycle, metrics.clone()),
            jwks: Jwks::new(outbound.clone(), clock.clone(), settings.jwks).beside(lifecycle),
            cache: TokenCache::new(settings.cache, settings.outage),
            flights: Arc::default(),
            clock: clock.clone(),
            works: AtomicBool::new(false),
            tried_in_vain: AtomicBool::new(false),
            leaves_jwts_to_us: AtomicBool::new(false),
            metrics,
        }
    }

    /// Whether our own credentials were rejected the last time they were used.
    pub(super) fn is_rejected(&self) -> bool {
        self.endpoint.is_rejected()
    }

    /// Whether questions about tokens go unasked for now.
    pub(super) fn is_resting(&self) -> bool {
        self.endpoint.is_resting()
    }

    /// Whether tokens could be checked once, so that nothing is missing but, at times, an answer.
    pub(super) fn has_worked(&self) -> bool {
        self.works.load(Ordering::Relaxed)
    }

    /// Whether what tokens are checked with is known not to answer, although the server does.
    pub(super) fn is_cut_off(&self, server: &AuthorizationServer) -> bool {
        let never = !self.has_worked() && self.tried_in_vain.load(Ordering::Relaxed);
        let lacks_keys = match &server.way {
            Way::Jwt { keys } | Way::Both { keys, .. } => self.jwks.is_lacking(keys),
            Way::Ask { .. } => false,
        };
        never || lacks_keys
    }

    /// Who has this token? Without a server that answers only the past can be asked.
    pub(super) async fn validate(
        self: &Arc<Self>,
        server: Option<Arc<AuthorizationServer>>,
        token: &Secret,
    ) -> Outcome {
        let key = hash(token);
        let Some(server) = server else { return self.past(&key, RETRY_AFTER).await };
        let outcome = if self.cache.is_off() {
            self.check(&server, token).await
        } else if let Some(known) = self.cache.get(&key, self.clock.now()).await {
            self.metrics.looked_up(if known.is_ok() { "active" } else { "inactive" });
            return known.map_err(Failure::Inactive);
        } else {
            self.metrics.looked_up("miss");
            let (this, token) = (Arc::clone(self), token.clone());
            let question = async move { this.ask_once(key, &server, &token).await };
            self.flights.join(key, question).await
        };
        match outcome {
            Err(Failure::Outage(retry_after)) => self.past(&key, retry_after).await,
            outcome => outcome,
        }
    }

    /// What was known before, if the operator lets that count in an outage. While our credentials are
    /// rejected nothing is one, whatever the last question came to.
    async fn past(&self, key: &TokenHash, retry_after: Duration) -> Outcome {
        if self.is_rejected() {
            return Err(Failure::Refused(retry_after));
        }
        let past = self.cache.stale(key, self.clock.now()).await;
        if past.is_some() {
            self.metrics.looked_up("stale");
        }
        past.ok_or(Failure::Outage(retry_after))
    }

    async fn ask_once(
        &self,
        key: TokenHash,
        server: &AuthorizationServer,
        token: &Secret,
    ) -> Outcome {
        // Somebody may have asked between our look into the cache and our turn.
        if let Some(known) = self.cache.get(&key, self.clock.now()).await {
            return known.map_err(Failure::Inactive);
        }
        let outcome = self.check(server, token).await;
        let now = self.clock.now();
        match &outcome {
            Ok(validated) => self.cache.remember(key, Ok(validated.clone()), now).await,
            Err(Failure::Inactive(why)) => self.cache.remember(key, Err(*why), now).await,
            Err(Failure::Outage(_) | Failure::Refused(_)) => {}
        }
        outcome
    }

    async fn check(&self, server: &AuthorizationServer, token: &Secret) -> Outcome {
        let outcome = self.judge(server, token).await;
        if outcome.is_ok() {
            self.works.store(true, Ordering::Relaxed);
        }
        outcome
    }

    async fn judge(&self, server: &AuthorizationServer, token: &Secret) -> Outcome {
        if looks_encrypted(token.expose()) {
            return Err(Inactive::Encrypted.into());
        }
        match &server.way {
            Way::Jwt { keys } => self.by_signature(keys, token).await,
            Way::Both { endpoint, method, keys } => {
                let signed = self.by_signature(keys, token).await?;
                let issuer = Some(signed.principal.issuer.as_str());
                match self.by_asking((endpoint, *method), token, issuer).await? {
                    Some(asked) => Ok(agreement::both(&signed, &asked)?),
                    None => Err(self.unanswered().into()),
                }
            }
            Way::Ask { endpoint, method, fallback } => {
                let own = self.could_be_good(token)?;
                let keys = fallback.as_ref().filter(|_| looks_signed(token.expose()));
                if let Some(keys) = keys
                    && self.leaves_jwts_to_us.load(Ordering::Relaxed)
                {
                    return self.by_signature(keys, token).await;
                }
                match (self.by_asking((endpoint, *method), token, None).await?, keys) {
                    (Some(asked), _) => Ok(agreement::bound(asked, own.as_ref())?),
                    (None, None) => Err(Inactive::NotActive.into()),
                    (None, Some(keys)) => {
                        let validated = self.by_signature(keys, token).await?;
                        // Remembered of tokens that the issuer has signed, and of no others: else
                        // anybody could end the questions, and revocation with them.
                        self.leaves_jwts_to_us.store(true, Ordering::Relaxed);
                        Ok(validated)
                    }
                }
            }
        }
    }

    /// Refuses what nobody needs to be asked about, and gives what a signed token says of itself.
    pub(super) fn could_be_good(&self, token: &Secret) -> Result<Option<Claims>, Inactive> {
        let token = token.expose();
        if looks_broken(token) {
            return Err(Inactive::NotActive);
        }
        if says_another_kind(token) {
            return Err(Inactive::TokenType);
        }
        let payload = token.split('.').nth(1).filter(|_| looks_signed(token));
        let payload = payload.and_then(|payload| URL_SAFE_NO_PAD.decode(payload).ok());
        let claims = payload.and_then(|payload| Claims::of_token(&payload));
        if let Some(claims) = &claims {
            self.policy.could_be_good(claims, self.clock.now())?;
        }
        Ok(claims)
    }

    async fn by_signature(&self, keys: &Url, token: &Secret) -> Outcome {
        let jws = Jws::parse(token.expose(), &self.policy)?;
        self.policy.could_be_good(jws.claims(), self.clock.now())?;
        let set = self.jwks.current(keys).await?;
        if set.check(&jws)? == Signed::UnknownKey {
            let newer = self.jwks.newer(keys, &set).await?;
            if newer.check(&jws)? == Signed::UnknownKey {
                return Err(Inactive::Key.into());
            }
        }
        Ok(self.policy.judge(jws.claims(), Said::ByToken, self.clock.now())?)
    }

    /// None if the endpoint does not answer for tokens of this kind. What it says is of `issuer`, if
    /// it names none itself.
    async fn by_asking(
        &self,
        at: At<'_>,
        token: &Secret,
        issuer: Option<&str>,
    ) -> Result<Option<Validated>, Failure> {
        match self.endpoint.ask(at, token).await? {
            Answer::Claims(claims) => {
                let (claims, now) = (claims.issued_by(issuer), self.clock.now());
                Ok(Some(self.policy.judge(&claims, Said::ByServer, now)?))
            }
            Answer::Unsupported => Ok(None),
            _ => Err(Inactive::NotActive.into()),
        }
    }

    /// Tokens are checked in another way from now on: how the one before has worked says nothing of it.
    pub(super) fn begins_anew(&self) {
        for learnt in [&self.works, &self.tried_in_vain, &self.leaves_jwts_to_us] {
            learnt.store(false, Ordering::Relaxed);
        }
    }

    /// Says once that nobody can get in, whatever his token.
    fn unanswered(&self) -> Inactive {
        if !self.leaves_jwts_to_us.swap(true, Ordering::Relaxed) {
            tracing::error!(
                "MCP_AUTH_VALIDATION=both, and the introspection endpoint does not answer for \
                 signed tokens: all are refused; set it to auto, or jwt"
            );
        }
        Inactive::NotActive
    }

    /// Tries what tokens are checked with: the keys are fetched, and a question about a token that
    /// nobody has tells whether our credentials are accepted.
    pub(super) async fn try_out(&self, server: &AuthorizationServer) {
        let (asked, keys) = match &server.way {
            Way::Ask { endpoint, method, .. } => (Some((endpoint, *method)), None),
            Way::Jwt { keys } => (None, Some(keys)),
            Way::Both { endpoint, method, keys } => (Some((endpoint, *method)), Some(keys)),
        };
        self.endpoint.turn_to(asked);
        let asking = async {
            match asked {
                Some(at) => self.endpoint.try_out(at).await,
                None => Ok(()),
            }
        };
        let fetching = async {
            match keys {
                Some(keys) => self.jwks.current(keys).await.is_ok(),
                None => true,
            }
        };
        let (asked, has_keys) = futures_util::future::join(asking, fetching).await;
        if asked.is_ok() && has_keys {
            self.works.store(true, Ordering::Relaxed);
        } else if !self.tried_in_vain.swap(true, Ordering::Relaxed) {
            let introspection = asked.err().unwrap_or_else(|| "no failure".to_owned());
            tracing::error!(
                introspection,
                has_keys,
                "the authorization server is there, and tokens cannot be checked with it; it is \
                 tried again and again, see `mcp-server check-auth`"
            );
        }
    }
}
