//! `GET /callback`: the browser comes back from the identity provider, and the client gets its code.
//!
//! Nobody can finish somebody else's login: the `state` must be the one this transaction was sent
//! away with, the browser the one it began in, and the user is learnt from the provider, in exchange
//! for a code that answers this `state` only. Until then there is no authorization code.

use axum::{
    extract::{RawQuery, State},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use shared::oauth::ErrorCode;
use store::StoreError;

use super::{
    answer,
    authorize::{cookie, fail, respond},
    params::{Params, ParamsError},
};
use crate::{
    AuthServer,
    audit::Event,
    domain::{
        AuthorizationCode, AuthorizationRequest, ClientUrl, Code, Grant, Handle, Nonce, Ticket,
        Transaction, User, WrongTurn,
    },
    pages::{ErrorPage, page},
    repo::CODE_LIFE,
};

/// What the identity provider sends back.
#[derive(Deserialize)]
struct LoginResponse {
    state: String,
    iss: String,
    code: Option<String>,
    error: Option<String>,
}

/// Why there is no code.
#[derive(Debug, thiserror::Error)]
pub(super) enum RouteError {
    #[error("the answer of the identity provider is malformed: {0}")]
    Params(#[from] ParamsError),
    #[error("the answer is from another identity provider")]
    OtherIssuer,
    #[error("there is no such transaction, or it has ended")]
    Unknown,
    #[error(transparent)]
    WrongTurn(#[from] WrongTurn),
    #[error("the identity provider does not know this login, or it was used")]
    UnknownLogin,
    #[error("the redirect URI is not one of the client's")]
    RedirectUri,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl IntoResponse for RouteError {
    fn into_response(self) -> Response {
        let (status, title, text) = match self {
            Self::Store(error) => return answer::store_failure_page(error),
            Self::WrongTurn(WrongTurn::OtherBrowser) => (
                StatusCode::FORBIDDEN,
                "This login began in another browser",
                "It has to end where it began. Go back to the application and start again; cookies \
                 must be allowed.",
            ),
            Self::Params(_)
            | Self::OtherIssuer
            | Self::Unknown
            | Self::WrongTurn(_)
            | Self::UnknownLogin
            | Self::RedirectUri => (
                StatusCode::BAD_REQUEST,
                "This login has ended",
                "It was used already, or it took too long. Go back to the application and start \
                 again.",
            ),
        };
        tracing::warn!(reason = %self, "login not accepted");
        page(status, &ErrorPage { title, text })
    }
}

pub(super) async fn get(
    State(server): State<AuthServer>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, RouteError> {
    let login: LoginResponse = Params::parse(query.unwrap_or_default().as_bytes()).read()?;
    if login.iss != server.idp().issuer() {
        return Err(RouteError::OtherIssuer);
    }
    let (handle, nonce) = read_state(&login.state).ok_or(RouteError::Unknown)?;
    let transactions = &server.repo().transactions;
    let transaction = transactions.find(&handle).await?.ok_or(RouteError::Unknown)?;
    let cookie = cookie(&server, &handle);
    transaction.check(cookie.read(&headers).as_ref(), server.now())?;
    transaction.check_login(&nonce)?;
    let user = match login.code {
        Some(code) if login.error.is_none() => {
            let user = server.idp().redeem(&code, &login.state).await?;
            Some(user.ok_or(RouteError::UnknownLogin)?)
        }
        _ => None,
    };
    // Of several who come here at once, one ends the transaction and gets the code.
    let ended = transactions.end(&handle).await?.ok_or(RouteError::Unknown)?;
    let Transaction { client, request, .. } = ended;
    // Checked at the beginning; checked again where it counts.
    if !request.may_be_answered(&client) {
        return Err(RouteError::RedirectUri);
    }
    let response = if let Some(user) = user {
        if ClientUrl::is_meant(&client.id) {
            server.repo().clients.remember(&client).await?;
        }
        hand_out(&server, request, user).await?
    } else {
        let failure = (ErrorCode::AccessDenied, "there was no login");
        fail(server.issuer(), &request.redirect_uri, request.state.as_deref(), failure)
    };
    Ok((cookie.clear(), response).into_response())
}

fn read_state(state: &str) -> Option<(Handle, Nonce)> {
    let (handle, nonce) = state.split_once('.')?;
    Some((Handle::parse(handle)?, Nonce::parse(nonce)?))
}

/// The code, to the client.
async fn hand_out(
    server: &AuthServer,
    request: AuthorizationRequest,
    user: User,
) -> Result<Response, StoreError> {
    let AuthorizationRequest {
        client_id,
        redirect_uri,
        state,
        challenge,
        scope,
        resource,
        nonce,
        key,
        ..
    } = request;
    Event::ConsentGiven.line().client(&client_id).subject(&user.sub).write();
    let ticket: AuthorizationCode = Ticket::random(server.entropy());
    let auth_time = Some(server.now());
    let code = Code {
        grant: Grant { client_id, user, scope, resource, auth_time, key },
        nonce,
        redirect_uri,
        challenge,
        family: server.entropy().hex::<16>(),
        expires_at: server.now() + CODE_LIFE,
    };
    server.repo().codes.add(&ticket, &code).await?;
    let result = [("code", ticket.expose())];
    Ok(respond(server.issuer(), &code.redirect_uri, state.as_deref(), &result))
}
