//! `POST /consent`: the user has agreed, or not.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use shared::oauth::ErrorCode;
use store::StoreError;

use super::{
    answer,
    authorize::{cookie, fail},
    browser::comes_from_our_page,
    login::{self, Trip},
    params::{Form, ParamsError},
};
use crate::{
    AuthServer,
    audit::Event,
    domain::{Goal, Handle, WrongTurn, form_token},
    pages::{ErrorPage, page},
};

/// The form of the page.
#[derive(Deserialize)]
pub(super) struct ConsentForm {
    transaction: String,
    /// Shows that the form comes from our page, in this browser.
    token: String,
    decision: Decision,
}

#[derive(Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Decision {
    Approve,
    Deny,
}

/// Why a decision does not count.
#[derive(Debug, thiserror::Error)]
pub(super) enum RouteError {
    #[error("the form is malformed: {0}")]
    Params(#[from] ParamsError),
    #[error("the form was sent by another site")]
    CrossSite,
    #[error("the form has a wrong token")]
    Token,
    #[error("there is no such transaction, or it has ended")]
    Unknown,
    #[error(transparent)]
    WrongTurn(#[from] WrongTurn),
    #[error(transparent)]
    Login(#[from] login::RouteError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl IntoResponse for RouteError {
    fn into_response(self) -> Response {
        let (status, title, text) = match self {
            Self::Store(error) => return answer::store_failure_page(error),
            Self::Login(error) => return error.into_response(),
            Self::Params(ref why) => (
                why.status(),
                "This form cannot be read",
                "Go back to the application and start again.",
            ),
            Self::Unknown | Self::WrongTurn(WrongTurn::Expired) => (
                StatusCode::BAD_REQUEST,
                "This request has ended",
                "It was answered already, or it took too long. Go back to the application and \
                 start again.",
            ),
            Self::CrossSite | Self::Token | Self::WrongTurn(_) => (
                StatusCode::FORBIDDEN,
                "This form does not belong to this browser",
                "It was not sent from the page that was shown here. Go back to the application \
                 and start again; cookies must be allowed.",
            ),
        };
        tracing::warn!(reason = %self, "decision refused");
        page(status, &ErrorPage { title, text })
    }
}

pub(super) async fn post(
    State(server): State<AuthServer>,
    headers: HeaderMap,
    form: Result<Form<ConsentForm>, ParamsError>,
) -> Result<Response, RouteError> {
    let Form(form) = form?;
    if !comes_from_our_page(&headers, server.issuer()) {
        return Err(RouteError::CrossSite);
    }
    let handle = Handle::parse(&form.transaction).ok_or(RouteError::Unknown)?;
    let transactions = &server.repo().transactions;
    let transaction = transactions.find(&handle).await?.ok_or(RouteError::Unknown)?;
    let cookie = cookie(&server, &handle);
    let key = cookie.read(&headers);
    transaction.check(key.as_ref(), server.now())?;
    // Timing tells nothing: only who has the key can compute the token.
    let key = key.filter(|key| form.token == form_token(&handle, key));
    let key = key.ok_or(RouteError::Token)?;
    if form.decision == Decision::Deny {
        let request = transactions.end(&handle).await?.ok_or(RouteError::Unknown)?.request;
        Event::ConsentDenied.line().client(&request.client_id).write();
        let failure = (ErrorCode::AccessDenied, "the user said no");
        let state = request.state.as_deref();
        let response = fail(server.issuer(), &request.redirect_uri, state, failure);
        return Ok((cookie.clear(), response).into_response());
    }
    let agreed = transactions.agree(&handle).await?.ok_or(RouteError::Unknown)?;
    let wish = &agreed.request.login;
    let trip = Trip { handle: &handle, key: &key, goal: Goal::Client, wish };
    Ok(trip.begin_anywhere(&server).await?)
}
