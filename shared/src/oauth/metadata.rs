//! Discovery documents: the authorization server's (RFC 8414) and the protected resource's
//! (RFC 9728).

use serde::{Deserialize, Serialize};

use super::{GrantType, Scope, TokenEndpointAuthMethod};

/// Paths of the documents on the origin they describe.
pub mod well_known {
    /// Authorization server metadata (RFC 8414 section 3).
    pub const AUTHORIZATION_SERVER: &str = "/.well-known/oauth-authorization-server";
    /// The same document for `OpenID` clients (`OpenID` Connect Discovery section 4).
    pub const OPENID_CONFIGURATION: &str = "/.well-known/openid-configuration";
    /// Protected resource metadata (RFC 9728 section 3); the resource's path follows.
    pub const PROTECTED_RESOURCE: &str = "/.well-known/oauth-protected-resource";
}

/// What an authorization server can do and where (RFC 8414 section 2). Everything in it is a promise.
#[expect(clippy::struct_excessive_bools, reason = "the members of the document are what they are")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizationServerMetadata {
    /// Its identifier. Clients compare it byte for byte with the URL they started from.
    pub issuer: String,
    /// Where a user's browser is sent.
    pub authorization_endpoint: String,
    /// Where codes and refresh tokens are redeemed.
    pub token_endpoint: String,
    /// Where the public keys of its signatures are (RFC 7517).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    /// Where clients register (RFC 7591).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration_endpoint: Option<String>,
    /// Where tokens are given back (RFC 7009).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revocation_endpoint: Option<String>,
    /// Where resource servers ask about tokens (RFC 7662).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub introspection_endpoint: Option<String>,
    /// Where devices without a browser begin (RFC 8628).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_authorization_endpoint: Option<String>,
    /// Where a user's browser is sent to log out (`OpenID` Connect RP-Initiated Logout).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_session_endpoint: Option<String>,
    /// Where clients hand in authorization requests ahead of the browser (RFC 9126).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pushed_authorization_request_endpoint: Option<String>,
    /// Whether they must.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub require_pushed_authorization_requests: bool,
    /// The algorithms of proofs of possession (RFC 9449 section 5.1).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dpop_signing_alg_values_supported: Vec<String>,
    /// The scopes that can be granted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes_supported: Vec<Scope>,
    /// What an authorization request can ask for.
    pub response_types_supported: Vec<String>,
    /// How the answer to an authorization request can travel.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub response_modes_supported: Vec<String>,
    /// What can be redeemed at the token endpoint.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grant_types_supported: Vec<GrantType>,
    /// How PKCE challenges can be made. MCP clients refuse a server that does not list `S256`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub code_challenge_methods_supported: Vec<String>,
    /// How clients can authenticate at the token endpoint.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub token_endpoint_auth_methods_supported: Vec<TokenEndpointAuthMethod>,
    /// How clients can sign when they authenticate by a key; the same at every endpoint.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub token_endpoint_auth_signing_alg_values_supported: Vec<String>,
    /// How clients can authenticate at the revocation endpoint.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub revocation_endpoint_auth_methods_supported: Vec<TokenEndpointAuthMethod>,
    /// How clients can sign at the revocation endpoint.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub revocation_endpoint_auth_signing_alg_values_supported: Vec<String>,
    /// How resource servers can authenticate at the introspection endpoint.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub introspection_endpoint_auth_methods_supported: Vec<TokenEndpointAuthMethod>,
    /// How resource servers can sign at the introspection endpoint.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub introspection_endpoint_auth_signing_alg_values_supported: Vec<String>,
    /// Where an access token gets the claims of its user (`OpenID` Connect Core section 5.3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub userinfo_endpoint: Option<String>,
    /// Whether subjects are the same for all clients (`OpenID` Connect Core section 8).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subject_types_supported: Vec<String>,
    /// How identity tokens are signed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub id_token_signing_alg_values_supported: Vec<String>,
    /// A page for developers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_documentation: Option<String>,
    /// The claims that can be told of a user.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claims_supported: Vec<String>,
    /// Whether an authorization request can be at an address of the client's (`OpenID` Connect Core
    /// section 6.2). Who says nothing says yes.
    #[serde(default = "yes")]
    pub request_uri_parameter_supported: bool,
    /// Whether every authorization response names the issuer (RFC 9207).
    #[serde(default)]
    pub authorization_response_iss_parameter_supported: bool,
    /// Whether a client's identifier can be the URL of a document about it.
    #[serde(default)]
    pub client_id_metadata_document_supported: bool,
}

const fn yes() -> bool {
    true
}

/// What a protected resource tells those who come without a token (RFC 9728 section 2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProtectedResourceMetadata {
    /// Its identifier: what clients ask tokens for (RFC 8707).
    pub resource: String,
    /// The issuers whose tokens it takes; at least one.
    pub authorization_servers: Vec<String>,
    /// The scopes for its basic functions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes_supported: Vec<Scope>,
    /// How tokens can be sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bearer_methods_supported: Vec<String>,
    /// The algorithms of proofs of possession (RFC 9728 section 2).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dpop_signing_alg_values_supported: Vec<String>,
    /// Whether every token must be bound to a key.
    #[serde(default)]
    pub dpop_bound_access_tokens_required: bool,
    /// Its name, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_name: Option<String>,
}
