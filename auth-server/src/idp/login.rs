//! `/mock-upstream-idp/authorize`: pick a user, type a password, go back with a code.

use std::time::Duration;

use ambient::Secret;
use axum::{
    extract::{RawQuery, State},
    response::{IntoResponse, Response},
};
use chassis::Fault;
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use store::StoreError;

use super::{
    CLIENT_ID, Idp,
    users::{CheckError, DEMO_PASSWORD},
};
use crate::{
    audit::Event,
    domain::{BrowserKey, Ticket, sha256_hex},
    guard::{Caller, Refusal},
    http::{
        answer::{self, see_other},
        browser::{BrowserCookie, comes_from_our_page},
        limits,
        params::{Form, Params, ParamsError},
        query,
    },
    pages::{ErrorPage, LoginPage, UserChoice, page},
};

/// States of ours have about 110 characters.
const MAX_STATE: usize = 512;

/// What the authorization server sends a browser with.
#[derive(Deserialize)]
struct Request {
    response_type: String,
    client_id: String,
    redirect_uri: String,
    state: String,
}

/// The form of the page.
#[derive(Deserialize)]
pub(super) struct LoginForm {
    state: String,
    /// Shows that the form comes from our page, in this browser.
    token: String,
    username: Option<String>,
    password: Option<Secret>,
    action: Option<String>,
}

/// Why there is no login.
#[derive(Debug, thiserror::Error)]
pub(super) enum RouteError {
    #[error("the request is malformed: {0}")]
    Params(#[from] ParamsError),
    #[error("the request is not one of the authorization server's")]
    NotOurs,
    #[error("the form was sent by another site")]
    CrossSite,
    #[error("the form was shown in another browser, or has no token")]
    OtherBrowser,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("too many logins have failed")]
    Locked(Duration),
    #[error("too many passwords are being checked")]
    Busy,
    #[error("the password could not be checked")]
    Fault(Fault),
}

impl IntoResponse for RouteError {
    fn into_response(self) -> Response {
        let (status, title, text) = match self {
            Self::Store(error) => return answer::store_failure_page(error),
            Self::Fault(fault) => return fault.into_response(),
            Self::Locked(wait) => return locked(wait),
            Self::Busy => return busy(),
            Self::Params(_) | Self::NotOurs => (
                StatusCode::BAD_REQUEST,
                "This login cannot begin",
                "The address is not complete. Go back to the application and start again.",
            ),
            Self::CrossSite | Self::OtherBrowser => (
                StatusCode::FORBIDDEN,
                "This login cannot go on",
                "The form did not come from the page in this browser. Go back to the application \
                 and start again; cookies must be allowed.",
            ),
        };
        tracing::warn!(reason = %self, "login refused");
        page(status, &ErrorPage { title, text })
    }
}

impl From<Refusal> for RouteError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::TooMany { wait } => Self::Locked(wait),
            Refusal::Store(error) => Self::Store(error),
        }
    }
}

impl From<CheckError> for RouteError {
    fn from(error: CheckError) -> Self {
        match error {
            CheckError::Busy => Self::Busy,
            CheckError::Fault(fault) => Self::Fault(fault),
        }
    }
}

/// The same for every name, known or not, and whatever the password was: it was not looked at.
fn locked(wait: Duration) -> Response {
    Event::LoginLocked.line().write();
    limits::wait_page(wait, "Too many attempts", "Too many logins have failed")
}

fn busy() -> Response {
    tracing::warn!("all places for checking passwords are taken");
    let (title, text) =
        ("Too busy right now", "Many people are logging in. Reload this page in a moment.");
    let page = page(StatusCode::SERVICE_UNAVAILABLE, &ErrorPage { title, text });
    ([(header::RETRY_AFTER, "2")], page).into_response()
}

