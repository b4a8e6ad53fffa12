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
    #[error("too many devices wait at once; try again")]
    Crowded,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl IntoResponse for RouteError {
    fn into_response(self) -> Response {
        let code = match self {
            Self::Client(error) => return error.into_response(),
            Self::Store(error) => return answer::store_failure(error),
            Self::NotRegistered => ErrorCode::UnauthorizedClient,
            Self::Request(ref error) => error.code(),
            Self::Crowded => ErrorCode::TemporarilyUnavailable,
        };
        tracing::warn!(reason = %self, "device refused");
        let error = OAuthError::new(code, self.to_string());
        match code {
            ErrorCode::TemporarilyUnavailable => answer::later(error),
            _ => error.into(),
        }
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

#[cfg(test)]
mod tests {
    use http::header;

    use super::*;

    #[test]
    fn who_is_to_try_again_is_told_when() {
        let crowded = RouteError::Crowded.into_response();
        assert_eq!(crowded.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(crowded.headers().contains_key(header::RETRY_AFTER));
        assert_eq!(RouteError::NotRegistered.into_response().status(), StatusCode::BAD_REQUEST);
    }
}
