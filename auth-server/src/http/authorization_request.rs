//! An authorization request (OAuth 2.1 section 4.1.1), read: whose it is, where the answer goes, and
//! what it wants.
//!
//! As long as client and redirect URI are not known to be good, mistakes are shown to the user and
//! nobody is redirected anywhere (section 4.1.2.1). After that, every answer goes to the client; to
//! one that nobody here vouches for, by a link that the user follows or not (section 7.12.2).

use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use store::StoreError;

use super::{
    answer,
    authorization_response::{fail, failure_address, is_vouched_for, unanswerable},
    id_token_hint, limits,
    params::{Params, ParamsError},
};
use crate::{
    AuthServer,
    audit::Event,
    documents::{DocumentError, NoClient},
    domain::{
        AuthorizationRequest, BadClientUrl, Client, ClientUrl, PushedName, RedirectUri,
        RequestError, Wanted,
    },
    guard::{Budget, Caller, Refusal},
    pages::{ErrorPage, Exit, LeavePage, page, request_id},
};

/// What our names for requests begin with (RFC 9126 section 2.2).
pub(super) const PREFIX: &str = "urn:ietf:params:oauth:request_uri:";

/// Why there is nothing to ask the user.
#[derive(Debug, thiserror::Error)]
pub(super) enum AuthorizationRequestError {
    #[error("the request is malformed: {0}")]
    Params(#[from] ParamsError),
    #[error("client_id is missing")]
    NoClient,
    #[error("the client is unknown, or its registration has expired")]
    UnknownClient,
    #[error("the operator has blocked client {0}")]
    Blocked(String),
    #[error("the client cannot be known: {0}")]
    ClientUrl(#[from] BadClientUrl),
    #[error("client {client} cannot be known: {why}")]
    Document { client: String, why: DocumentError },
    #[error("request_uri is unknown, too old, used, or another client's")]
    UnknownPush,
    #[error("redirect_uri is missing, and the client has not exactly one")]
    NoRedirectUri,
    #[error("redirect_uri is not registered for client {client}")]
    RedirectUri { client: String },
    #[error("{}", .0.error)]
    Request(Box<Refused>),
    #[error(transparent)]
    TooMany(#[from] Refusal),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A request whose client is told why it is refused.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) error: RequestError,
    issuer: String,
    client_id: String,
    redirect_uri: String,
    state: Option<String>,
    /// Whether the browser is not sent on by itself: its user is asked.
    asks: bool,
}

impl AuthorizationRequestError {
    /// The same for a browser whose user has not done anything here. Anybody can register an address
    /// of his own and lead people there with a link that begins with ours, so it takes a click to go
    /// where nobody but the client says that it belongs to it.
    ///
    /// In a frame nobody is led astray: the address that he sees is that of the page around it. But a
    /// program can be started from there.
    pub(super) fn unprompted(mut self, server: &AuthServer, is_framed: bool) -> Self {
        if let Self::Request(refused) = &mut self {
            let uri = &refused.redirect_uri;
            let is_harmless = is_framed && RedirectUri::https_host(uri).is_some();
            refused.asks = !is_harmless && !is_vouched_for(server, &refused.client_id, uri);
        }
        self
    }
}

impl Refused {
    /// The answer to the client, by way of the browser.
    fn answer(&self) -> Response {
        let code = self.error.code();
        let failure = (code, &*self.error.to_string());
        let state = self.state.as_deref();
        if !self.asks {
            return fail(&self.issuer, &self.redirect_uri, state, failure);
        }
        let address = failure_address(&self.issuer, &self.redirect_uri, state, failure);
        let (exit, request_id) = (Exit::to(&address), request_id());
        page(StatusCode::BAD_REQUEST, &LeavePage { exit, error: code.as_str(), request_id })
    }
}

impl IntoResponse for AuthorizationRequestError {
    fn into_response(self) -> Response {
        let (title, text) = match self {
            Self::Store(error) => return answer::store_failure_page(error),
            Self::RedirectUri { .. } => {
                tracing::warn!(reason = %self, "authorization refused");
                return unanswerable();
            }
            Self::TooMany(refusal) => return limits::too_many_page(Budget::Document, refusal),
            Self::Blocked(client) => return blocked(&client),
            Self::Request(ref refused) => {
                tracing::warn!(reason = %self, "authorization refused");
                return refused.answer();
            }
            Self::Params(_) | Self::NoClient | Self::NoRedirectUri => (
                "This request cannot be read",
                "The application that sent you here has made a mistake. It has to be corrected \
                 there.",
            ),
            Self::Document { ref why, .. } if why.is_passing() => {
                tracing::warn!(reason = %self, "authorization refused");
                return unreachable_document();
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
        };
        tracing::warn!(reason = %self, "authorization refused");
        page(StatusCode::BAD_REQUEST, &ErrorPage::new(title, text))
    }
}

/// The operator does not want this client.
pub(super) fn blocked(client: &str) -> Response {
    Event::ClientBlocked.line().client(client).write();
    let (title, text) = (
        "This application is blocked here",
        "Whoever runs this server does not let it in, and has ended what it had. Nothing was sent to \
         it. Ask them if you think that this is a mistake.",
    );
    page(StatusCode::FORBIDDEN, &ErrorPage::new(title, text))
}

/// The document of a client cannot be had now: what to do, and when.
pub(super) fn unreachable_document() -> Response {
    let (title, text) = (
        "This application cannot be checked right now",
        "The document in which it says what it is could not be fetched: its host is away, too slow \
         or asked too often. Nothing was sent to it. Reload this page in half a minute, or go back \
         to the application and start again; if that does not help, its makers have to look at \
         their host.",
    );
    let shown = page(StatusCode::SERVICE_UNAVAILABLE, &ErrorPage::new(title, text));
    ([(header::RETRY_AFTER, "30")], shown).into_response()
}

/// The request that a browser comes with, and the client that has sent it.
pub(super) async fn read(
    server: &AuthServer,
    caller: &Caller,
    mut params: Params,
) -> Result<(Client, AuthorizationRequest), AuthorizationRequestError> {
    let client_id = params.take("client_id")?.ok_or(AuthorizationRequestError::NoClient)?;
    let params = resolve(server, &client_id, params).await?;
    let client = client(server, &client_id, caller).await?;
    let request = request(server, &client, params).await?;
    Ok((client, request))
}

/// The parameters that a browser comes with, or those that they name. What else comes beside a name
/// of ours does not count.
async fn resolve(
    server: &AuthServer,
    client_id: &str,
    params: Params,
) -> Result<Params, AuthorizationRequestError> {
    let Some(name) = params.peek("request_uri").and_then(|uri| uri.strip_prefix(PREFIX)) else {
        return Ok(params);
    };
    let name = PushedName::parse(name).ok_or(AuthorizationRequestError::UnknownPush)?;
    let request = server.repo().pushed.take(&name, client_id, server.now()).await?;
    let request = request.ok_or(AuthorizationRequestError::UnknownPush)?;
    Ok(Params::pushed(request.parameters))
}

/// The client of this name, registered or known by its document. Only here are documents fetched:
/// where a person is waiting.
async fn client(
    server: &AuthServer,
    client_id: &str,
    caller: &Caller,
) -> Result<Client, AuthorizationRequestError> {
    let clients = &server.repo().clients;
    if !ClientUrl::is_meant(client_id) {
        return match server.client(client_id).await? {
            Some(client) => Ok(client),
            None if server.is_blocked(client_id).await? => {
                Err(AuthorizationRequestError::Blocked(client_id.to_owned()))
            }
            None => Err(AuthorizationRequestError::UnknownClient),
        };
    }
    if !server.config().strangers.by_document {
        return Err(AuthorizationRequestError::UnknownClient);
    }
    let url = ClientUrl::parse(client_id, server.config().documents.allow_private)?;
    let standing = clients.standing(client_id).await?;
    if standing.is_blocked || server.config().clients.blocks(client_id) {
        return Err(AuthorizationRequestError::Blocked(client_id.to_owned()));
    }
    let heard = standing.heard;
    if !server.documents().knows(&url, heard).await {
        server.guard().spend(Budget::Document, caller).await?;
    }
    match server.documents().client(&url, heard).await {
        Ok(client) => Ok(client),
        Err(NoClient { why, at }) => {
            if why.is_withdrawal() {
                clients.withdraw(client_id, at).await?;
            }
            Err(AuthorizationRequestError::Document { client: client_id.to_owned(), why })
        }
    }
}

/// Where the answer goes.
fn redirect_uri(
    server: &AuthServer,
    client: &Client,
    sent: Option<String>,
) -> Result<String, AuthorizationRequestError> {
    let only = || client.only_redirect_uri().map(|only| only.as_str().to_owned());
    let uri = sent.or_else(only).ok_or(AuthorizationRequestError::NoRedirectUri)?;
    if client.may_be_answered_at(&uri) && server.may_lead_to(&client.id, &uri) {
        Ok(uri)
    } else {
        Err(AuthorizationRequestError::RedirectUri { client: client.id.clone() })
    }
}

/// What a client wants. Once it is known where the answer goes, mistakes go there.
pub(super) async fn request(
    server: &AuthServer,
    client: &Client,
    mut params: Params,
) -> Result<AuthorizationRequest, AuthorizationRequestError> {
    let redirect_uri = redirect_uri(server, client, params.take("redirect_uri")?)?;
    let problem = if server.config().require_pushed && !params.pushed {
        Some(RequestError::NotPushed)
    } else {
        params.problem().map(|problem| RequestError::Params(problem.to_string()))
    };
    let mut wanted: Wanted = params.read_single()?;
    let (state, hint) = (wanted.state.clone(), wanted.id_token_hint.take());
    let offer = server.offer(client);
    let mut made = match problem {
        Some(error) => Err(error),
        None => AuthorizationRequest::new(wanted, client, redirect_uri.clone(), offer),
    };
    if let (Ok(request), Some(hint)) = (&mut made, &hint) {
        match id_token_hint::read(server, hint).await? {
            Some(about) => request.login.user = Some(about.sub),
            // Whoever it means, it cannot be held to (OpenID Connect Core section 3.1.2.1).
            None => made = Err(RequestError::IdTokenHint),
        }
    }
    made.map_err(|error| refused(server, error, (client.id.clone(), redirect_uri, state)))
}

fn refused(
    server: &AuthServer,
    error: RequestError,
    (client_id, redirect_uri, state): (String, String, Option<String>),
) -> AuthorizationRequestError {
    let (issuer, asks) = (server.issuer().to_string(), false);
    let refused = Refused { error, issuer, client_id, redirect_uri, state, asks };
    AuthorizationRequestError::Request(Box::new(refused))
}

/// A request that was good, and cannot be granted as it was made.
pub(super) fn ungranted(
    server: &AuthServer,
    error: RequestError,
    request: AuthorizationRequest,
) -> AuthorizationRequestError {
    let AuthorizationRequest { client_id, redirect_uri, state, .. } = request;
    refused(server, error, (client_id, redirect_uri, state))
}
