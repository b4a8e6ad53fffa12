//! `POST /device_authorization` (RFC 8628 section 3.1): a device begins, and gets two codes: one to
//! show to its user and one to ask with.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use shared::oauth::{DeviceAuthorizationResponse, ErrorCode, ScopeSet, Sensitive};
use store::StoreError;

use super::{
    answer::{self, OAuthError},
    client_auth::{ClientAuth, ClientAuthError},
    query,
};
use crate::{
    AuthServer,
    domain::{Device, DeviceCode, INTERVAL, RequestError, Ticket, UserCode, Wanted},
    repo::DEVICE_LIFE,
};

/// How often a user code is made anew because another device has the same.
const TRIES: usize = 5;

/// Why there are no codes.
#[derive(Debug, thiserror::Error)]
pub(super) enum RouteError {
    #[error(transparent)]
    Client(#[from] ClientAuthError),
    #[error("the client is not registered for the grant of RFC 8628")]
    NotRegistered,
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error("too many devices wait at once; try again in a minute")]
    Crowded,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl IntoResponse for RouteError {
    fn into_response(self) -> Response {
        let (code, status) = match self {
            Self::Client(error) => return error.into_response(),
            Self::Store(error) => return answer::store_failure(error),
            Self::NotRegistered => (ErrorCode::UnauthorizedClient, StatusCode::BAD_REQUEST),
            Self::Request(ref error) => (error.code(), StatusCode::BAD_REQUEST),
            Self::Crowded => (ErrorCode::TemporarilyUnavailable, StatusCode::SERVICE_UNAVAILABLE),
        };
        tracing::warn!(reason = %self, "device refused");
        OAuthError::new(code, self.to_string()).with_status(status).into()
    }
}

pub(super) async fn post(
    State(server): State<AuthServer>,
    auth: ClientAuth<Wanted>,
) -> Result<Response, RouteError> {
    let (client, wanted) = auth.client(&server).await?;
    if !client.devices {
        return Err(RouteError::NotRegistered);
    }
    let target = wanted.target(server.offer(&client))?;
    let ticket: DeviceCode = Ticket::random(server.entropy());
    let user_code = keep(&server, client.id, target, &ticket).await?;
    let verification_uri = server.issuer().at("/device");
    let user_code = user_code.shown();
    let answer = DeviceAuthorizationResponse {
        device_code: Sensitive::new(ticket.expose()),
        verification_uri_complete: Some(query::append(
            &verification_uri,
            &[("user_code", &user_code)],
        )),
        user_code,
        verification_uri,
        expires_in: DEVICE_LIFE.as_secs(),
        interval: INTERVAL.as_secs(),
    };
    Ok(answer::no_store(StatusCode::OK, answer))
}

/// Keeps the device under a user code that no other has.
async fn keep(
    server: &AuthServer,
    client_id: String,
    target: (ScopeSet, String),
    ticket: &DeviceCode,
) -> Result<UserCode, RouteError> {
    let now = server.now();
    for _ in 0..TRIES {
        let user_code = UserCode::random(server.entropy());
        let (client_id, target) = (client_id.clone(), target.clone());
        let device = Device::new(client_id, target, &user_code, now, now + DEVICE_LIFE);
        if server.repo().devices.add(ticket, &user_code, &device).await? {
            tracing::info!(client = device.client_id, "a device waits");
            return Ok(user_code);
        }
    }
    Err(RouteError::Crowded)
}
