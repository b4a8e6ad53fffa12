//! Tokens that are bound to a key (RFC 9449 section 7): who shows one shows by a signature that he
//! has the key as well. A bound token without that is of no use here, and neither is a proof that was
//! used before.

use std::time::Duration;

use ambient::{Clock, Entropy, Secret};
use axum::response::Response;
use dpop::{ALGORITHMS, BadProof, Proof, Request};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header, header::Entry};
use serde::{Deserialize, Serialize};
use shared::oauth::BearerChallenge;
use store::{Age, Record, Rotates, Rotating, StoreError, Table};

use crate::Parts;

/// The scheme of the `Authorization` header (RFC 9449 section 7.1).
const SCHEME: &str = "DPoP";

const PROOF: HeaderName = HeaderName::from_static("dpop");

/// That a proof was used; there is nothing more to know.
#[derive(Debug, Serialize, Deserialize)]
struct Used {}

impl Record for Used {
    const PREFIX: &'static str = "mcp:dpop:";
}

/// What the next proof has to carry (section 8).
pub(crate) const NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// There is one nonce for each stretch of time, the same for all clients and on all instances.
struct Nonce;

impl Rotates for Nonce {
    const PREFIX: &'static str = "mcp:nonce:";
    const EVERY: Duration = Duration::from_mins(2);
}

/// Why a token is not accepted, although it is good.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("The token is bound to a key: send it as `Authorization: DPoP` with a proof")]
    NotShown,
    #[error("The token is not bound to a key: send it as `Authorization: Bearer`")]
    NotBound,
    #[error("There must be one DPoP header")]
    NotOne,
    #[error("{0}")]
    Bad(#[from] BadProof),
    #[error("The token is bound to another key")]
    OtherKey,
    #[error("The DPoP proof was used before; make one for every request")]
    Used,
    /// The proof has none of our nonces, or an old one. This is the one of now.
    #[error("The DPoP proof needs the nonce of the DPoP-Nonce header, which is a new one")]
    Nonce(String),
    /// Whether the proof was used before cannot be known.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Failure {
    /// The code of the challenge (RFC 9449 section 7.1).
    pub(super) const fn code(&self) -> &'static str {
        match self {
            Self::NotShown | Self::NotBound | Self::OtherKey | Self::Store(_) => "invalid_token",
            Self::NotOne | Self::Bad(_) | Self::Used => "invalid_dpop_proof",
            Self::Nonce(_) => "use_dpop_nonce",
        }
    }
}

/// Checks proofs and remembers those that were used, for all instances.
pub(super) struct Proofs {
    used: Table<Used>,
    /// If the operator wants them.
    nonces: Option<Rotating<Nonce>>,
    /// The public URL of the server.
    base: String,
    clock: Clock,
    entropy: Entropy,
}

/// The request that shows a token, as far as a proof speaks of it.
#[derive(Clone, Copy)]
pub(crate) struct Shown<'a> {
    pub(super) method: &'a Method,
    /// Its path here; the rest of its URL is a setting.
    pub(super) path: &'a str,
    pub(super) headers: &'a HeaderMap,
}

impl<'a> Shown<'a> {
    /// This request.
    pub(crate) fn of<B>(request: &'a http::Request<B>) -> Self {
        let (method, path) = (request.method(), request.uri().path());
        Self { method, path, headers: request.headers() }
    }
}

impl Proofs {
    pub(super) fn new(parts: &Parts, base: String, wants_nonces: bool) -> Self {
        let Parts { store, clock, entropy, .. } = parts.clone();
        let nonces = wants_nonces.then(|| store.rotating());
        Self { used: store.table(), nonces, base, clock, entropy }
    }

    /// Whether a request may use `token`, which is bound to `key` if there is one. Tells the nonce
    /// for the next proof, if it is another than that of this one.
    pub(super) async fn check(
        &self,
        key: Option<&str>,
        token: &Secret,
        shown: Shown<'_>,
    ) -> Result<Option<String>, Failure> {
        let is_shown = is_scheme(shown.headers);
        let key = match (key, is_shown) {
            (None, false) => return Ok(None),
            (None, true) => return Err(Failure::NotBound),
            (Some(_), false) => return Err(Failure::NotShown),
            (Some(key), true) => key,
        };
        let mut sent = shown.headers.get_all(PROOF).iter();
        let (Some(proof), None) = (sent.next(), sent.next()) else { return Err(Failure::NotOne) };
        let now = self.clock.now();
        let url = format!("{}{}", self.base, shown.path);
        let (method, token) = (shown.method.as_str(), Some(token.expose()));
        let request = Request { method, url: &url, token, now };
        let proof = dpop::verify(proof.to_str().unwrap_or_default(), &request)?;
        if proof.key.as_str() != key {
            return Err(Failure::OtherKey);
        }
        let next = self.next_nonce(&proof).await?;
        let keep = proof.expires_at.since(now);
        let is_first = self.used.claim(&proof.name, &Used {}, keep).await?;
        if is_first { Ok(next) } else { Err(Failure::Used) }
    }

    /// The nonce to use from now on, if it is another than that of a proof that has a good one.
    async fn next_nonce(&self, proof: &Proof) -> Result<Option<String>, Failure> {
        let Some(nonces) = &self.nonces else { return Ok(None) };
        let now = self.clock.now();
        let age = match &proof.nonce {
            Some(nonce) => nonces.age(nonce, now).await?,
            None => None,
        };
        if age == Some(Age::Current) {
            return Ok(None);
        }
        let current = nonces.current(now, &self.entropy).await?;
        if age.is_some() { Ok(Some(current)) } else { Err(Failure::Nonce(current)) }
    }
}

