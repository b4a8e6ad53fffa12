//! `GET /authorize` (OAuth 2.1 section 4.1.1): a client sends a browser; the user is asked.
//!
//! As long as client and redirect URI are not known to be good, mistakes are shown to the user and
//! nobody is redirected anywhere (section 4.1.2.1). After that, every answer goes to the client.

use axum::{
    extract::{RawQuery, State},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode};
use shared::oauth::ErrorCode;
use store::StoreError;

use super::{
    answer::{self, see_other},
    browser::BrowserCookie,
    conclude::{Conclusion, ConclusionError, Consent},
    limits,
    params::{Params, ParamsError},
    pushed, query, session,
};
use crate::{
    AuthServer,
    documents::DocumentError,
    domain::{
        AuthorizationRequest, BadClientUrl, BrowserKey, Client, ClientUrl, Handle, Offer,
        RequestError, Session, Ticket, Transaction, User, Wanted, can_be_silent, comes_by_itself,
        form_token,
    },
    guard::{Budget, Caller, Refusal},
    pages::{ConsentPage, ErrorPage, Viewer, page},
    repo::TRANSACTION_LIFE,
};

/// Why the user is not asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum RouteError {
    #[error("the request is malformed: {0}")]
    Params(#[from] ParamsError),
    #[error("client_id is missing")]
    NoClient,
    #[error("the client is unknown, or its registration has expired")]
    UnknownClient,
    #[error("the client cannot be known: {0}")]
    ClientUrl(#[from] BadClientUrl),
    #[error("client {client} cannot be known: {why}")]
    Document { client: String, why: DocumentError },
    #[error("request_uri is unknown, too old, used, or another client's")]
    UnknownPush,
    #[error("redirect_uri is missing, and the client has several")]
    NoRedirectUri,
    #[error("redirect_uri is not registered for client {client}")]
    RedirectUri { client: String },
    #[error("{error}")]
    Request { error: RequestError, issuer: String, redirect_uri: String, state: Option<String> },
    #[error(transparent)]
    Conclusion(#[from] ConclusionError),
    #[error(transparent)]
    TooMany(#[from] Refusal),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl IntoResponse for RouteError {
    fn into_response(self) -> Response {
        let (title, text) = match self {
            Self::Store(error) | Self::Conclusion(ConclusionError::Store(error)) => {
                return answer::store_failure_page(error);
            }
            Self::TooMany(refusal) => return limits::too_many_page(Budget::Document, refusal),
            Self::Request { ref error, ref issuer, ref redirect_uri, ref state } => {
                tracing::warn!(reason = %self, "authorization refused");
                let failure = (error.code(), &*error.to_string());
                return fail(issuer, redirect_uri, state.as_deref(), failure);
            }
            Self::Params(_) | Self::NoClient | Self::NoRedirectUri => (
                "This request cannot be read",
                "The application that sent you here has made a mistake. It has to be corrected \
                 there.",
            ),
            Self::Document { ref why, .. } if why.is_passing() => {
                tracing::warn!(reason = %self, "authorization refused");
                let (title, text) = (
                    "This application cannot be checked right now",
                    "The document in which it says what it is could not be fetched. Try again in \
                     a minute.",
                );
                return page(StatusCode::SERVICE_UNAVAILABLE, &ErrorPage { title, text });
            }
            Self::ClientUrl(_) | Self::Document { .. } => (
                "This application does not say what it is",
                "The document in which it should do so is missing, has mistakes or is not \
                 accepted here. It has to be corrected there.",
            ),
            Self::UnknownClient => (
                "This application is not known here",
                "Its registration has expired or never was. Remove the server from the \
                 application and add it again.",
            ),
            Self::UnknownPush => (
                "This request has ended",
                "It was opened already, or it took too long. Go back to the application and start \
                 again.",
            ),
            Self::Conclusion(ConclusionError::RedirectUri) | Self::RedirectUri { .. } => (
                "This application cannot be answered",
                "It wants the answer to go to an address that is not registered for it. To be \
                 safe, nothing was sent there.",
            ),
        };
        tracing::warn!(reason = %self, "authorization refused");
        page(StatusCode::BAD_REQUEST, &ErrorPage { title, text })
    }
}

pub(super) async fn get(
    State(server): State<AuthServer>,
    caller: Caller,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, RouteError> {
    let mut params = Params::parse(query.unwrap_or_default().as_bytes());
    let client_id = params.take("client_id")?.ok_or(RouteError::NoClient)?;
    let mut params = pushed::resolve(&server, &client_id, params).await?;
    let client = client(&server, &client_id, &caller).await?;
    let redirect_uri = redirect_uri(&server, &client, params.take("redirect_uri")?)?;
    let request = request(&server, &client, redirect_uri, params)?;
    let signed_in = session::signed_in(&server, &headers).await?;
    let accepts = |session: &Session| request.login.accepts(session.auth_time, server.now());
    let session = signed_in.map(|signed_in| signed_in.session).filter(accepts);
    if let Some(session) = &session
        && agreed_before(&server, &headers, &session.user, (&client, &request)).await?
    {
        let Session { user, auth_time, .. } = session.clone();
        let conclusion = Conclusion { user, auth_time, consent: Consent::Remembered };
        return Ok(conclusion.hand_out(&server, &client, request).await?);
    }
    match session {
        None if request.silent => Err(refused(&server, RequestError::LoginRequired, request)),
        Some(_) if request.silent => Err(refused(&server, RequestError::ConsentRequired, request)),
        None => begin(&server, client, request).await,
        Some(session) => ask(&server, client, request, Some(&session)).await,
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
    let is_safe =
        can_be_silent(request, client, is_given) && (is_given || comes_by_itself(headers));
    if request.consent_again || !is_safe {
        return Ok(false);
    }
    server.repo().apps.has_allowed(&user.sub, request, server.now()).await
}

/// A request that was good, and cannot be granted as it was made.
fn refused(server: &AuthServer, error: RequestError, request: AuthorizationRequest) -> RouteError {
    let AuthorizationRequest { redirect_uri, state, .. } = request;
    RouteError::Request { error, issuer: server.issuer().to_owned(), redirect_uri, state }
}

/// The client of this name, registered or known by its document. Only here are documents fetched:
/// where a person is waiting.
async fn client(
    server: &AuthServer,
    client_id: &str,
    caller: &Caller,
) -> Result<Client, RouteError> {
    let clients = &server.repo().clients;
    if !ClientUrl::is_meant(client_id) {
        return server.client(client_id).await?.ok_or(RouteError::UnknownClient);
    }
    let url = ClientUrl::parse(client_id, server.config().documents.allow_private)?;
    if !server.documents().knows(&url).await {
        server.guard().spend(Budget::Document, caller).await?;
    }
    match server.documents().client(&url).await {
        Ok(client) => Ok(client),
        Err(why) => {
            if why.is_withdrawal() {
                clients.remove(client_id).await?;
            }
            Err(RouteError::Document { client: client_id.to_owned(), why })
        }
    }
}

/// Where the answer goes.
pub(super) fn redirect_uri(
    server: &AuthServer,
    client: &Client,
    sent: Option<String>,
) -> Result<String, RouteError> {
    let only = || client.only_redirect_uri().map(|only| only.as_str().to_owned());
    let uri = sent.or_else(only).ok_or(RouteError::NoRedirectUri)?;
    // Registered before the operator has named hosts, or nowhere but in a document.
    let is_allowed = server.is_given(&client.id) || server.config().redirect_hosts.allow(&uri);
    if client.may_be_answered_at(&uri) && is_allowed {
        Ok(uri)
    } else {
        Err(RouteError::RedirectUri { client: client.id.clone() })
    }
}

/// The rest of the request. Its mistakes go to the client.
pub(super) fn request(
    server: &AuthServer,
    client: &Client,
    redirect_uri: String,
    params: Params,
) -> Result<AuthorizationRequest, RouteError> {
    let repeated = params.repeated().map(|name| RequestError::Repeated(name.to_owned()));
    let refused = if server.config().require_pushed && !params.pushed {
        Some(RequestError::NotPushed)
    } else {
        repeated
    };
    let wanted: Wanted = params.read_single()?;
    let state = wanted.state.clone();
    let offer = Offer { resources: server.resources(), scopes: server.scopes() };
    let made = match refused {
        Some(error) => Err(error),
        None => AuthorizationRequest::new(wanted, client, redirect_uri.clone(), offer),
    };
    let issuer = server.issuer().to_owned();
    made.map_err(|error| RouteError::Request { error, issuer, redirect_uri, state })
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
    let transaction = Transaction::begin(request, client, &key, expires_at);
    server.repo().transactions.begin(&handle, &transaction).await?;
    let viewer = session.map_or(Viewer::Nobody, |session| Viewer::User(&session.user));
    let shown = ConsentPage::new(&transaction, &handle, form_token(&handle, &key), viewer);
    let cookie = cookie(server, &handle);
    Ok((cookie.set(&key), page(StatusCode::OK, &shown)).into_response())
}

/// The cookie of a transaction.
pub(super) fn cookie(server: &AuthServer, handle: &Handle) -> BrowserCookie {
    BrowserCookie::new("txn", handle.expose(), server.config().is_https())
}

/// The answer to the client, with its state and our name (RFC 9207), whatever it says.
pub(super) fn respond(
    issuer: &str,
    redirect_uri: &str,
    state: Option<&str>,
    result: &[(&str, &str)],
) -> Response {
    let mut parameters = result.to_vec();
    parameters.extend(state.map(|state| ("state", state)));
    parameters.push(("iss", issuer));
    see_other(&query::append(redirect_uri, &parameters))
}

/// The answer to the client when there is no code.
pub(super) fn fail(
    issuer: &str,
    redirect_uri: &str,
    state: Option<&str>,
    (code, description): (ErrorCode, &str),
) -> Response {
    let description = answer::allowed(description.into());
    let result = [("error", code.as_str()), ("error_description", &*description)];
    respond(issuer, redirect_uri, state, &result)
}
