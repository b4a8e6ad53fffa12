//! `GET /upstream/{name}/callback`: the browser comes back from an identity provider, and the client
//! gets its code.
//!
//! Nobody can finish somebody else's login: the `state` must be one that was sent there and has not
//! come back, the browser the one that was sent, and the user is learnt from the provider, in
//! exchange for a code that is bound to both. Until then there is no authorization code.

use ambient::Timestamp;
use axum::{
    extract::{Path, RawQuery, State},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use shared::oauth::ErrorCode;
use store::StoreError;

use super::{
    answer::{self, see_other},
    authorization_response::fail,
    browser::{SetCookie, transaction_cookie},
    conclude::{Conclusion, ConclusionError, Consent},
    login::upstream_failure,
    params::{Params, ParamsError},
    session,
};
use crate::{
    AuthServer,
    audit::{self, Event},
    domain::{
        BrowserKey, Goal, Handle, Login, Nonce, Transaction, User, WrongTurn, login_nonce,
        login_verifier,
    },
    pages::{ErrorPage, page},
    upstream::{Identity, NotAdmitted, Reply, Upstream, UpstreamError},
};

/// What the identity provider sends back.
#[derive(Deserialize)]
struct LoginResponse {
    state: String,
    iss: Option<String>,
    code: Option<String>,
    error: Option<String>,
}

/// Why there is no code.
#[derive(Debug, thiserror::Error)]
pub(super) enum RouteError {
    #[error("the answer of the identity provider is malformed: {0}")]
    Params(#[from] ParamsError),
    #[error("there is no such identity provider")]
    NoUpstream,
    #[error("the answer is from another identity provider")]
    OtherIssuer,
    #[error("there is no such transaction, or it has ended")]
    Unknown,
    #[error(transparent)]
    WrongTurn(#[from] WrongTurn),
    #[error("{name}: {error}")]
    Upstream { name: String, error: UpstreamError },
    #[error("nobody has logged in")]
    NoLogin,
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
            Self::Upstream { error: UpstreamError::NotAdmitted(why), .. } => not_admitted(why),
            Self::Upstream { ref name, ref error }
                if !matches!(error, UpstreamError::UnknownLogin) =>
            {
                return upstream_failure(name, error);
            }
            Self::WrongTurn(WrongTurn::OtherBrowser) => (
                StatusCode::FORBIDDEN,
                "This login began in another browser",
                "It has to end where it began. Go back to the application and start again; cookies \
                 must be allowed.",
            ),
            Self::NoLogin => (
                StatusCode::FORBIDDEN,
                "You have not logged in",
                "The login was called off, or the service that you log in at did not let you in.",
            ),
            Self::OtherIssuer => (
                StatusCode::BAD_REQUEST,
                "This answer is from somebody else",
                "It does not come from the service that you were sent to. To be safe, nobody was let \
                 in. Go back to the application and start again.",
            ),
            Self::Params(_)
            | Self::NoUpstream
            | Self::Unknown
            | Self::WrongTurn(_)
            | Self::Upstream { .. } => (
                StatusCode::BAD_REQUEST,
                "This login has ended",
                "It was used already, or it took too long. Go back to the application and start \
                 again.",
            ),
        };
        tracing::warn!(reason = %self, "login not accepted");
        page(status, &ErrorPage::new(title, text))
    }
}

/// What somebody reads who is not let in. It says neither who is nor by what that is told.
const fn not_admitted(why: NotAdmitted) -> (StatusCode, &'static str, &'static str) {
    let text = match why {
        NotAdmitted::Domain | NotAdmitted::Claim => {
            "You have logged in, but with an account that the operator of this server has not \
             allowed. Start again with another account, or ask the operator."
        }
        NotAdmitted::Unverified => {
            "You have logged in, but the service does not say that the address for mail of your \
             account is yours, which is needed here. Verify it there and start again, or ask the \
             operator of this server."
        }
    };
    (StatusCode::FORBIDDEN, "Your account is not let in here", text)
}

/// A login whose answer has come, with all that is needed to go on.
struct Arrival<'a> {
    upstream: &'a Upstream,
    login: Login,
    handle: Handle,
    state: Nonce,
    key: BrowserKey,
    /// What the audit log calls it; nothing if it is for no client.
    name: Option<String>,
}

