//! Dynamic client registration (RFC 7591): what a client says about itself and what it gets.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ScopeSet, Sensitive};

/// What can be redeemed at the token endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantType {
    /// A code from an authorization response.
    AuthorizationCode,
    /// A refresh token.
    RefreshToken,
    /// Nothing but the client's own credentials.
    ClientCredentials,
    /// What an identity provider says of its user (RFC 7523).
    #[serde(rename = "urn:ietf:params:oauth:grant-type:jwt-bearer")]
    JwtBearer,
    /// A device code (RFC 8628).
    #[serde(rename = "urn:ietf:params:oauth:grant-type:device_code")]
    DeviceCode,
    /// Anything else.
    #[serde(untagged)]
    Other(String),
}

/// How a client proves who it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenEndpointAuthMethod {
    /// Not at all: a public client.
    None,
    /// Identifier and secret in the `Authorization` header.
    ClientSecretBasic,
    /// Identifier and secret in the form.
    ClientSecretPost,
    /// A signature, with keys of which the public part is known (RFC 7523).
    PrivateKeyJwt,
    /// Anything else.
    #[serde(untagged)]
    Other(String),
}

/// What a client asks to be registered with (RFC 7591 section 2). Members that mean nothing here are
/// ignored, as section 2 demands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientMetadata {
    /// Where authorization responses may be sent.
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// Its name, for people. Anybody can call himself anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_name: Option<String>,
    /// How it will authenticate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_endpoint_auth_method: Option<TokenEndpointAuthMethod>,
    /// What it will redeem.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant_types: Option<Vec<GrantType>>,
    /// What it will ask for at the authorization endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_types: Option<Vec<String>>,
    /// The scopes that it may ask for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<ScopeSet>,
    /// Its public keys (RFC 7517).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks: Option<Value>,
    /// Where its public keys are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    /// Whether all its token requests show a key (RFC 9449 section 5.2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dpop_bound_access_tokens: Option<bool>,
    /// Where a browser may be sent after a logout (`OpenID` Connect RP-Initiated Logout section 3.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post_logout_redirect_uris: Option<Vec<String>>,
    /// `native` or `web` (`OpenID` Connect Dynamic Client Registration section 2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application_type: Option<String>,
}

/// A registration as it is answered (RFC 7591 section 3.2.1): everything that was registered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisteredClient {
    /// Its identifier.
    pub client_id: String,
    /// When that was made, in seconds since the Unix epoch.
    pub client_id_issued_at: u64,
    /// Its secret, told here and never again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<Sensitive>,
    /// When the secret ends; 0 is never. There with a secret only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret_expires_at: Option<u64>,
    /// What it may change its registration with (RFC 7592 section 3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration_access_token: Option<Sensitive>,
    /// Where it may do so. There with a token only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration_client_uri: Option<String>,
    /// What was registered.
    #[serde(flatten)]
    pub metadata: ClientMetadata,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn unknown_members_and_nulls_are_ignored() {
        let metadata: ClientMetadata = serde_json::from_value(json!({
            "redirect_uris": ["http://localhost/callback"],
            "client_name": null,
            "logo_uri": 5,
            "grant_types": ["authorization_code", "urn:x"],
            "token_endpoint_auth_method": "client_secret_jwt",
        }))
        .unwrap();
        assert_eq!(metadata.client_name, None);
        assert_eq!(metadata.grant_types.unwrap()[1], GrantType::Other("urn:x".into()));
        let method = TokenEndpointAuthMethod::Other("client_secret_jwt".into());
        assert_eq!(metadata.token_endpoint_auth_method, Some(method));
    }

    #[test]
    fn what_is_absent_is_not_written() {
        let registered = RegisteredClient {
            client_id: "c".into(),
            client_id_issued_at: 1,
            client_secret: None,
            client_secret_expires_at: None,
            registration_access_token: None,
            registration_client_uri: None,
            metadata: ClientMetadata::default(),
        };
        let written = serde_json::to_value(&registered).unwrap();
        let expected = json!({"client_id": "c", "client_id_issued_at": 1, "redirect_uris": []});
        assert_eq!(written, expected);
    }
}
