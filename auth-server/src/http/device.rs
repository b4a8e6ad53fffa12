//! `/device` (RFC 8628 section 3.3): a person types the code of a device, and decides.
//!
//! From there on this page is a client like any other: it sends the browser through consent and
//! login with a challenge of its own, and redeems the code that comes back on the device's behalf.
//! So everything that protects a login protects this one.

use axum::{
    Router,
    extract::{RawQuery, State},
    response::{IntoResponse, Response},
    routing::get,
};
use http::StatusCode;
use serde::Deserialize;
use shared::oauth::{CodeVerifier, NotACodeVerifier};
use store::StoreError;

use super::{
    answer, authorize, limits,
    page_form::{PageError, PageForm, read_query},
    without_head::{by_get, without_head},
};
use crate::{
    AuthServer,
    domain::{
        Attempt, AuthorizationCode, AuthorizationRequest, Code, Device, LoginWish, Mismatch,
        Ticket, UserCode, Visit, VisitKey,
    },
    guard::{Budget, Caller, Refusal},
    pages::{DeviceDonePage, DevicePage, ErrorPage, page},
    repo::CODE_LIFE,
};

/// What a code can be entered with; what is longer is none.
const MAX_TYPED: usize = 32;

/// The query of the page and its form.
#[derive(Default, Deserialize)]
struct Entry {
    user_code: Option<String>,
}

/// What comes back from consent and login.
#[derive(Deserialize)]
struct Decision {
    state: String,
    iss: String,
    code: Option<String>,
    error: Option<String>,
}