pub(super) async fn get(
    State(server): State<AuthServer>,
    Path(name): Path<String>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, RouteError> {
    let upstream = server.upstreams().find(&name).ok_or(RouteError::NoUpstream)?;
    let response: LoginResponse = Params::parse(query.unwrap_or_default().as_bytes()).read()?;
    let arrival = arrive(&server, upstream, &headers, &response.state).await?;
    let own = upstream.is_own_answer(response.iss.as_deref()).await;
    if !own.map_err(|error| failure(upstream, error))? {
        return Err(RouteError::OtherIssuer);
    }
    let code = match (response.code, response.error) {
        (Some(code), None) => Ok(code),
        (_, error) => Err(nobody(&server, &name, &error.unwrap_or_default())),
    };
    match arrival.login.goal {
        Goal::Client => for_client(&server, &headers, arrival, code).await,
        Goal::Apps => for_apps(&server, &headers, arrival, code).await,
    }
}

/// Why a provider has let nobody in, as far as it says (OAuth 2.1 section 4.1.2.1).
enum Nobody {
    /// The user did not want to, or must not.
    CalledOff,
    /// The provider cannot now.
    Away,
    /// The provider refuses this server, or makes no sense.
    Refused(String),
}

impl Nobody {
    fn of(error: &str) -> Self {
        match error {
            "temporarily_unavailable" | "server_error" => Self::Away,
            ""
            | "invalid_request"
            | "invalid_scope"
            | "unauthorized_client"
            | "invalid_client"
            | "unsupported_response_type"
            | "request_not_supported" => Self::Refused(error.to_owned()),
            _ => Self::CalledOff,
        }
    }

    /// What a client is told.
    const fn failure(&self) -> (ErrorCode, &'static str) {
        match self {
            Self::CalledOff => (ErrorCode::AccessDenied, "there was no login"),
            Self::Away => (
                ErrorCode::TemporarilyUnavailable,
                "the identity provider lets nobody in right now",
            ),
            Self::Refused(_) => {
                (ErrorCode::ServerError, "the identity provider refuses this server")
            }
        }
    }
}

/// Nobody has logged in: counts it, and tells the operator.
fn nobody(server: &AuthServer, upstream: &str, error: &str) -> Nobody {
    let nobody = Nobody::of(error);
    let is_ours = matches!(nobody, Nobody::Refused(_));
    server.metrics().login(if matches!(nobody, Nobody::CalledOff) {
        "cancelled"
    } else {
        "failure"
    });
    let error: String = error.chars().filter(char::is_ascii_graphic).take(64).collect();
    if is_ours {
        tracing::error!(upstream, error, "the identity provider refuses this server");
    } else {
        tracing::warn!(upstream, error, "the identity provider let nobody in");
    }
    nobody
}

/// The login that this is the answer to, in the browser that was sent away for it.
async fn arrive<'a>(
    server: &AuthServer,
    upstream: &'a Upstream,
    headers: &HeaderMap,
    state: &str,
) -> Result<Arrival<'a>, RouteError> {
    let state = Nonce::parse(state).ok_or(RouteError::Unknown)?;
    let found = server.repo().logins.find(&state).await?;
    let login = found.filter(|login| login.upstream == upstream.name());
    let login = login.ok_or(RouteError::Unknown)?;
    let handle = Handle::parse(&login.handle).ok_or(RouteError::Unknown)?;
    let key = transaction_cookie(server, &handle).read(headers);
    login.check(key.as_ref(), server.now())?;
    let key = key.ok_or(WrongTurn::OtherBrowser)?;
    Ok(Arrival { upstream, login, handle, state, key, name: None })
}

/// What a client is told that has said with an `id_token_hint` who has to log in.
const SOMEBODY_ELSE: (ErrorCode, &str) =
    (ErrorCode::LoginRequired, "somebody else has logged in than id_token_hint is about");

