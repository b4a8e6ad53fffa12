//! The rules about tokens, without network: what is said of a token goes in, a caller comes out.
//!
//! [`Jws`] takes a signed token apart, [`KeySet`] checks its signature, [`Claims`] is what it or an
//! introspection answer says, and [`Policy`] says whether that makes somebody a caller here. The
//! same rules judge both, so a provider can be asked either way (decision 0023).

mod claims;
mod json;
mod jws;
mod keys;
mod ours;
mod policy;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use ambient::Timestamp;
use chassis::Requester;
use mcp_core::Principal;
use serde_json::Value;

pub(crate) use self::{
    claims::Claims,
    jws::{Jws, is_of_another_kind, looks_encrypted, looks_signed, media_type, says_another_kind},
    keys::{KeySet, Signed},
    ours::looks_broken,
    policy::{Policy, Said, folded},
};

/// A caller, and until when he is one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Validated {
    pub(crate) principal: Arc<Principal>,
    /// The token is no good from here on.
    pub(crate) expires_at: Timestamp,
    /// To what key the token is bound (RFC 7800). Whoever lets such a token in without a proof
    /// makes a bearer token of it.
    pub(crate) confirmation: Option<Arc<Value>>,
    /// Who it is, for the log.
    pub(crate) requester: Option<Requester>,
}

impl Validated {
    pub(crate) fn new(
        principal: Arc<Principal>,
        expires_at: Timestamp,
        confirmation: Option<Arc<Value>>,
    ) -> Self {
        let user = principal.user.as_deref().map(Requester::user);
        let requester = user.or_else(|| principal.client.as_deref().map(Requester::client));
        Self { principal, expires_at, confirmation, requester }
    }
}

/// Why a token is no good: one rule each, in the words of the challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Inactive {
    #[error("The token is not active")]
    NotActive,
    #[error("The token is not a signed JWT")]
    NotJwt,
    #[error("The token is encrypted for somebody else")]
    Encrypted,
    #[error("The token has a header that must be understood and is not")]
    Critical,
    #[error("The token is not of a type that is accepted here")]
    TokenType,
    #[error("The token is not signed with an algorithm that is accepted here")]
    Algorithm,
    #[error("The token is not signed by a key of its issuer")]
    Key,
    #[error("The signature of the token is wrong")]
    Signature,
    #[error("The token has a claim of a wrong type")]
    WrongType,
    #[error("The token was issued by somebody else")]
    Issuer,
    #[error("The token was not issued for this server")]
    Audience,
    #[error("The token has expired")]
    Expired,
    #[error("The token does not say when it expires")]
    NoExpiry,
    #[error("The token lives longer than is accepted here")]
    LivesTooLong,
    #[error("The token is not valid yet")]
    NotYet,
    #[error("A refresh token is not an access token")]
    RefreshToken,
    #[error("The token is not an access token")]
    NotAccessToken,
    #[error("The token lacks a claim that is required here")]
    RequiredClaim,
    #[error("The token was issued to a client that is not accepted here")]
    Client,
    #[error("The token names somebody, and in none of the claims of MCP_AUTH_USER_CLAIM")]
    UserClaim,
    #[error("The token belongs to nobody")]
    Nobody,
    #[error("The token belongs to somebody without a proper name")]
    ImproperName,
    #[error("The token is bound in a way that is not supported here")]
    Bound,
    #[error("The token says something else than its authorization server says of it")]
    Disagreement,
}
