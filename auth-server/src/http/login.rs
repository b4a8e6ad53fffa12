//! `/login`: to which identity provider, if there are several; and the way there.
//!
//! Whoever comes here has a transaction, or wants to see the own applications. Both belong to one
//! browser: its cookie is needed for every step, and every form has a token that only it can have.

use axum::{
    extract::{RawQuery, State},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use store::{StoreError, UpdateError};

use super::{
    answer::{self, see_other},
    browser::transaction_cookie,
    limits,
    page_form::{PageError, PageForm, check_token, read_query},
    query,
};
use crate::{
    AuthServer,
    domain::{
        BrowserKey, Goal, Handle, Login, LoginWish, Nonce, Ticket, WrongTurn, form_token,
        login_nonce, login_verifier,
    },
    guard::{Budget, Caller, Refusal},
    pages::{ChooserPage, ErrorPage, ProviderChoice, page},
    repo::TRANSACTION_LIFE,
    upstream::{Question, Upstream, UpstreamError},
};

/// The query of the page.
#[derive(Deserialize)]
struct Entry {
    transaction: String,
}

/// The form of the page.
#[derive(Deserialize)]
pub(super) struct ChoiceForm {
    transaction: String,
    /// Shows that the form comes from our page, in this browser.
    token: String,
    upstream: String,
    goal: Goal,
}

/// Why nobody is sent to log in.
#[derive(Debug, thiserror::Error)]
pub(super) enum RouteError {
    #[error(transparent)]
    Page(#[from] PageError),
    #[error("there is no such transaction, or it has ended")]
    Unknown,
    #[error("there is no such identity provider")]
    NoUpstream,
    #[error(transparent)]
    WrongTurn(#[from] WrongTurn),
    #[error("{name}: {error}")]
    Upstream { name: String, error: UpstreamError },
    #[error(transparent)]
    TooMany(#[from] Refusal),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<UpdateError<WrongTurn>> for RouteError {
    fn from(error: UpdateError<WrongTurn>) -> Self {
        match error {
            UpdateError::Change(wrong) => Self::WrongTurn(wrong),
            UpdateError::Store(error) => Self::Store(error),
        }
    }
}

impl IntoResponse for RouteError {
    fn into_response(self) -> Response {
        let (status, title, text) = match self {
            Self::Store(error) => return answer::store_failure_page(error),
            Self::Page(error) => return error.into_response(),
            Self::TooMany(refusal) => return limits::too_many_page(Budget::Login, refusal),
            Self::WrongTurn(WrongTurn::OtherBrowser) => {
                return PageError::OtherBrowser.into_response();
            }
            Self::Upstream { ref name, ref error } => return upstream_failure(name, error),
            Self::Unknown | Self::NoUpstream | Self::WrongTurn(_) => (
                StatusCode::BAD_REQUEST,
                "This login has ended",
                "It was used already, or it took too long. Go back to the application and start \
                 again.",
            ),
        };
        tracing::warn!(reason = %self, "login not begun");
        page(status, &ErrorPage::new(title, text))
    }
}

/// A provider that is away, or that does not make sense, told to a person.
pub(super) fn upstream_failure(name: &str, error: &UpstreamError) -> Response {
    tracing::error!(upstream = name, %error, "an identity provider does not work");
    if error.is_passing() {
        let (title, text) = (
            "The login is not available right now",
            "The service that you log in at does not answer. Nothing is wrong with your account. \
             Go back to the application and try again in a minute.",
        );
        let page = page(StatusCode::SERVICE_UNAVAILABLE, &ErrorPage::new(title, text));
        return ([(header::RETRY_AFTER, "30")], page).into_response();
    }
    let (title, text) = (
        "The login could not be checked",
        "The service that you log in at has answered something that does not make sense here. To \
         be safe, nobody was let in. If it happens again, tell the operator of this server.",
    );
    page(StatusCode::BAD_GATEWAY, &ErrorPage::new(title, text))
}

/// The choice of providers, for a user who has agreed.
pub(super) async fn get(
    State(server): State<AuthServer>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, RouteError> {
    let entry: Entry = read_query(query)?;
    let handle = Handle::parse(&entry.transaction).ok_or(RouteError::Unknown)?;
    let transaction = server.repo().transactions.find(&handle).await?.ok_or(RouteError::Unknown)?;
    let key = transaction_cookie(&server, &handle).read(&headers);
    transaction.check(key.as_ref(), server.now())?;
    transaction.check_agreed()?;
    let key = key.ok_or(PageError::Token)?;
    Ok(choose(&server, &handle, &key, Goal::Client))
}

/// The user has chosen.
pub(super) async fn post(
    State(server): State<AuthServer>,
    caller: Caller,
    headers: HeaderMap,
    PageForm(form): PageForm<ChoiceForm>,
) -> Result<Response, RouteError> {
    let handle = Handle::parse(&form.transaction).ok_or(RouteError::Unknown)?;
    let key = transaction_cookie(&server, &handle).read(&headers).ok_or(WrongTurn::OtherBrowser)?;
    check_token(&form.token, &form_token(&handle, &key))?;
    let upstream = server.upstreams().find(&form.upstream).ok_or(RouteError::NoUpstream)?;
    let wish = match form.goal {
        Goal::Apps => LoginWish::default(),
        Goal::Client => {
            let found = server.repo().transactions.find(&handle).await?;
            let transaction = found.ok_or(RouteError::Unknown)?;
            transaction.check(Some(&key), server.now())?;
            transaction.request.login
        }
    };
    let (handle, key) = (&handle, &key);
    let trip = Trip { handle, key, goal: form.goal, wish: &wish, caller: &caller };
    trip.begin(&server, upstream).await
}

/// What a browser is sent away for.
#[derive(Clone, Copy)]
pub(super) struct Trip<'a> {
    pub(super) handle: &'a Handle,
    pub(super) key: &'a BrowserKey,
    pub(super) goal: Goal,
    pub(super) wish: &'a LoginWish,
    /// Who pays for the record that is kept of it.
    pub(super) caller: &'a Caller,
}

impl Trip<'_> {
    /// To the only provider, or to the choice of providers.
    pub(super) async fn begin_anywhere(self, server: &AuthServer) -> Result<Response, RouteError> {
        match (server.upstreams().only(), self.goal) {
            (Some(only), _) => self.begin(server, only).await,
            (None, Goal::Client) => {
                let parameters = [("transaction", self.handle.expose())];
                Ok(see_other(&query::append(&server.issuer().local("/login"), &parameters)))
            }
            (None, Goal::Apps) => Ok(choose(server, self.handle, self.key, self.goal)),
        }
    }

    /// To one provider. If it is away, nothing has happened: the same can be tried again.
    async fn begin(self, server: &AuthServer, upstream: &Upstream) -> Result<Response, RouteError> {
        server.guard().spend(Budget::Login, self.caller).await?;
        let state: Nonce = Ticket::random(server.entropy());
        let verifier = login_verifier(&state, self.key).map_err(|_| RouteError::Unknown)?;
        let question = Question {
            state: state.expose(),
            nonce: &login_nonce(&state, self.key),
            challenge: &verifier.challenge(),
            prompt: self.wish.prompt(),
            max_age: self.wish.max_age,
            login_hint: self.wish.hint.as_deref(),
        };
        let url = upstream
            .login_url(&question)
            .await
            .map_err(|error| RouteError::Upstream { name: upstream.name().to_owned(), error })?;
        let now = server.now();
        if self.goal == Goal::Client {
            let sent = server.repo().transactions.send(self.handle, &state).await?;
            sent.ok_or(RouteError::Unknown)?;
        }
        let login = Login::begin(
            upstream.name(),
            self.handle.expose(),
            self.goal,
            self.wish.freshness(now),
            (self.key, now + TRANSACTION_LIFE),
        );
        server.repo().logins.begin(&state, &login).await?;
        Ok(see_other(&url))
    }
}

fn choose(server: &AuthServer, handle: &Handle, key: &BrowserKey, goal: Goal) -> Response {
    let providers = server
        .upstreams()
        .iter()
        .map(|upstream| ProviderChoice { name: upstream.name(), label: upstream.label() });
    let token = form_token(handle, key);
    let chooser = ChooserPage {
        transaction: handle.expose(),
        token: &token,
        goal: match goal {
            Goal::Client => "client",
            Goal::Apps => "apps",
        },
        providers: providers.collect(),
    };
    page(StatusCode::OK, &chooser)
}
