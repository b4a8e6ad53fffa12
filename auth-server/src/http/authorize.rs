//! `/authorize` (OAuth 2.1 section 4.1.1): a client sends a browser; the user is asked. The request is
//! in the address or in a form (`OpenID` Connect Core section 3.1.2.1).

use axum::{
    extract::{RawQuery, Request, State},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode};
use store::StoreError;

use super::{
    answer,
    authorization_request::{self, AuthorizationRequestError, ungranted},
    browser::transaction_cookie,
    conclude::{Conclusion, ConclusionError, Consent},
    params::{self, Params},
    session::{self, SignedIn},
};
use crate::{
    AuthServer,
    audit::Event,
    domain::{
        AuthorizationRequest, BrowserKey, Client, Handle, RequestError, Session, Ticket,
        Transaction, User, can_be_silent, comes_by_itself, family_name, form_token,
    },
    guard::Caller,
    pages::{ConsentPage, Viewer, page},
    repo::TRANSACTION_LIFE,
};

/// Why the user is not asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum RouteError {
    #[error(transparent)]
    Request(#[from] AuthorizationRequestError),
    #[error(transparent)]
    Conclusion(#[from] ConclusionError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl IntoResponse for RouteError {
    fn into_response(self) -> Response {
        match self {
            Self::Request(error) => error.into_response(),
            Self::Conclusion(error) => error.into_response(),
            Self::Store(error) => answer::store_failure_page(error),
        }
    }
}

pub(super) async fn get(
    State(server): State<AuthServer>,
    caller: Caller,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, RouteError> {
    let params = Params::parse(query.unwrap_or_default().as_bytes());
    answer_to(&server, &caller, &headers, params).await
}

/// A form of another site comes without our cookies: whoever is logged in has to say so again.
pub(super) async fn post(
    State(server): State<AuthServer>,
    caller: Caller,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, RouteError> {
    let params = params::body(request, &server).await.map_err(AuthorizationRequestError::from)?;
    answer_to(&server, &caller, &headers, params).await
}

async fn answer_to(
    server: &AuthServer,
    caller: &Caller,
    headers: &HeaderMap,
    params: Params,
) -> Result<Response, RouteError> {
    let signed_in = session::signed_in(server, headers).await?;
    let is_known = signed_in.is_some();
    let answer = match authorization_request::read(server, caller, params).await {
        Ok(asked) => decide(server, headers, asked, signed_in).await,
        Err(error) => Err(error.into()),
    };
    answer.map_err(|error| match error {
        RouteError::Request(error) if !is_known => {
            error.unprompted(server, is_framed(headers)).into()
        }
        error => error,
    })
}

/// Whether the answer is shown within a page of somebody else, as far as the browser tells.
fn is_framed(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-dest").is_some_and(|dest| dest == "iframe" || dest == "frame")
}

/// Answers at once, or asks the user.
async fn decide(
    server: &AuthServer,
    headers: &HeaderMap,
    (client, request): (Client, AuthorizationRequest),
    signed_in: Option<SignedIn>,
) -> Result<Response, RouteError> {
    let accepts = |session: &Session| request.login.accepts(session, server.now());
    let session = signed_in.map(|signed_in| signed_in.session).filter(accepts);
    if let Some(session) = &session
        && agreed_before(server, headers, &session.user, (&client, &request)).await?
    {
        let Session { user, auth_time, .. } = session.clone();
        let conclusion = Conclusion { user, auth_time, consent: Consent::Remembered, login: None };
        return Ok(conclusion.hand_out(server, &client, request).await?);
    }
    match session {
        None if request.silent => {
            Err(ungranted(server, RequestError::LoginRequired, request).into())
        }
        Some(_) if request.silent => {
            Err(ungranted(server, RequestError::ConsentRequired, request).into())
        }
        None => begin(server, client, request).await,
        Some(session) => ask(server, client, request, Some(&session)).await,
    }
}

/// Whether the user need not be asked again.
async fn agreed_before(
    server: &AuthServer,
    headers: &HeaderMap,
    user: &User,
    (client, request): (&Client, &AuthorizationRequest),
) -> Result<bool, StoreError> {
    let is_given = server.is_given(&request.client_id);
    let shares_origin = !server.issuer().path().is_empty();
    let is_safe = can_be_silent(request, client, is_given)
        && (is_given || comes_by_itself(headers, shares_origin));
    if request.consent_again || !is_safe {
        return Ok(false);
    }
    server.repo().apps.has_allowed(&user.sub, request, server.now()).await
}

/// Keeps the request and shows it, as if nobody were logged in.
pub(super) async fn begin(
    server: &AuthServer,
    client: Client,
    request: AuthorizationRequest,
) -> Result<Response, RouteError> {
    ask(server, client, request, None).await
}

/// Keeps the request and shows it. Each is a transaction of its own: a second tab or a reload spoils
/// nothing.
async fn ask(
    server: &AuthServer,
    client: Client,
    request: AuthorizationRequest,
    session: Option<&Session>,
) -> Result<Response, RouteError> {
    let handle: Handle = Ticket::random(server.entropy());
    let key: BrowserKey = Ticket::random(server.entropy());
    let expires_at = server.now() + TRANSACTION_LIFE;
    let login = family_name(server.entropy());
    let transaction = Transaction::begin((client, request), login.clone(), &key, expires_at);
    server.repo().transactions.begin(&handle, &transaction).await?;
    Event::AuthorizationBegun.line().client(&transaction.client.id).login(&login).write();
    let viewer = session.map_or(Viewer::Nobody, |session| Viewer::User(&session.user));
    let shown = ConsentPage::new(&transaction, &handle, form_token(&handle, &key), viewer);
    let cookie = transaction_cookie(server, &handle);
    Ok((cookie.set(&key), page(StatusCode::OK, &shown)).into_response())
}
