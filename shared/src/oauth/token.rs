//! The token endpoint (RFC 6749, OAuth 2.1) and revocation (RFC 7009): forms in, JSON out.

use serde::{Deserialize, Serialize};

use super::{DeviceCodeRequest, ScopeSet, Sensitive};

/// A token request without the client's credentials, which can also travel in a header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "grant_type", rename_all = "snake_case")]
pub enum TokenRequest {
    /// Redeems a code.
    AuthorizationCode(AuthorizationCodeRequest),
    /// Redeems a refresh token.
    RefreshToken(RefreshTokenRequest),
    /// A client asks for itself.
    ClientCredentials(ClientCredentialsRequest),
    /// An identity provider speaks for its user.
    #[serde(rename = "urn:ietf:params:oauth:grant-type:jwt-bearer")]
    JwtBearer(JwtBearerRequest),
    /// A device asks whether its user has decided.
    #[serde(rename = "urn:ietf:params:oauth:grant-type:device_code")]
    DeviceCode(DeviceCodeRequest),
    /// Any other grant.
    #[serde(other)]
    Unsupported,
}

/// A code is redeemed (RFC 6749 section 4.1.3, RFC 7636 section 4.5, RFC 8707 section 2.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizationCodeRequest {
    /// The code.
    pub code: Sensitive,
    /// The secret behind the challenge of the authorization request. Without it nothing is granted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_verifier: Option<Sensitive>,
    /// The redirect URI of the authorization request. OAuth 2.1 has dropped it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect_uri: Option<String>,
    /// What the token shall be for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
}

/// A refresh token is redeemed (RFC 6749 section 6).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefreshTokenRequest {
    /// The refresh token.
    pub refresh_token: Sensitive,
    /// Fewer scopes than were granted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<ScopeSet>,
    /// What the token shall be for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
}

/// A client asks for itself, without a user (RFC 6749 section 4.4, RFC 8707 section 2.2).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientCredentialsRequest {
    /// The scopes it wants; all it may have if there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<ScopeSet>,
    /// What the token shall be for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
}

/// What an identity provider says of its user is redeemed (RFC 7523 section 2.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JwtBearerRequest {
    /// What the provider has signed.
    pub assertion: Sensitive,
    /// Fewer scopes than it allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<ScopeSet>,
    /// What the token shall be for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
}

/// How an access token is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TokenType {
    /// Whoever has it may use it (RFC 6750).
    Bearer,
    /// Who has its key as well may use it (RFC 9449).
    #[serde(rename = "DPoP")]
    Dpop,
}

/// Tokens (RFC 6749 section 5.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenResponse {
    /// For requests to the resource.
    pub access_token: Sensitive,
    /// How it is used.
    pub token_type: TokenType,
    /// How long it lives, in seconds.
    pub expires_in: u64,
    /// For new tokens, if the client may have them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<Sensitive>,
    /// What was granted.
    pub scope: ScopeSet,
    /// Who has logged in, if the client asked (`OpenID` Connect Core section 3.1.3.3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_token: Option<Sensitive>,
}

/// A token is given back (RFC 7009 section 2.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevocationRequest {
    /// An access token or a refresh token.
    pub token: Sensitive,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_grant_type_says_what_else_must_be_there() {
        let read = serde_json::from_value::<TokenRequest>;
        let refresh = read(json!({"grant_type": "refresh_token", "refresh_token": "r"})).unwrap();
        assert!(matches!(refresh, TokenRequest::RefreshToken(request) if request.scope.is_none()));
        let missing = read(json!({"grant_type": "authorization_code"})).unwrap_err();
        assert_eq!(missing.to_string(), "missing field `code`");
        assert_eq!(
            read(json!({"code": "c"})).unwrap_err().to_string(),
            "missing field `grant_type`"
        );
        let own = read(json!({"grant_type": "client_credentials"})).unwrap();
        assert_eq!(own, TokenRequest::ClientCredentials(ClientCredentialsRequest::default()));
        let other = read(json!({"grant_type": "password", "username": "u"})).unwrap();
        assert_eq!(other, TokenRequest::Unsupported);
    }

    #[test]
    fn requests_do_not_print_their_secrets() {
        let request = RefreshTokenRequest {
            refresh_token: Sensitive::new("hunter2"),
            scope: None,
            resource: None,
        };
        assert!(!format!("{request:?}").contains("hunter2"));
    }
}
