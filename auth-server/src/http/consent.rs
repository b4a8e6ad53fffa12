//! `POST /consent`: the user has agreed, or not.

use ambient::Timestamp;
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
    authorization_response::fail,
    browser::transaction_cookie,
    conclude::{Conclusion, ConclusionError, Consent},
    login::{self, Trip},
    page_form::{PageError, PageForm, check_token},
    session,
};
use crate::{
    AuthServer,
    audit::Event,
    domain::{BrowserKey, Goal, Handle, Session, Transaction, WrongTurn, form_token, user_tag},
    guard::Caller,
    pages::{ConsentPage, ErrorPage, Viewer, page},
};

/// The form of the page.
#[derive(Deserialize)]
pub(super) struct ConsentForm {
    transaction: String,
    /// Shows that the form comes from our page, in this browser.
    token: String,
    decision: Decision,
    /// Whom the page was shown to, if somebody was logged in.
    #[serde(rename = "for")]
    shown_to: Option<String>,
    /// Whether the user wants to be somebody else.
    other: Option<String>,
}

#[derive(Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Decision {
    Approve,
    Deny,
    /// As somebody else: the page again, for nobody.
    Switch,
}

/// Why a decision does not count.
#[derive(Debug, thiserror::Error)]
pub(super) enum RouteError {
    #[error(transparent)]
    Page(#[from] PageError),
    #[error("there is no such transaction, or it has ended")]
    Unknown,
    #[error(transparent)]
    WrongTurn(#[from] WrongTurn),
    #[error(transparent)]
    Login(#[from] login::RouteError),
    #[error(transparent)]
    Conclusion(#[from] ConclusionError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl IntoResponse for RouteError {
    fn into_response(self) -> Response {
        let (status, title, text) = match self {
            Self::Store(error) => return answer::store_failure_page(error),
            Self::Conclusion(error) => return error.into_response(),
            Self::Login(error) => return error.into_response(),
            Self::Page(error) => return error.into_response(),
            Self::WrongTurn(WrongTurn::OtherBrowser) => {
                return PageError::OtherBrowser.into_response();
            }
            Self::Unknown | Self::WrongTurn(_) => (
                StatusCode::BAD_REQUEST,
                "This request has ended",
                "It was answered already, or it took too long. Go back to the application and \
                 start again.",
            ),
        };
        tracing::warn!(reason = %self, "decision refused");
        page(status, &ErrorPage::new(title, text))
    }
}

pub(super) async fn post(
    State(server): State<AuthServer>,
    caller: Caller,
    headers: HeaderMap,
    PageForm(form): PageForm<ConsentForm>,
) -> Result<Response, RouteError> {
    let handle = Handle::parse(&form.transaction).ok_or(RouteError::Unknown)?;
    let transactions = &server.repo().transactions;
    let transaction = transactions.find(&handle).await?.ok_or(RouteError::Unknown)?;
    let key = transaction_cookie(&server, &handle).read(&headers);
    transaction.check(key.as_ref(), server.now())?;
    let key = key.ok_or(PageError::Token)?;
    check_token(&form.token, &form_token(&handle, &key))?;
    let asked = Asked { handle, key, transaction };
    match form.decision {
        Decision::Deny => asked.deny(&server).await,
        Decision::Switch => Ok(asked.show_to_other(form.token)),
        Decision::Approve => {
            let signed_in = session::signed_in(&server, &headers).await?;
            let session = signed_in.map(|signed_in| signed_in.session);
            let shown_to = form.shown_to.as_deref();
            match session.filter(|session| asked.counts_for(session, shown_to, server.now())) {
                Some(session) => asked.approve(&server, session).await,
                None => asked.log_in(&server, &caller, form.other.is_some()).await,
            }
        }
    }
}

/// A question that was answered in the browser in which it was asked.
struct Asked {
    handle: Handle,
    key: BrowserKey,
    transaction: Transaction,
}

impl Asked {
    /// Whether it was put to this user, and not to somebody of another tab, and need not be asked
    /// who it is.
    fn counts_for(&self, session: &Session, shown_to: Option<&str>, now: Timestamp) -> bool {
        let wish = &self.transaction.request.login;
        let is_same = shown_to == Some(&*user_tag(&self.handle, &session.user));
        is_same && wish.accepts(session, now)
    }

    fn show_to_other(&self, token: String) -> Response {
        let shown = ConsentPage::new(&self.transaction, &self.handle, token, Viewer::Other);
        page(StatusCode::OK, &shown)
    }

    async fn deny(self, server: &AuthServer) -> Result<Response, RouteError> {
        let Transaction { request, login, .. } = self.end(server).await?;
        server.metrics().consented("deny");
        let line = Event::ConsentDenied.line().client(&request.client_id);
        login.as_deref().map_or(line, |login| line.login(login)).write();
        let failure = (ErrorCode::AccessDenied, "the user said no");
        let state = request.state.as_deref();
        let response = fail(server.issuer().as_str(), &request.redirect_uri, state, failure);
        Ok((transaction_cookie(server, &self.handle).clear(), response).into_response())
    }

    /// Somebody who is logged in agrees.
    async fn approve(self, server: &AuthServer, session: Session) -> Result<Response, RouteError> {
        let Transaction { client, request, login, .. } = self.end(server).await?;
        server.metrics().consented("approve");
        let Session { user, auth_time, .. } = session;
        let conclusion = Conclusion { user, auth_time, consent: Consent::Given, login };
        let response = conclusion.hand_out(server, &client, request).await?;
        Ok((transaction_cookie(server, &self.handle).clear(), response).into_response())
    }

    /// Somebody agrees, and has to say who it is.
    async fn log_in(
        self,
        server: &AuthServer,
        caller: &Caller,
        as_other: bool,
    ) -> Result<Response, RouteError> {
        let agreed = server.repo().transactions.agree(&self.handle, as_other).await?;
        let agreed = agreed.ok_or(RouteError::Unknown)?;
        server.metrics().consented("approve");
        let wish = &agreed.request.login;
        let (handle, key) = (&self.handle, &self.key);
        let trip = Trip { handle, key, goal: Goal::Client, wish, caller };
        Ok(trip.begin_anywhere(server).await?)
    }

    /// Of several who answer at once, one ends the transaction.
    async fn end(&self, server: &AuthServer) -> Result<Transaction, RouteError> {
        let ended = server.repo().transactions.end(&self.handle).await?;
        ended.ok_or(RouteError::Unknown)
    }
}
