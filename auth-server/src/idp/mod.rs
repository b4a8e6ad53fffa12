//! A mock identity provider: somewhere to log in, with users that everybody knows.
//!
//! It runs in the same process and shares nothing with the authorization server but the two things
//! a real one would offer: an address that browsers are sent to, and a way to redeem the code they
//! come back with. Who replaces it by a real provider replaces [`Idp::login_url`] and [`Idp::redeem`]
//! by `OpenID` Connect, and removes the rest of this folder.

mod login;
mod users;

use std::{sync::Arc, time::Duration};

use ambient::{Clock, Entropy, Timestamp};
use axum::{Router, routing::get};
use serde::{Deserialize, Serialize};
use store::{Record, Store, StoreError, Table};

use self::users::Users;
use crate::{
    Parts,
    domain::{LoginCode, Ticket, User, sha256_hex},
    guard::Guard,
    http::query,
    metrics::AuthMetrics,
};

/// Where it lives, below the issuer.
const PATH: &str = "/mock-upstream-idp";

/// The one client it knows.
const CLIENT_ID: &str = "auth-server";

/// How long a login can be redeemed.
const LOGIN_LIFE: Duration = Duration::from_mins(1);

/// The mock identity provider. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Idp(Arc<Inner>);

struct Inner {
    /// Its own issuer.
    issuer: String,
    /// The one address it sends browsers back to.
    callback: String,
    is_https: bool,
    clock: Clock,
    entropy: Entropy,
    logins: Table<Login>,
    users: Users,
    guard: Guard,
    metrics: AuthMetrics,
}

/// A login that has not been redeemed.
#[derive(Debug, Serialize, Deserialize)]
struct Login {
    user: User,
    /// The hash of the `state` it was asked with: it answers that question and no other.
    state: String,
    expires_at: Timestamp,
}

impl Record for Login {
    const PREFIX: &'static str = "auth:idp:";
}

impl Idp {
    /// The provider below `issuer`.
    pub(crate) fn new(issuer: &str, parts: &Parts, guard: Guard, metrics: AuthMetrics) -> Self {
        let store: &Store = &parts.store;
        Self(Arc::new(Inner {
            issuer: format!("{issuer}{PATH}"),
            callback: format!("{issuer}/callback"),
            is_https: issuer.starts_with("https:"),
            clock: parts.clock.clone(),
            entropy: parts.entropy.clone(),
            logins: store.table(),
            users: Users::demo(),
            guard,
            metrics,
        }))
    }

    /// Its pages.
    pub(crate) fn router(&self) -> Router {
        Router::new()
            .route(&format!("{PATH}/authorize"), get(login::get).post(login::post))
            .with_state(self.clone())
    }

    /// What its answers name as `iss` (RFC 9207).
    pub(crate) fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// Where a browser is sent to log in. It comes back to `/callback` with this `state`.
    pub(crate) fn login_url(&self, state: &str) -> String {
        let parameters = [
            ("response_type", "code"),
            ("client_id", CLIENT_ID),
            ("redirect_uri", &self.0.callback),
            ("state", state),
        ];
        query::append(&format!("{}/authorize", self.0.issuer), &parameters)
    }

    /// Who has logged in. None if the code is unknown, used, too old, or from another login.
    pub(crate) async fn redeem(&self, code: &str, state: &str) -> Result<Option<User>, StoreError> {
        let Some(code) = LoginCode::parse(code) else { return Ok(None) };
        let login = self.0.logins.take(code.digest().as_str()).await?;
        let ours = |login: &Login| {
            login.state == sha256_hex(&[state]) && self.0.clock.now() < login.expires_at
        };
        Ok(login.filter(ours).map(|login| login.user))
    }

    /// Keeps a login, and hands out the code for it.
    async fn hand_out(&self, user: User, state: &str) -> Result<LoginCode, StoreError> {
        let code: LoginCode = Ticket::random(&self.0.entropy);
        let expires_at = self.0.clock.now() + LOGIN_LIFE;
        let login = Login { user, state: sha256_hex(&[state]), expires_at };
        self.0.logins.put(code.digest().as_str(), &login, LOGIN_LIFE).await?;
        Ok(code)
    }
}
