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
use shared::oauth::CodeChallenge;
use store::StoreError;

use super::{
    CLIENT_ID, Idp, Login,
    users::{CheckError, DEMO_PASSWORD},
};
use crate::{
    audit::Event,
    domain::{BrowserKey, Ticket, User, sha256_hex},
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

/// States and nonces of ours have some 60 characters.
const MAX_TEXT: usize = 512;

/// What the authorization server sends a browser with.
#[derive(Deserialize)]
struct Request {
    response_type: String,
    client_id: String,
    redirect_uri: String,
    scope: String,
    code_challenge_method: String,
    login_hint: Option<String>,
    #[serde(flatten)]
    question: Question,
}

/// What the answer belongs to.
#[derive(Deserialize)]
struct Question {
    state: String,
    nonce: String,
    code_challenge: String,
}

/// The form of the page.
#[derive(Deserialize)]
pub(super) struct LoginForm {
    #[serde(flatten)]
    question: Question,
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
        page(status, &ErrorPage::new(title, text))
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
    let page = page(StatusCode::SERVICE_UNAVAILABLE, &ErrorPage::new(title, text));
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
        && request.scope.split(' ').any(|scope| scope == "openid")
        && request.code_challenge_method == "S256"
        && request.question.is_good();
    if !ours {
        return Err(RouteError::NotOurs);
    }
    let cookie = idp.cookie(&request.question.state);
    // A reload must not spoil the form in another tab: the key stays.
    let key = cookie.read(&headers).unwrap_or_else(|| Ticket::random(&idp.0.entropy));
    let shown = Shown { question: &request.question, key: &key, failed: false };
    let page = show(&idp, StatusCode::OK, shown, request.login_hint.as_deref());
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
    if !comes_from_our_page(&headers, idp.0.host.origin()) {
        return Err(RouteError::CrossSite);
    }
    let question = form.question;
    let cookie = idp.cookie(&question.state);
    let key = cookie.read(&headers).ok_or(RouteError::OtherBrowser)?;
    // Timing tells nothing: only who has the key can compute the token.
    if form.token != question.form_token(&key) {
        return Err(RouteError::OtherBrowser);
    }
    if form.action.as_deref() == Some("cancel") {
        let parameters = [("error", "access_denied"), ("state", &*question.state)];
        return Ok((cookie.clear(), idp.back(&parameters)).into_response());
    }
    let username = form.username.unwrap_or_default();
    let password = form.password.unwrap_or_else(|| Secret::new(""));
    let Some(user) = log_in(&idp, &username, &password, &caller).await? else {
        // Not 401: that would have to name a scheme of HTTP authentication (RFC 9110 15.5.2).
        let shown = Shown { question: &question, key: &key, failed: true };
        return Ok(show(&idp, StatusCode::FORBIDDEN, shown, Some(&username)));
    };
    let challenge = question.code_challenge.parse().map_err(|_| RouteError::NotOurs)?;
    let logged_in_at = idp.0.clock.now();
    let login = Login { user, nonce: question.nonce, challenge, logged_in_at };
    let code = idp.hand_out(&login).await?;
    let parameters = [("code", code.expose()), ("state", &*question.state)];
    Ok((cookie.clear(), idp.back(&parameters)).into_response())
}

/// The user of this name, if the password is right and not too many have been wrong.
async fn log_in(
    idp: &Idp,
    username: &str,
    password: &Secret,
    caller: &Caller,
) -> Result<Option<User>, RouteError> {
    let attempt = idp.0.guard.begin_login(username, caller).await?;
    let user = match idp.0.users.log_in(username, password).await {
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
        return Ok(None);
    };
    idp.0.guard.end_login(attempt).await?;
    Ok(Some(user))
}

impl Question {
    fn is_good(&self) -> bool {
        let fits = |text: &str| text.len() <= MAX_TEXT;
        fits(&self.state)
            && fits(&self.nonce)
            && self.code_challenge.parse::<CodeChallenge>().is_ok()
    }

    fn form_token(&self, key: &BrowserKey) -> String {
        let Self { state, nonce, code_challenge } = self;
        sha256_hex(&["login form", state, nonce, code_challenge, key.expose()])
    }
}

impl Idp {
    /// A cookie per login, so that two tabs do not take each other's.
    fn cookie(&self, state: &str) -> BrowserCookie {
        BrowserCookie::new("idp", state, self.0.host.is_https())
    }

    fn back(&self, parameters: &[(&str, &str)]) -> Response {
        let parameters = [parameters, &[("iss", self.issuer())]].concat();
        see_other(&query::append(&self.0.callback, &parameters))
    }
}

/// What the page is about.
#[derive(Clone, Copy)]
struct Shown<'a> {
    question: &'a Question,
    key: &'a BrowserKey,
    /// Whether a wrong password was typed before.
    failed: bool,
}

/// The page. `hint` says who is chosen already: a name or an address, of an unknown author.
fn show(idp: &Idp, status: StatusCode, shown: Shown<'_>, hint: Option<&str>) -> Response {
    let Shown { question, key, failed } = shown;
    let accounts = idp.0.users.accounts();
    let hinted = hint.and_then(|hint| accounts.iter().position(|account| account.is(hint)));
    let chosen = hinted.unwrap_or_default();
    let users = accounts.iter().enumerate().map(|(index, account)| UserChoice {
        username: account.sub,
        name: account.name,
        chosen: index == chosen,
    });
    let token = question.form_token(key);
    let users = users.collect();
    let login = LoginPage {
        state: &question.state,
        nonce: &question.nonce,
        challenge: &question.code_challenge,
        token: &token,
        users,
        password: DEMO_PASSWORD,
        failed,
    };
    page(status, &login)
}
