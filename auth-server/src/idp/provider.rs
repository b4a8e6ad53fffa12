//! What programs ask the mock identity provider: its configuration, its key, and who is behind a
//! code (`OpenID` Connect Core section 3.1.3).

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use chassis::Fault;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use shared::oauth::{CodeVerifier, ErrorCode};

use super::{CLIENT_ID, Idp, LOGIN_LIFE};
use crate::{
    domain::LoginCode,
    http::{
        answer::{self, OAuthError},
        params::{Form, ParamsError},
    },
};

/// What redeems a code.
#[derive(Deserialize)]
pub(super) struct TokenForm {
    grant_type: String,
    code: String,
    redirect_uri: String,
    client_id: String,
    code_verifier: String,
}

/// `GET …/.well-known/openid-configuration`.
pub(super) async fn configuration(State(idp): State<Idp>) -> Json<Value> {
    let at = |path| format!("{}{path}", idp.issuer());
    Json(json!({
        "issuer": idp.issuer(),
        "authorization_endpoint": at("/authorize"),
        "token_endpoint": at("/token"),
        "jwks_uri": at("/jwks"),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "token_endpoint_auth_methods_supported": ["none"],
        "code_challenge_methods_supported": ["S256"],
        "scopes_supported": ["openid", "profile", "email"],
        "authorization_response_iss_parameter_supported": true,
    }))
}

/// `GET …/jwks`.
pub(super) async fn jwks(State(idp): State<Idp>) -> Json<Value> {
    Json(idp.0.signer.public().clone())
}

/// `POST …/token`. A code that is shown with the wrong proof key is not spent: who has seen it in an
/// address can neither use it nor use it up.
pub(super) async fn token(
    State(idp): State<Idp>,
    form: Result<Form<TokenForm>, ParamsError>,
) -> Response {
    let Form(form) = match form {
        Ok(form) => form,
        Err(error) => return error.into_response(),
    };
    if form.grant_type != "authorization_code" {
        return refuse(ErrorCode::UnsupportedGrantType, "only codes are redeemed here");
    }
    if form.client_id != CLIENT_ID || form.redirect_uri != idp.0.callback {
        return refuse(ErrorCode::InvalidClient, "this provider serves its own server only");
    }
    let unknown = || refuse(ErrorCode::InvalidGrant, "the code is unknown, used, or not yours");
    let (code, verifier) = (LoginCode::parse(&form.code), form.code_verifier.parse());
    let (Some(code), Ok(verifier)) = (code, verifier) else { return unknown() };
    match redeem(&idp, &code, &verifier).await {
        Ok(answer) => answer.unwrap_or_else(unknown),
        Err(fault) => fault,
    }
}

async fn redeem(
    idp: &Idp,
    code: &LoginCode,
    verifier: &CodeVerifier,
) -> Result<Option<Response>, Response> {
    let logins = &idp.0.logins;
    let name = code.digest();
    let found = logins.get(name.as_str()).await.map_err(answer::store_failure)?;
    if !found.is_some_and(|login| login.challenge.fits(verifier)) {
        return Ok(None);
    }
    let taken = logins.take(name.as_str()).await.map_err(answer::store_failure)?;
    let now = idp.0.clock.now();
    let login = taken.filter(|login| now < login.logged_in_at + LOGIN_LIFE);
    let Some(login) = login else { return Ok(None) };
    let claims = json!({
        "iss": idp.issuer(),
        "sub": login.user.sub,
        "aud": CLIENT_ID,
        "exp": (now + LOGIN_LIFE).as_secs(),
        "iat": now.as_secs(),
        "auth_time": login.logged_in_at.as_secs(),
        "nonce": login.nonce,
        "name": login.user.name,
        "email": login.user.email,
    });
    let signed = idp.0.signer.sign(&claims).map_err(|error| Fault::from(error).into_response())?;
    let body = json!({
        // No endpoint of ours takes it: the identity token says all there is to say.
        "access_token": idp.0.entropy.hex::<16>(),
        "token_type": "Bearer",
        "expires_in": LOGIN_LIFE.as_secs(),
        "scope": "openid profile email",
        "id_token": signed,
    });
    Ok(Some(answer::no_store(StatusCode::OK, body)))
}

fn refuse(code: ErrorCode, text: &'static str) -> Response {
    OAuthError::new(code, text).into()
}
