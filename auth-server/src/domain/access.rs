//! What tokens stand for.

use ambient::Timestamp;
use dpop::Thumbprint;
use serde::{Deserialize, Serialize};
use shared::oauth::{AccessTokenClaims, ActiveToken, Confirmation, ScopeSet, TokenType};

/// Somebody who has logged in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct User {
    /// A stable identifier.
    pub(crate) sub: String,
    /// A name for people, never for decisions.
    pub(crate) name: String,
    /// An address for mail.
    #[serde(default)]
    pub(crate) email: Option<String>,
    /// Whether the identity provider says that it has checked that address.
    #[serde(default)]
    pub(crate) is_email_verified: bool,
}

/// What a user has allowed a client to do with a resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Grant {
    pub(crate) client_id: String,
    pub(crate) user: User,
    pub(crate) scope: ScopeSet,
    /// The audience.
    pub(crate) resource: String,
    /// When the user has logged in; a client that acts for itself has not.
    #[serde(default)]
    pub(crate) auth_time: Option<Timestamp>,
    /// The key that its tokens are bound to (RFC 9449).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<Thumbprint>,
}

impl Grant {
    /// How its tokens are used.
    pub(crate) const fn token_type(&self) -> TokenType {
        if self.key.is_some() { TokenType::Dpop } else { TokenType::Bearer }
    }

    /// What resource servers are told of the key, in either form of token: without it, a token that
    /// is bound would pass for one that is not.
    fn confirmation(&self) -> Option<Confirmation> {
        self.key.as_ref().map(|key| Confirmation { jkt: key.to_string() })
    }
}

/// What is kept of an access token. It is good while it is there, has not expired, and its family
/// is alive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AccessRecord {
    /// Its name in logs and answers, which opens nothing.
    pub(crate) id: String,
    pub(crate) family: String,
    pub(crate) grant: Grant,
    pub(crate) issued_at: Timestamp,
    pub(crate) expires_at: Timestamp,
}

impl AccessRecord {
    /// What a signed token says (RFC 9068 section 2.2): the same as introspection.
    pub(crate) fn claims(&self, issuer: &str) -> AccessTokenClaims {
        AccessTokenClaims {
            iss: issuer.to_owned(),
            exp: self.expires_at.as_secs(),
            aud: self.grant.resource.clone(),
            sub: self.grant.user.sub.clone(),
            client_id: self.grant.client_id.clone(),
            iat: self.issued_at.as_secs(),
            jti: self.id.clone(),
            scope: self.grant.scope.clone(),
            auth_time: self.grant.auth_time.map(Timestamp::as_secs),
            cnf: self.grant.confirmation(),
        }
    }

    /// What a resource server may know of it.
    pub(crate) fn describe(self, issuer: &str) -> ActiveToken {
        ActiveToken {
            active: true,
            token_type: self.grant.token_type(),
            cnf: self.grant.confirmation(),
            scope: self.grant.scope,
            client_id: self.grant.client_id,
            username: self.grant.user.name,
            exp: self.expires_at.as_secs(),
            iat: self.issued_at.as_secs(),
            nbf: Some(self.issued_at.as_secs()),
            sub: self.grant.user.sub,
            aud: self.grant.resource,
            iss: issuer.to_owned(),
            jti: self.id,
        }
    }
}

/// What is kept of a refresh token: where to look for everything else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RefreshRecord {
    pub(crate) family: String,
    pub(crate) client_id: String,
    pub(crate) expires_at: Timestamp,
}
