//! `/register/{client_id}` (RFC 7592): a client reads, changes and deletes its own registration.
//!
//! Only clients with a secret or keys can. What a public client has registered belongs to everybody
//! who has registered the same, so nobody gets a token that could change or delete it.

use ambient::{Entropy, Timestamp};
use axum::{
    Json,
    extract::{FromRequest as _, Path, Request, State, rejection::JsonRejection},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;
use shared::oauth::{ClientMetadata, ErrorCode, Sensitive};
use store::StoreError;

use super::{
    answer::{self, OAuthError},
    register::{self, Object, RouteError as RegisterError},
};
use crate::{
    AuthServer,
    audit::Event,
    domain::{
        Authentication, Client, ClientSecret, Management, ManagementToken, MetadataError,
        Registration,
    },
    repo::Kept,
};

/// Why nothing is done.
#[derive(Debug, thiserror::Error)]
pub(super) enum RouteError {
    #[error("the registration access token is missing: it goes into the Authorization header")]
    NoToken,
    #[error("the registration access token is wrong, or its client is gone")]
    Token,
    #[error("client_id and client_secret must be those of the registration, if they are named")]
    OtherClient,
    #[error(
        "token_endpoint_auth_method must be client_secret_basic, client_secret_post or \
         private_key_jwt: what is one client's own cannot become everybody's"
    )]
    Method,
    #[error("the registration has been changed at this moment by another request; try again")]
    Changed,
    #[error(transparent)]
    Metadata(#[from] RegisterError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What may stand beside the metadata of a change (RFC 7592 section 2.2).
#[derive(Deserialize)]
struct Change {
    client_id: Option<String>,
    client_secret: Option<Sensitive>,
    #[serde(flatten)]
    metadata: ClientMetadata,
}

impl IntoResponse for RouteError {
    fn into_response(self) -> Response {
        let code = match self {
            Self::Store(error) => return answer::store_failure(error),
            Self::Metadata(error) => return error.into_response(),
            // Without a token nothing was wrong, and no error is named (RFC 6750 section 3.1).
            Self::NoToken => return unauthorized(&self, "Bearer realm=\"registration\""),
            Self::Token => {
                return unauthorized(&self, "Bearer error=\"invalid_token\"");
            }
            Self::Changed => {
                let error = OAuthError::new(ErrorCode::TemporarilyUnavailable, self.to_string());
                return answer::later(error);
            }
            Self::OtherClient | Self::Method => ErrorCode::InvalidClientMetadata,
        };
        OAuthError::new(code, self.to_string()).into()
    }
}

/// The same for a wrong token and for a client that is not there (RFC 7592 section 2.1).
fn unauthorized(error: &RouteError, challenge: &'static str) -> Response {
    let body = OAuthError::new(ErrorCode::InvalidToken, error.to_string());
    let mut response: Response = body.with_status(StatusCode::UNAUTHORIZED).into();
    let challenge = HeaderValue::from_static(challenge);
    response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    response
}

pub(super) async fn get(
    State(server): State<AuthServer>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, RouteError> {
    let (kept, token) = authenticate(&server, &id, &headers).await?;
    Ok(show(&server, &Registration::known(kept.client, token)))
}

pub(super) async fn put(
    State(server): State<AuthServer>,
    Path(id): Path<String>,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, RouteError> {
    let (kept, token) = authenticate(&server, &id, &headers).await?;
    let body = Json::<Object<Change>>::from_request(request, &server).await;
    let Json(Object(change)) = body.map_err(|why: JsonRejection| RegisterError::from(why))?;
    let mut changed = change.apply(&kept.client, token, (server.now(), server.entropy()))?;
    register::check(&server, &mut changed.client)?;
    let proves_anew = changed.client.authentication != kept.client.authentication;
    if !server.repo().clients.change(&kept.client, &changed.client).await? {
        // It is gone, or somebody else has changed it.
        let _ = authenticate(&server, &id, &headers).await?;
        return Err(RouteError::Changed);
    }
    let line = Event::ClientChanged.line().client(&changed.client.id);
    if proves_anew { line.about("authentication") } else { line }.write();
    Ok(show(&server, &changed))
}

/// Its tokens end with it: introspection asks whether such a client is still there, and so does
/// every other endpoint.
pub(super) async fn delete(
    State(server): State<AuthServer>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, RouteError> {
    let (kept, _) = authenticate(&server, &id, &headers).await?;
    server.repo().clients.delete(&kept.client.id).await?;
    Event::ClientDeleted.line().client(&kept.client.id).write();
    Ok((StatusCode::NO_CONTENT, [(header::CACHE_CONTROL, "no-store")]).into_response())
}

async fn authenticate(
    server: &AuthServer,
    id: &str,
    headers: &HeaderMap,
) -> Result<(Kept, ManagementToken), RouteError> {
    let sent = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let sent = sent.and_then(|text| text.split_once(' '));
    let sent = sent.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("Bearer"));
    let (_, token) = sent.ok_or(RouteError::NoToken)?;
    let token = ManagementToken::parse(token.trim()).ok_or(RouteError::Token)?;
    let kept = server.repo().clients.find_kept(id).await?.ok_or(RouteError::Token)?;
    // Timing tells nothing: what is compared are hashes.
    if kept.management != Some(Management::of(&token)) {
        return Err(RouteError::Token);
    }
    Ok((kept, token))
}

impl Change {
    /// The client as it is after the change. What is not named is as if it were registered anew, a secret
    /// too, but for the way in which it proves who it is: that stays.
    fn apply(
        self,
        before: &Client,
        token: ManagementToken,
        world: (Timestamp, &Entropy),
    ) -> Result<Registration, RouteError> {
        let is_secret = |secret: &Sensitive| {
            let secret = ClientSecret::parse(secret.expose());
            match &before.authentication {
                Authentication::Secret { digest, .. } => secret.is_some_and(|it| digest.is_of(&it)),
                _ => false,
            }
        };
        let same = self.client_id.is_none_or(|id| id == before.id)
            && self.client_secret.as_ref().is_none_or(is_secret);
        if !same {
            return Err(RouteError::OtherClient);
        }
        let before = (before, self.client_secret.is_some());
        let changed = Registration::change(self.metadata, before, token, world);
        changed.map_err(|why| match why {
            MetadataError::AuthMethod => RouteError::Method,
            why => RouteError::Metadata(why.into()),
        })
    }
}

/// A secret is shown when it is new; later it is not known here. The token is the one that the caller
/// has sent.
fn show(server: &AuthServer, registration: &Registration) -> Response {
    answer::no_store(StatusCode::OK, registration.document(server.issuer()))
}