/// Shows the page.
pub(super) async fn get(
    State(idp): State<Idp>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, RouteError> {
    let request: Request = Params::parse(query.unwrap_or_default().as_bytes()).read()?;
    let ours = request.response_type == "code"
        && request.client_id == CLIENT_ID
        && request.redirect_uri == idp.0.callback
        && request.state.len() <= MAX_STATE;
    if !ours {
        return Err(RouteError::NotOurs);
    }
    let cookie = idp.cookie(&request.state);
    // A reload must not spoil the form in another tab: the key stays.
    let key = cookie.read(&headers).unwrap_or_else(|| Ticket::random(&idp.0.entropy));
    let page = show(&idp, StatusCode::OK, &request.state, &key, None);
    Ok((cookie.set(&key), page).into_response())
}

/// Checks the password, and sends the browser back.
pub(super) async fn post(
    State(idp): State<Idp>,
    caller: Caller,
    headers: HeaderMap,
    form: Result<Form<LoginForm>, ParamsError>,
) -> Result<Response, RouteError> {
    let Form(form) = form?;
    if !comes_from_our_page(&headers, idp.origin()) {
        return Err(RouteError::CrossSite);
    }
    let cookie = idp.cookie(&form.state);
    let key = cookie.read(&headers).ok_or(RouteError::OtherBrowser)?;
    // Timing tells nothing: only who has the key can compute the token.
    if form.token != form_token(&form.state, &key) {
        return Err(RouteError::OtherBrowser);
    }
    if form.action.as_deref() == Some("cancel") {
        idp.0.metrics.login("cancelled");
        let parameters = [("error", "access_denied"), ("state", &*form.state)];
        return Ok((cookie.clear(), idp.back(&parameters)).into_response());
    }
    let username = form.username.unwrap_or_default();
    let password = form.password.unwrap_or_else(|| Secret::new(""));
    let attempt = idp.0.guard.begin_login(&username, &caller).await?;
    let user = match idp.0.users.log_in(&username, &password).await {
        Ok(user) => user,
        Err(error) => {
            idp.0.guard.abandon_login(attempt).await?;
            return Err(error.into());
        }
    };
    let Some(user) = user else {
        idp.0.metrics.login("failure");
        let known = idp.0.users.accounts().iter().find(|account| account.sub == username);
        let line = Event::LoginFailed.line();
        known.map_or(line, |account| line.subject(account.sub)).write();
        // Not 401: that would have to name a scheme of HTTP authentication (RFC 9110 15.5.2).
        return Ok(show(&idp, StatusCode::FORBIDDEN, &form.state, &key, Some(&username)));
    };
    idp.0.guard.end_login(attempt).await?;
    idp.0.metrics.login("success");
    Event::LoginOk.line().subject(&user.sub).write();
    let code = idp.hand_out(user, &form.state).await?;
    let parameters = [("code", code.expose()), ("state", &*form.state)];
    Ok((cookie.clear(), idp.back(&parameters)).into_response())
}

impl Idp {
    /// A cookie per login, so that two tabs do not take each other's.
    fn cookie(&self, state: &str) -> BrowserCookie {
        BrowserCookie::new("idp", state, self.0.is_https)
    }

    fn origin(&self) -> &str {
        self.0.issuer.strip_suffix(super::PATH).unwrap_or(&self.0.issuer)
    }

    fn back(&self, parameters: &[(&str, &str)]) -> Response {
        let parameters = [parameters, &[("iss", self.issuer())]].concat();
        see_other(&query::append(&self.0.callback, &parameters))
    }
}

fn show(
    idp: &Idp,
    status: StatusCode,
    state: &str,
    key: &BrowserKey,
    failed: Option<&str>,
) -> Response {
    let accounts = idp.0.users.accounts().iter().enumerate();
    let users = accounts.map(|(index, account)| UserChoice {
        username: account.sub,
        name: account.name,
        chosen: failed.map_or(index == 0, |username| username == account.sub),
    });
    let token = form_token(state, key);
    let users = users.collect();
    let failed = failed.is_some();
    page(status, &LoginPage { state, token: &token, users, password: DEMO_PASSWORD, failed })
}

fn form_token(state: &str, key: &BrowserKey) -> String {
    sha256_hex(&["login form", state, key.expose()])
}