/// Whether this is the scheme of a bound token.
pub(super) fn is_meant(scheme: &str) -> bool {
    scheme.eq_ignore_ascii_case(SCHEME)
}

/// Whether a request has that scheme.
pub(super) fn is_scheme(headers: &HeaderMap) -> bool {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    value.and_then(|value| value.split_once(' ')).is_some_and(|(scheme, _)| is_meant(scheme))
}

/// The same challenge for this scheme, with the algorithms of proofs (RFC 9449 section 7.1).
pub(super) fn challenge(bearer: &BearerChallenge) -> String {
    translated(&bearer.to_string())
}

/// An answer to who has shown a key: what challenges him speaks of his scheme.
pub(super) fn in_its_scheme(mut response: Response) -> Response {
    if let Entry::Occupied(mut challenge) = response.headers_mut().entry(header::WWW_AUTHENTICATE)
        && let Ok(bearer) = challenge.get().to_str()
        // It stays visible ASCII.
        && let Ok(translated) = HeaderValue::from_str(&translated(bearer))
    {
        challenge.insert(translated);
    }
    response
}

fn translated(bearer: &str) -> String {
    let parameters = bearer.split_once(' ').map_or("", |(_, parameters)| parameters);
    let separator = if parameters.is_empty() { "" } else { ", " };
    format!("{SCHEME} algs=\"{}\"{separator}{parameters}", ALGORITHMS.join(" "))
}

#[cfg(test)]
mod tests {
    use ambient::Timestamp;
    use chassis::Lifecycle;
    use http::HeaderValue;
    use store::Store;
    use testkit::dpop::ProofKey;

    use super::*;

    const BASE: &str = "https://mcp.example";
    const URL: &str = "https://mcp.example/mcp";

    struct Scene {
        key: ProofKey,
        clock: Clock,
        proofs: Proofs,
    }

    fn scene() -> Scene {
        let clock = Clock::manual(Timestamp::from_secs(1_800_000_000));
        let parts = Parts {
            clock: clock.clone(),
            entropy: Entropy::seeded(1),
            store: Store::memory(clock.clone()),
            lifecycle: Lifecycle::new(clock.clone(), Duration::ZERO),
        };
        let proofs = Proofs::new(&parts, BASE.to_owned(), false);
        Scene { key: ProofKey::p256(), clock, proofs }
    }

    impl Scene {
        fn proof(&self, token: &str) -> String {
            self.key.draft("POST", URL, self.clock.now()).token(token).sign()
        }

        async fn check(
            &self,
            bound: bool,
            scheme: &str,
            proofs: &[&str],
        ) -> Result<Option<String>, Failure> {
            let key = bound.then(|| self.key.thumbprint());
            let mut headers = HeaderMap::new();
            let credentials = HeaderValue::from_str(&format!("{scheme} token")).unwrap();
            headers.append(header::AUTHORIZATION, credentials);
            for proof in proofs {
                headers.append(PROOF, HeaderValue::from_str(proof).unwrap());
            }
            let token = Secret::new("token");
            let shown = Shown { method: &Method::POST, path: "/mcp", headers: &headers };
            self.proofs.check(key.as_deref(), &token, shown).await
        }
    }

    #[tokio::test]
    async fn a_bound_token_needs_its_scheme_and_a_proof() {
        let scene = scene();
        assert!(scene.check(true, "dpop", &[&scene.proof("token")]).await.is_ok());
        let proof = scene.proof("token");
        let as_bearer = scene.check(true, "Bearer", &[&proof]).await;
        assert!(matches!(as_bearer, Err(Failure::NotShown)), "{as_bearer:?}");
        assert!(matches!(scene.check(true, "DPoP", &[]).await, Err(Failure::NotOne)));
        let two = scene.check(true, "DPoP", &[&proof, &proof]).await;
        assert!(matches!(two, Err(Failure::NotOne)), "{two:?}");
    }

    #[tokio::test]
    async fn a_token_that_is_not_bound_is_a_bearer_token() {
        let scene = scene();
        assert!(scene.check(false, "Bearer", &[]).await.is_ok());
        let shown = scene.check(false, "DPoP", &[&scene.proof("token")]).await;
        assert!(matches!(shown, Err(Failure::NotBound)), "{shown:?}");
    }

    #[tokio::test]
    async fn a_proof_is_for_one_token_one_key_and_one_request() {
        let scene = scene();
        let other_token = scene.check(true, "DPoP", &[&scene.proof("other")]).await;
        assert!(matches!(other_token, Err(Failure::Bad(BadProof::TokenHash))), "{other_token:?}");
        let other = ProofKey::p256();
        let other = other.draft("POST", URL, scene.clock.now()).token("token").sign();
        let other_key = scene.check(true, "DPoP", &[&other]).await;
        assert!(matches!(other_key, Err(Failure::OtherKey)), "{other_key:?}");
        let proof = scene.proof("token");
        assert!(scene.check(true, "DPoP", &[&proof]).await.is_ok());
        let replayed = scene.check(true, "DPoP", &[&proof]).await;
        assert!(matches!(replayed, Err(Failure::Used)), "{replayed:?}");
    }

    #[test]
    fn the_challenge_names_the_algorithms() {
        let bearer = BearerChallenge { scope: Some("mcp".into()), ..BearerChallenge::default() };
        let algorithms = "DPoP algs=\"ES256 ES384 EdDSA RS256 PS256\"";
        assert_eq!(challenge(&bearer), format!("{algorithms}, scope=\"mcp\""));
        assert_eq!(challenge(&BearerChallenge::default()), algorithms);
    }
}
