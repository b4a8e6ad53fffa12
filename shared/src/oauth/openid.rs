//! Identity: what a client learns about the user (`OpenID` Connect Core).

use serde::{Deserialize, Serialize};

/// What an identity token says (`OpenID` Connect Core section 2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdTokenClaims {
    /// Who has issued it: the issuer of the metadata, byte for byte.
    pub iss: String,
    /// The user.
    pub sub: String,
    /// The client that it is for.
    pub aud: String,
    /// When it ends, in whole seconds since the Unix epoch.
    pub exp: u64,
    /// When it was issued, in whole seconds since the Unix epoch.
    pub iat: u64,
    /// When the user has logged in, in whole seconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<u64>,
    /// What the client sent along, to know its own request again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
}

/// What is told of a user (`OpenID` Connect Core section 5.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserInfo {
    /// The user, the same as in the identity token.
    pub sub: String,
    /// A name for people; with the scope `profile`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// An address for mail; with the scope `email`, if one is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Whether anybody has made sure that mail there reaches the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email_verified: Option<bool>,
}

/// What a signed access token says (RFC 9068 section 2.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessTokenClaims {
    /// Who has issued it: the issuer of the metadata, byte for byte.
    pub iss: String,
    /// When it ends, in whole seconds since the Unix epoch.
    pub exp: u64,
    /// The resource it is for.
    pub aud: String,
    /// Who has allowed it; the client itself if it acts for itself.
    pub sub: String,
    /// Whom it was issued to.
    pub client_id: String,
    /// When it was issued, in whole seconds since the Unix epoch.
    pub iat: u64,
    /// The name of the token, which is no secret.
    pub jti: String,
    /// What it allows.
    pub scope: super::ScopeSet,
    /// When the user has logged in, in whole seconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<u64>,
    /// The key without which it is of no use (RFC 9449 section 6.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cnf: Option<super::Confirmation>,
}
