//! `GET /.well-known/oauth-authorization-server` (RFC 8414): everything in it works, and everything
//! that works is in it.
//!
//! There is no `openid-configuration`: that would promise identity tokens and keys. Clients ask for
//! this document first.

use axum::{Json, extract::State, response::IntoResponse};
use http::header;
use shared::oauth::{AuthorizationServerMetadata, GrantType, TokenEndpointAuthMethod};

use crate::AuthServer;

pub(super) async fn get(State(server): State<AuthServer>) -> impl IntoResponse {
    ([(header::CACHE_CONTROL, "public, max-age=300")], Json(document(&server)))
}

fn document(server: &AuthServer) -> AuthorizationServerMetadata {
    use TokenEndpointAuthMethod::{ClientSecretBasic, ClientSecretPost, None};
    let at = |path| format!("{}{path}", server.issuer());
    let text = |text: &str| vec![text.to_owned()];
    AuthorizationServerMetadata {
        issuer: server.issuer().to_owned(),
        authorization_endpoint: at("/authorize"),
        token_endpoint: at("/token"),
        registration_endpoint: Some(at("/register")),
        revocation_endpoint: Some(at("/revoke")),
        introspection_endpoint: Some(at("/introspect")),
        device_authorization_endpoint: Some(at("/device_authorization")),
        pushed_authorization_request_endpoint: Some(at("/par")),
        require_pushed_authorization_requests: server.config().require_pushed,
        dpop_signing_alg_values_supported: dpop::ALGORITHMS.map(str::to_owned).into(),
        scopes_supported: server.scopes().iter().cloned().collect(),
        response_types_supported: text("code"),
        response_modes_supported: text("query"),
        grant_types_supported: grant_types(server),
        code_challenge_methods_supported: text("S256"),
        token_endpoint_auth_methods_supported: vec![None, ClientSecretBasic, ClientSecretPost],
        revocation_endpoint_auth_methods_supported: vec![None, ClientSecretBasic, ClientSecretPost],
        introspection_endpoint_auth_methods_supported: vec![ClientSecretBasic, ClientSecretPost],
        authorization_response_iss_parameter_supported: true,
        client_id_metadata_document_supported: true,
    }
}

/// Clients that act for themselves exist if the operator has registered some.
fn grant_types(server: &AuthServer) -> Vec<GrantType> {
    let own = (!server.config().clients.is_empty()).then_some(GrantType::ClientCredentials);
    let always = [GrantType::AuthorizationCode, GrantType::RefreshToken, GrantType::DeviceCode];
    always.into_iter().chain(own).collect()
}
