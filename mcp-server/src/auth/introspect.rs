//! Asks the authorization server about a token (RFC 7662), once for everybody who waits.

use std::{sync::Arc, time::Duration};

use ambient::{Clock, Secret, Timestamp};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chassis::client::read_capped;
use http::{StatusCode, header};
use mcp_core::Principal;
use moka::future::Cache;
use sha2::{Digest as _, Sha256};
use url::form_urlencoded;

use super::{
    availability::AuthorizationServer,
    claims::{Claims, Expected, Grant},
};
use crate::config::Introspection;

/// How many tokens are remembered, of the good and of the bad each.
const REMEMBERED: u64 = 10_000;

/// How long a token that was bad is bad without asking again.
const BAD_TTL: Duration = Duration::from_secs(5);

/// The largest answer that is read, in bytes.
const MAX_ANSWER: usize = 256 * 1024;

/// A token is remembered by the hash of all of it, never by a part and never itself.
type TokenHash = [u8; 32];

/// Why there is no principal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Failure {
    /// The token is no good.
    #[error("{0}")]
    Inactive(&'static str),
    /// Nobody knows.
    #[error("the token could not be checked")]
    Outage,
}

/// A good token.
#[derive(Clone, Debug)]
pub(super) struct Good {
    pub(super) principal: Arc<Principal>,
    /// The key that the token is bound to.
    pub(super) key: Option<Arc<str>>,
    fresh_until: Timestamp,
}

/// Checks tokens and remembers what came of it.
pub(super) struct Introspector {
    http: reqwest::Client,
    authorization: Secret,
    issuer: String,
    resource: String,
    ttl: Duration,
    clock: Clock,
    good: Cache<TokenHash, Good>,
    /// Apart from the good ones, so that garbage cannot push them out.
    bad: Cache<TokenHash, (&'static str, Timestamp)>,
}

impl Introspector {
    pub(super) fn new(
        http: reqwest::Client,
        settings: &Introspection,
        resource: String,
        clock: Clock,
    ) -> Self {
        Self {
            http,
            authorization: basic(&settings.client_id, &settings.client_secret),
            issuer: settings.issuer.clone(),
            resource,
            ttl: settings.cache_ttl,
            clock,
            good: Cache::new(REMEMBERED),
            bad: Cache::new(REMEMBERED),
        }
    }

    /// Who has this token?
    pub(super) async fn verify(
        &self,
        server: &AuthorizationServer,
        token: &Secret,
    ) -> Result<Good, Failure> {
        let hash = Sha256::digest(token.expose()).into();
        if let Some(good) = self.good.get(&hash).await {
            if self.clock.now() < good.fresh_until {
                return Ok(good);
            }
            self.good.invalidate(&hash).await;
        } else if let Some((reason, until)) = self.bad.get(&hash).await {
            if self.clock.now() < until {
                return Err(Failure::Inactive(reason));
            }
            self.bad.invalidate(&hash).await;
        }
        // Failures are shared by those who wait together, and not remembered here.
        match self.good.try_get_with(hash, self.ask(server, token)).await {
            Ok(good) => Ok(good),
            Err(failure) => {
                if let Failure::Inactive(reason) = *failure {
                    self.bad.insert(hash, (reason, self.clock.now() + BAD_TTL)).await;
                }
                Err(Failure::clone(&failure))
            }
        }
    }

    async fn ask(&self, server: &AuthorizationServer, token: &Secret) -> Result<Good, Failure> {
        let now = self.clock.now();
        let claims = self.introspect(server, token).await?;
        let expected = Expected { issuer: &self.issuer, resource: &self.resource, now };
        let Grant { principal, key, expires_at } =
            claims.grant(&expected).map_err(Failure::Inactive)?;
        let fresh_until = expires_at.min(now + self.ttl);
        Ok(Good { principal: Arc::new(principal), key: key.map(Into::into), fresh_until })
    }

    async fn introspect(
        &self,
        server: &AuthorizationServer,
        token: &Secret,
    ) -> Result<Claims, Failure> {
        let outage = |reason: &str| {
            tracing::error!(reason, "introspection failed");
            Failure::Outage
        };
        let form = [("token", token.expose()), ("token_type_hint", "access_token")];
        let response = self
            .http
            .post(server.introspection_endpoint.clone())
            .header(header::AUTHORIZATION, self.authorization.expose())
            .header(header::ACCEPT, "application/json")
            .form(&form)
            .send()
            .await
            .map_err(|error| outage(&error.without_url().to_string()))?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::BAD_REQUEST => {
                return Err(Failure::Inactive("The token cannot be checked"));
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                return Err(outage(
                    "our own credentials were rejected; see MCP_AUTH_CLIENT_SECRET",
                ));
            }
            status => return Err(outage(status.as_str())),
        }
        let answer =
            read_capped(response, MAX_ANSWER).await.map_err(|error| outage(&error.to_string()))?;
        serde_json::from_slice(&answer).map_err(|_| outage("the answer is not what RFC 7662 says"))
    }
}

/// Client credentials as RFC 6749 section 2.3.1 wants them: encoded as a form before base64.
fn basic(id: &str, secret: &Secret) -> Secret {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!("{}:{}", encode(id), encode(secret.expose()));
    Secret::new(format!("Basic {}", STANDARD.encode(pair)))
}

#[cfg(test)]
mod tests;
