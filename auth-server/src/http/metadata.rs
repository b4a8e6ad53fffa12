//! `GET /.well-known/oauth-authorization-server` (RFC 8414) and `openid-configuration` (`OpenID`
//! Connect Discovery): one document. Everything in it works, and everything that works is in it.
//!
//! Where the two are if the issuer has a path is for [`Issuer`](crate::Issuer) to say.

use axum::{Json, extract::State, response::IntoResponse};
use http::header;
use shared::oauth::{
    AuthorizationServerMetadata, GrantType, Scope, TokenEndpointAuthMethod as Method,
};

use crate::{AuthServer, assertions::ALGORITHMS, domain::identity_scopes};

/// What identity tokens and `/userinfo` say.
const CLAIMS: [&str; 10] =
    ["iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "name", "email", "email_verified"];

pub(super) async fn get(State(server): State<AuthServer>) -> impl IntoResponse {
    ([(header::CACHE_CONTROL, "public, max-age=300")], Json(document(&server)))
}

fn document(server: &AuthServer) -> AuthorizationServerMetadata {
    let at = |path| server.issuer().at(path);
    let text = |text: &str| vec![text.to_owned()];
    let strangers = server.config().strangers;
    AuthorizationServerMetadata {
        issuer: server.issuer().to_string(),
        authorization_endpoint: at("/authorize"),
        token_endpoint: at("/token"),
        jwks_uri: Some(at("/jwks")),
        registration_endpoint: strangers.may_register.then(|| at("/register")),
        revocation_endpoint: Some(at("/revoke")),
        introspection_endpoint: Some(at("/introspect")),
        device_authorization_endpoint: Some(at("/device_authorization")),
        end_session_endpoint: Some(at("/logout")),
        pushed_authorization_request_endpoint: Some(at("/par")),
        require_pushed_authorization_requests: server.config().require_pushed,
        dpop_signing_alg_values_supported: dpop::ALGORITHMS.map(str::to_owned).into(),
        scopes_supported: scopes(server),
        response_types_supported: text("code"),
        response_modes_supported: text("query"),
        grant_types_supported: grant_types(server),
        code_challenge_methods_supported: text("S256"),
        token_endpoint_auth_methods_supported: client_methods(),
        token_endpoint_auth_signing_alg_values_supported: assertion_algorithms(),
        revocation_endpoint_auth_methods_supported: client_methods(),
        revocation_endpoint_auth_signing_alg_values_supported: assertion_algorithms(),
        introspection_endpoint_auth_methods_supported: resource_server_methods(server),
        introspection_endpoint_auth_signing_alg_values_supported: if signs(server) {
            assertion_algorithms()
        } else {
            Vec::new()
        },
        userinfo_endpoint: Some(at("/userinfo")),
        subject_types_supported: text("public"),
        id_token_signing_alg_values_supported: signing_algorithms(server),
        service_documentation: Some(at("/")),
        claims_supported: CLAIMS.map(ToOwned::to_owned).to_vec(),
        // Those that were pushed have names of ours, which are no addresses.
        request_uri_parameter_supported: false,
        authorization_response_iss_parameter_supported: true,
        client_id_metadata_document_supported: strangers.by_document,
    }
}

/// Those of the resource, and after them those about the user.
fn scopes(server: &AuthServer) -> Vec<Scope> {
    server.scopes().iter().chain(identity_scopes().iter()).cloned().collect()
}

fn signing_algorithms(server: &AuthServer) -> Vec<String> {
    server.keys().algorithms().into_iter().map(|algorithm| algorithm.to_string()).collect()
}

fn client_methods() -> Vec<Method> {
    vec![Method::None, Method::ClientSecretBasic, Method::ClientSecretPost, Method::PrivateKeyJwt]
}

/// The MCP server shows a secret or signs, as the operator has set.
fn resource_server_methods(server: &AuthServer) -> Vec<Method> {
    let secret = [Method::ClientSecretBasic, Method::ClientSecretPost];
    let has_secret = server.config().resource_server.secret.is_some();
    let secret = secret.into_iter().filter(|_| has_secret);
    secret.chain(signs(server).then_some(Method::PrivateKeyJwt)).collect()
}

fn signs(server: &AuthServer) -> bool {
    server.config().resource_server.keys.is_some()
}

fn assertion_algorithms() -> Vec<String> {
    ALGORITHMS.iter().map(|(name, _)| (*name).to_owned()).collect()
}

/// Clients that act for themselves are those that the operator has registered for it.
fn grant_types(server: &AuthServer) -> Vec<GrantType> {
    let own = server.config().clients.act_for_themselves();
    let own = own.then_some(GrantType::ClientCredentials);
    let vouched = (!server.config().id_jag.is_empty()).then_some(GrantType::JwtBearer);
    let always = [GrantType::AuthorizationCode, GrantType::RefreshToken, GrantType::DeviceCode];
    always.into_iter().chain(own).chain(vouched).collect()
}
