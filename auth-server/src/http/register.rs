//! `POST /register` (RFC 7591): anybody can become a client, and is trusted with nothing for it.

use std::{fmt, marker::PhantomData};

use axum::{
    Json,
    extract::{
        FromRequest as _, Request, State,
        rejection::{JsonDataError, JsonRejection},
    },
    response::{IntoResponse, Response},
};
use http::StatusCode;
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor, value::MapAccessDeserializer},
};
use shared::oauth::{ClientMetadata, ErrorCode};
use store::StoreError;

use super::{
    answer::{self, OAuthError},
    limits,
};
use crate::{
    AuthServer,
    audit::Event,
    domain::{Client, MetadataError, Registration, client_id},
    guard::{Budget, Refusal},
    repo::Naming,
};

/// Why nobody is registered.
#[derive(Debug, thiserror::Error)]
pub(super) enum RouteError {
    #[error("the body is not client metadata: {0}")]
    Json(#[from] JsonRejection),
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    #[error("whoever runs this server has blocked the client that registers so")]
    Blocked,
    #[error("others register the same at this moment; try again")]
    Taken,
    #[error(transparent)]
    TooMany(#[from] Refusal),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl IntoResponse for RouteError {
    fn into_response(self) -> Response {
        let (code, text) = match self {
            Self::Store(error) => return answer::store_failure(error),
            Self::TooMany(refusal) => return limits::too_many(Budget::NewClient, refusal),
            // 413 gets its words outside.
            Self::Json(why) if why.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                return why.into_response();
            }
            Self::Json(ref why) => (ErrorCode::InvalidClientMetadata, explain(why)),
            Self::Metadata(ref why) => (code(why), why.to_string()),
            Self::Taken => {
                let error = OAuthError::new(ErrorCode::TemporarilyUnavailable, self.to_string());
                return answer::later(error);
            }
            Self::Blocked => (ErrorCode::InvalidClientMetadata, self.to_string()),
        };
        tracing::warn!(reason = %self, "registration refused");
        OAuthError::new(code, text).into()
    }
}

const fn code(why: &MetadataError) -> ErrorCode {
    match why {
        MetadataError::RedirectUriCount | MetadataError::RedirectUri { .. } => {
            ErrorCode::InvalidRedirectUri
        }
        MetadataError::Name
        | MetadataError::TooLong
        | MetadataError::AfterLogout
        | MetadataError::AfterLogoutUri { .. }
        | MetadataError::AuthMethod
        | MetadataError::CarriedSecret
        | MetadataError::Keys(_)
        | MetadataError::GrantTypes
        | MetadataError::ResponseTypes
        | MetadataError::ApplicationType => ErrorCode::InvalidClientMetadata,
    }
}

/// A sentence of our own for each kind of failure: the parser's would repeat what was sent.
fn explain(why: &JsonRejection) -> String {
    match why {
        JsonRejection::JsonDataError(why) if is_repetition(why) => {
            "a member of the metadata is there more than once"
        }
        JsonRejection::JsonDataError(_) => "a member of the metadata is of the wrong type",
        JsonRejection::JsonSyntaxError(_) => "the body is not JSON",
        JsonRejection::MissingJsonContentType(_) => "the content type must be application/json",
        _ => "the body could not be read",
    }
    .to_owned()
}

/// The parser has one kind of error for all that is JSON and not what was asked for.
fn is_repetition(why: &JsonDataError) -> bool {
    why.body_text().contains(": duplicate field `")
}

pub(super) async fn post(
    State(server): State<AuthServer>,
    request: Request,
) -> Result<Response, RouteError> {
    let body = Json::<Object<ClientMetadata>>::from_request(request, &server).await?;
    let Json(Object(metadata)) = body;
    let mut registration = Registration::new(metadata, server.now(), server.entropy())?;
    check(&server, &mut registration.client)?;
    settle(&server, &mut registration).await?;
    server.metrics().registered();
    Event::ClientRegistered.line().client(&registration.client.id).write();
    Ok(answer::no_store(StatusCode::CREATED, registration.document(server.issuer())))
}

/// Gives a registration its name, and keeps it if it is new.
async fn settle(server: &AuthServer, registration: &mut Registration) -> Result<(), RouteError> {
    /// Whoever finds a name taken that was free sees at the next look by whom.
    const LOOKS: u8 = 3;
    let (clients, life) = (&server.repo().clients, server.lifetimes().family);
    let own_name = registration.client.id.clone();
    for look in 0..LOOKS {
        registration.client.id.clone_from(&own_name);
        let naming = clients.name(registration, life).await?;
        let words = client_id::common(&registration.client);
        if naming == Naming::Blocked || server.config().clients.blocks(&words) {
            Event::ClientBlocked.line().client(&words).about("registration").write();
            return Err(RouteError::Blocked);
        }
        if naming == Naming::Known {
            return Ok(());
        }
        if look == 0 {
            server.guard().spend_for_all(Budget::NewClient).await?;
        }
        if clients.add(registration).await? {
            return Ok(());
        }
    }
    Err(RouteError::Taken)
}

/// Whether a client may be as it says, here and as the operator has set.
pub(super) fn check(server: &AuthServer, client: &mut Client) -> Result<(), RouteError> {
    server.config().redirect_hosts.check(client)?;
    let anywhere = server.config().documents.allow_private;
    client.check_keys(anywhere).map_err(MetadataError::from)?;
    // Nobody is promised what there is not.
    client.takes_assertions &= !server.config().id_jag.is_empty();
    Ok(())
}

/// A `T` from a JSON object. Without this, serde would also read its members from an array, one
/// after the other.
pub(super) struct Object<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OnlyMaps<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for OnlyMaps<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map))
            }
        }

        deserializer.deserialize_map(OnlyMaps(PhantomData)).map(Self)
    }
}
