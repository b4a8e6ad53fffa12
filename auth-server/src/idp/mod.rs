//! A mock identity provider: somewhere to log in, with users that everybody knows.
//!
//! It speaks plain `OpenID` Connect, to this authorization server and nobody else, and shares nothing
//! with it but the process: it is asked through its own router (`upstream`), with the requests that
//! any other provider gets. Who has a real one names it in `AUTH_UPSTREAMS`, and this is gone.

mod login;
mod provider;
mod signer;
mod users;

use std::{sync::Arc, time::Duration};

use ambient::{Clock, Entropy, Timestamp};
use axum::{
    Router,
    routing::{get, post},
};
use serde::{Deserialize, Serialize};
use shared::oauth::CodeChallenge;
use store::{Record, Store, StoreError, Table};

pub(crate) use self::signer::NoKey;
use self::{signer::Signer, users::Users};
use crate::{
    Parts,
    domain::{Issuer, LoginCode, Ticket, User},
    guard::Guard,
    metrics::AuthMetrics,
};

/// Where it lives, below the issuer.
pub(crate) const PATH: &str = "/mock-upstream-idp";

/// The one client it knows.
pub(crate) const CLIENT_ID: &str = "auth-server";

/// How long a login can be redeemed.
const LOGIN_LIFE: Duration = Duration::from_mins(1);

/// The mock identity provider. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Idp(Arc<Inner>);

struct Inner {
    /// Its own issuer.
    issuer: String,
    /// The server that it is a part of.
    host: Issuer,
    /// The one address it sends browsers back to.
    callback: String,
    clock: Clock,
    entropy: Entropy,
    logins: Table<Login>,
    users: Users,
    guard: Guard,
    signer: Signer,
    metrics: AuthMetrics,
}

/// A login that has not been redeemed.
#[derive(Debug, Serialize, Deserialize)]
struct Login {
    user: User,
    /// What the identity token repeats.
    nonce: String,
    /// What the code is bound to.
    challenge: CodeChallenge,
    logged_in_at: Timestamp,
}

impl Record for Login {
    const PREFIX: &'static str = "auth:idp:";
    const SEALED: bool = true;
}

impl Idp {
    /// The provider below `issuer`, which sends browsers back to `callback`.
    pub(crate) fn new(
        issuer: &Issuer,
        callback: String,
        parts: &Parts,
        guard: Guard,
        metrics: AuthMetrics,
    ) -> Result<Self, NoKey> {
        let store: &Store = &parts.store;
        Ok(Self(Arc::new(Inner {
            issuer: issuer.at(PATH),
            host: issuer.clone(),
            callback,
            clock: parts.clock.clone(),
            entropy: parts.entropy.clone(),
            logins: store.table(),
            users: Users::demo(),
            guard,
            signer: Signer::new()?,
            metrics,
        })))
    }

    /// Its pages and its endpoints.
    pub(crate) fn router(&self) -> Router {
        let at = |path: &str| format!("{PATH}{path}");
        Router::new()
            .route(&at("/authorize"), get(login::get).post(login::post))
            .route(&at("/.well-known/openid-configuration"), get(provider::configuration))
            .route(&at("/jwks"), get(provider::jwks))
            .route(&at("/token"), post(provider::token))
            .with_state(self.clone())
    }

    /// Its name.
    pub(crate) fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// The users that everybody knows, and the password of all of them.
    pub(crate) fn demo_users(&self) -> (Vec<(&'static str, &'static str)>, &'static str) {
        let accounts = self.0.users.accounts().iter();
        (accounts.map(|account| (account.sub, account.name)).collect(), users::DEMO_PASSWORD)
    }

    /// Keeps a login, and hands out the code for it.
    async fn hand_out(&self, login: &Login) -> Result<LoginCode, StoreError> {
        let code: LoginCode = Ticket::random(&self.0.entropy);
        self.0.logins.put(code.digest().as_str(), login, LOGIN_LIFE).await?;
        Ok(code)
    }
}
