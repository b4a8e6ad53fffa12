//! JWTs that others have signed: a client that proves who it is (RFC 7523 section 2.2), and an
//! identity provider that speaks for its user (RFC 7523 section 2.1).
//!
//! Whose keys count and what must be said is for the caller to know; that an assertion is read
//! strictly, counts for minutes and counts once is decided here.

mod claims;
mod jwt;
mod public_keys;
mod remote;

use std::time::Duration;

use ambient::{Clock, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Record, Store, StoreError, Table};
use url::Url;

use self::remote::RemoteKeys;
pub(crate) use self::{
    claims::{BadClaim, Claims, SKEW},
    jwt::{ALGORITHMS, BadJwt, Jwt},
    public_keys::{BadKeys, PublicKeys, WrongKey},
    remote::RemoteError,
};
use crate::{
    domain::{KeySource, sha256_hex},
    fetch::Fetcher,
};

/// Longer names of assertions are refused.
const MAX_JTI: usize = 256;

/// Why an assertion does not count.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AssertionError {
    #[error("the assertion cannot be read: {0}")]
    Jwt(#[from] BadJwt),
    #[error("the assertion is not accepted: {0}")]
    Claim(#[from] BadClaim),
    #[error("the signature of the assertion cannot be checked: {0}")]
    Key(#[from] WrongKey),
    #[error("the keys of whoever signed the assertion cannot be had: {0}")]
    Remote(#[from] RemoteError),
    #[error("the assertion was used before")]
    Replayed,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl AssertionError {
    /// Whether it may count in a moment.
    pub(crate) const fn is_passing(&self) -> bool {
        matches!(self, Self::Remote(error) if error.is_passing())
    }
}

/// The mark that an assertion has been used.
#[derive(Debug, Serialize, Deserialize)]
struct Used {}

impl Record for Used {
    const PREFIX: &'static str = "auth:jti:";
}

/// What checks assertions.
pub(crate) struct Assertions {
    remote: RemoteKeys,
    used: Table<Used>,
    clock: Clock,
}

impl Assertions {
    /// Keys are fetched by `fetcher`, and what was used is marked in `store`.
    pub(crate) fn new(fetcher: Fetcher, store: &Store, clock: Clock) -> Self {
        Self { remote: RemoteKeys::new(fetcher, clock.clone()), used: store.table(), clock }
    }

    /// Checks the signature with the keys of whoever is said to have made it.
    pub(crate) async fn check_signature(
        &self,
        jwt: &Jwt<'_>,
        keys: &KeySource,
    ) -> Result<(), AssertionError> {
        match keys {
            KeySource::Here(keys) => Ok(keys.check(jwt)?),
            KeySource::At(url) => {
                let url = Url::parse(url).map_err(|_| RemoteError::Url)?;
                let knows = |keys: &PublicKeys| keys.has_key_for(jwt);
                Ok(self.remote.keys(&url, knows).await?.check(jwt)?)
            }
        }
    }

    /// Checks when an assertion counts, and that it counts for at most `longest`.
    pub(crate) fn check_times(
        &self,
        claims: &Claims,
        longest: Duration,
    ) -> Result<Timestamp, BadClaim> {
        claims.check_times(self.clock.now(), longest)
    }

    /// Uses an assertion up: of all who show it, on whatever instances, one succeeds. To be done
    /// when everything else is right.
    pub(crate) async fn use_up(
        &self,
        issuer: &str,
        claims: &Claims,
        ends: Timestamp,
    ) -> Result<(), AssertionError> {
        let jti = claims.required("jti")?;
        if jti.len() > MAX_JTI {
            return Err(BadClaim::Type("jti").into());
        }
        let name = sha256_hex(&["assertion", issuer, jti]);
        let keep = (ends + SKEW).since(self.clock.now());
        if self.used.claim(&name, &Used {}, keep).await? {
            Ok(())
        } else {
            Err(AssertionError::Replayed)
        }
    }
}