/// Why nothing is decided.
#[derive(Debug, thiserror::Error)]
enum RouteError {
    #[error(transparent)]
    Page(#[from] PageError),
    #[error("no device waits with this code")]
    UnknownCode { typed: String },
    #[error(transparent)]
    TooOften(#[from] Refusal),
    #[error("the program on the device is not registered any more, or not for devices")]
    UnknownClient,
    #[error("the answer is from another issuer, or to no question of ours")]
    Unknown,
    #[error("the code that came back is not good: {0}")]
    Code(#[from] Mismatch),
    #[error("the device does not wait any more")]
    TooLate,
    #[error(transparent)]
    Verifier(#[from] NotACodeVerifier),
    #[error(transparent)]
    Asking(#[from] authorize::RouteError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl IntoResponse for RouteError {
    fn into_response(self) -> Response {
        tracing::warn!(reason = %self, "device not connected");
        let (status, title, text) = match self {
            Self::Store(error) => return answer::store_failure_page(error),
            Self::Asking(error) => return error.into_response(),
            Self::Page(error) => return error.into_response(),
            Self::UnknownCode { typed } => return unknown_code(typed),
            Self::TooOften(why) => return limits::too_many_page(Budget::UserCode, why),
            Self::UnknownClient
            | Self::Unknown
            | Self::Code(_)
            | Self::TooLate
            | Self::Verifier(_) => (
                StatusCode::BAD_REQUEST,
                "This request has ended",
                "It was answered already, or it took too long. Start again on your device.",
            ),
        };
        page(status, &ErrorPage::new(title, text))
    }
}

fn unknown_code(typed: String) -> Response {
    let problem = Some(
        "No device waits with this code. It may have expired; check it, or start \
                        again on your device.",
    );
    page(StatusCode::BAD_REQUEST, &DevicePage { code: typed, linked: false, problem })
}

/// The pages.
pub(super) fn router() -> Router<AuthServer> {
    Router::new()
        .route("/device", get(enter).post(look_up))
        .route("/device/done", without_head([by_get(decide)]))
}

/// Where consent and login lead back to.
fn done(server: &AuthServer) -> String {
    server.issuer().at("/device/done")
}

/// Shows the field. A code in the address is shown and not used: the user compares it first.
async fn enter(RawQuery(query): RawQuery) -> Result<Response, RouteError> {
    let entry: Entry = read_query(query)?;
    let code = entry.user_code.filter(|typed| typed.len() <= MAX_TYPED);
    let linked = code.is_some();
    let code = code.unwrap_or_default();
    Ok(page(StatusCode::OK, &DevicePage { code, linked, problem: None }))
}

/// Finds the device, and asks for consent on its behalf.
async fn look_up(
    State(server): State<AuthServer>,
    caller: Caller,
    PageForm(entry): PageForm<Entry>,
) -> Result<Response, RouteError> {
    // Counted before the code is looked at, right or wrong, so that no crowd gets in between.
    server.guard().spend(Budget::UserCode, &caller).await?;
    let typed = entry.user_code.filter(|typed| typed.len() <= MAX_TYPED).unwrap_or_default();
    let code = UserCode::parse(&typed);
    let Some(code) = code else { return Err(RouteError::UnknownCode { typed }) };
    let found = server.repo().devices.find(&code).await?;
    let Some((name, device)) = found.filter(|(_, device)| device.is_waiting(server.now())) else {
        return Err(RouteError::UnknownCode { typed });
    };
    ask(&server, name, device, &code).await
}

/// Begins an authorization whose answer goes to this page.
async fn ask(
    server: &AuthServer,
    name: String,
    device: Device,
    code: &UserCode,
) -> Result<Response, RouteError> {
    let client = server.client(&device.client_id).await?.filter(|client| client.devices);
    let client = client.ok_or(RouteError::UnknownClient)?;
    let key: VisitKey = Ticket::random(server.entropy());
    let verifier: CodeVerifier = server.entropy().hex::<32>().parse()?;
    let visit = Visit { device: name, verifier: verifier.expose().to_owned() };
    server.repo().devices.begin_visit(&key, &visit).await?;
    let request = AuthorizationRequest {
        client_id: device.client_id,
        redirect_uri: done(server),
        state: Some(key.expose().to_owned()),
        user_code: Some(code.shown()),
        key: None,
        challenge: verifier.challenge(),
        scope: device.scope,
        resource: device.resource,
        nonce: None,
        silent: false,
        consent_again: true,
        login: LoginWish::default(),
    };
    Ok(authorize::begin(server, client, request).await?)
}

/// The user comes back: the device is told yes or no.
async fn decide(
    State(server): State<AuthServer>,
    RawQuery(query): RawQuery,
) -> Result<Response, RouteError> {
    let decision: Decision = read_query(query)?;
    if decision.iss != server.issuer().as_str() {
        return Err(RouteError::Unknown);
    }
    let key = VisitKey::parse(&decision.state).ok_or(RouteError::Unknown)?;
    let devices = &server.repo().devices;
    let visit = devices.end_visit(&key).await?.ok_or(RouteError::Unknown)?;
    let code = match decision.code {
        Some(code) if decision.error.is_none() => Some(redeem(&server, &code, &visit).await?),
        _ => None,
    };
    let allowed = code.is_some();
    if !devices.decide(&visit.device, code, server.now()).await? {
        return Err(RouteError::TooLate);
    }
    tracing::info!(allowed, "the user of a device has decided");
    Ok(page(StatusCode::OK, &DeviceDonePage { allowed }))
}

/// Redeems the code that came back. Its tokens are made when the device asks for them.
async fn redeem(server: &AuthServer, code: &str, visit: &Visit) -> Result<Code, RouteError> {
    let ticket = AuthorizationCode::parse(code).ok_or(RouteError::Unknown)?;
    let codes = &server.repo().codes;
    let code = codes.find(&ticket).await?.ok_or(RouteError::Unknown)?;
    let device = server.repo().devices.get(&visit.device).await?.ok_or(RouteError::TooLate)?;
    let (redirect_uri, verifier) = (done(server), visit.verifier.parse()?);
    let attempt = Attempt {
        client_id: &device.client_id,
        redirect_uri: Some(&redirect_uri),
        verifier: &verifier,
    };
    code.check(&attempt, server.now())?;
    if codes.exchange(&ticket, code.clone(), CODE_LIFE).await? {
        Ok(code)
    } else {
        Err(RouteError::Unknown)
    }
}
