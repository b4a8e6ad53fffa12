//! New tokens: made, kept, and written into an answer.

use std::time::Duration;

use ambient::{Secret, Timestamp};
use serde::{Deserialize, Serialize};
use shared::oauth::{ScopeSet, Sensitive, TokenResponse, TokenType};
use store::StoreError;

use crate::{
    AuthServer, TokenFormat,
    audit::{self, Event},
    domain::{AccessRecord, Grant, IssuedToken, RefreshRecord, RefreshToken, Ticket},
    keys::KeyError,
};

/// Tokens that belong together, before anybody is told of them.
#[derive(Debug)]
pub(super) struct Pair {
    access: (IssuedToken, AccessRecord),
    refresh: Option<(RefreshToken, RefreshRecord)>,
}

/// An answer that can be given twice.
#[derive(Serialize, Deserialize)]
pub(super) struct Answer {
    access_token: Sensitive,
    refresh_token: Option<Sensitive>,
    scope: ScopeSet,
    expires_at: Timestamp,
    /// How the access token is used.
    token_type: TokenType,
}

impl Pair {
    /// Makes tokens of a family that ends at `end`.
    pub(super) async fn new(
        server: &AuthServer,
        family: &str,
        grant: Grant,
        end: Timestamp,
        refreshes: bool,
    ) -> Result<Self, KeyError> {
        let (now, entropy, lifetimes) = (server.now(), server.entropy(), server.lifetimes());
        let refresh = refreshes.then(|| {
            let record = RefreshRecord {
                family: family.to_owned(),
                client_id: grant.client_id.clone(),
                expires_at: end.min(now + lifetimes.refresh_token),
            };
            (Ticket::of_family(family, entropy), record)
        });
        let record = AccessRecord {
            id: entropy.hex::<16>(),
            family: family.to_owned(),
            grant,
            issued_at: now,
            expires_at: end.min(now + lifetimes.access_token),
        };
        let token = match server.config().token_format {
            TokenFormat::Opaque => IssuedToken::Opaque(Ticket::of_family(family, entropy)),
            TokenFormat::Jwt => {
                let claims = record.claims(server.issuer().as_str());
                IssuedToken::Signed(Secret::new(server.keys().sign("at+jwt", &claims).await?))
            }
        };
        Ok(Self { access: (token, record), refresh })
    }

    /// The refresh token, if there is one.
    pub(super) fn refresh(&self) -> Option<&RefreshToken> {
        self.refresh.as_ref().map(|(token, _)| token)
    }

    /// What the audit log says of them.
    pub(super) fn line(&self, event: Event) -> audit::Line<'_> {
        let AccessRecord { family, grant, .. } = &self.access.1;
        event.line().subject(&grant.user.sub).client(&grant.client_id).login(family)
    }

    /// Keeps them. They are good from now on, if their family is.
    pub(super) async fn keep(&self, server: &AuthServer) -> Result<(), StoreError> {
        let (tokens, now) = (&server.repo().tokens, server.now());
        let refresh = async {
            match &self.refresh {
                Some((token, record)) => tokens.add_refresh(token, record, now).await,
                None => Ok(()),
            }
        };
        // One way to the store and back for both.
        let access = tokens.add_access(&self.access.0, &self.access.1, now);
        tokio::try_join!(refresh, access).map(|_| ())
    }

    /// Forgets them, since nobody was told of them.
    pub(super) async fn forget(self, server: &AuthServer) -> Result<(), StoreError> {
        let tokens = &server.repo().tokens;
        tokens.remove_access(&self.access.0).await?;
        match self.refresh {
            Some((token, _)) => tokens.remove_refresh(&token).await,
            None => Ok(()),
        }
    }

    /// What the client is told.
    pub(super) fn answer(&self) -> Answer {
        let (token, record) = &self.access;
        Answer {
            access_token: Sensitive::new(token.expose()),
            refresh_token: self.refresh().map(|token| Sensitive::new(token.expose())),
            scope: record.grant.scope.clone(),
            expires_at: record.expires_at,
            token_type: record.grant.token_type(),
        }
    }
}

impl Answer {
    /// The answer as it is given at `now`.
    pub(super) fn response(self, now: Timestamp) -> TokenResponse {
        TokenResponse {
            access_token: self.access_token,
            token_type: self.token_type,
            expires_in: self.expires_at.since(now).max(Duration::from_secs(1)).as_secs(),
            refresh_token: self.refresh_token,
            scope: self.scope,
            id_token: None,
        }
    }
}