/// Somebody has logged in for a client, or has not.
async fn for_client(
    server: &AuthServer,
    headers: &HeaderMap,
    arrival: Arrival<'_>,
    code: Result<String, Nobody>,
) -> Result<Response, RouteError> {
    let cookie = transaction_cookie(server, &arrival.handle);
    let transactions = &server.repo().transactions;
    let transaction = transactions.find(&arrival.handle).await?.ok_or(RouteError::Unknown)?;
    let arrival = Arrival { name: transaction.login.clone(), ..arrival };
    transaction.check(Some(&arrival.key), server.now())?;
    transaction.check_login(&arrival.state)?;
    let identity = match code {
        Ok(code) => Ok(arrival.redeem(server, &code).await?),
        Err(nobody) => Err(nobody.failure()),
    };
    let is_meant = |identity: &Identity| transaction.request.login.is_for(&identity.user);
    let identity = identity.and_then(|it| if is_meant(&it) { Ok(it) } else { Err(SOMEBODY_ELSE) });
    // Of several who come here at once, one ends the transaction and gets the code.
    let ended = transactions.end(&arrival.handle).await?.ok_or(RouteError::Unknown)?;
    let Transaction { client, request, login, .. } = ended;
    let identity = match identity {
        Ok(identity) => identity,
        Err(failure) => {
            let state = request.state.as_deref();
            let response = fail(server.issuer().as_str(), &request.redirect_uri, state, failure);
            return Ok((cookie.clear(), response).into_response());
        }
    };
    let auth_time = identity.auth_time_at(server.now());
    let session = arrival.sign_in(server, headers, (&identity.user, auth_time)).await?;
    let user = identity.user;
    let conclusion = Conclusion { user, auth_time, consent: Consent::Given, login };
    let response = conclusion.hand_out(server, &client, request).await?;
    Ok((cookie.clear(), session, response).into_response())
}

/// Somebody has logged in to see which clients are in.
async fn for_apps(
    server: &AuthServer,
    headers: &HeaderMap,
    arrival: Arrival<'_>,
    code: Result<String, Nobody>,
) -> Result<Response, RouteError> {
    let code = code.map_err(|nobody| match nobody {
        Nobody::CalledOff => RouteError::NoLogin,
        Nobody::Away => failure(arrival.upstream, UpstreamError::Away),
        Nobody::Refused(error) => failure(arrival.upstream, UpstreamError::Refused(error)),
    })?;
    let identity = arrival.redeem(server, &code).await?;
    let auth_time = identity.auth_time_at(server.now());
    let session = arrival.sign_in(server, headers, (&identity.user, auth_time)).await?;
    let cookie = transaction_cookie(server, &arrival.handle);
    Ok((cookie.clear(), session, see_other(&server.issuer().local("/apps"))).into_response())
}

impl Arrival<'_> {
    /// What the audit log says of it.
    fn line(&self, event: Event) -> audit::Line<'_> {
        let line = event.line().about(self.upstream.name());
        self.name.as_deref().map_or(line, |name| line.login(name))
    }

    /// The browser is logged in from now on.
    async fn sign_in(
        &self,
        server: &AuthServer,
        headers: &HeaderMap,
        (user, auth_time): (&User, Option<Timestamp>),
    ) -> Result<Option<SetCookie>, StoreError> {
        server.metrics().login("success");
        self.line(Event::LoginOk).subject(&user.sub).write();
        session::sign_in(server, headers, self.upstream, (user.clone(), auth_time)).await
    }

    /// Who has logged in. The `state` is used up before the provider is asked: it comes back once.
    async fn redeem(&self, server: &AuthServer, code: &str) -> Result<Identity, RouteError> {
        if !server.repo().logins.end(&self.state).await? {
            return Err(RouteError::Unknown);
        }
        let verifier = login_verifier(&self.state, &self.key).map_err(|_| RouteError::Unknown)?;
        let reply = Reply {
            code,
            nonce: &login_nonce(&self.state, &self.key),
            verifier: &verifier,
            freshness: self.login.freshness,
        };
        let identity = self.upstream.redeem(&reply, server.provider_assertions()).await;
        if let Err(UpstreamError::NotAdmitted(_)) = &identity {
            server.metrics().login("refused");
            self.line(Event::LoginRefused).write();
        }
        identity.map_err(|error| failure(self.upstream, error))
    }
}

fn failure(upstream: &Upstream, error: UpstreamError) -> RouteError {
    RouteError::Upstream { name: upstream.name().to_owned(), error }
}
