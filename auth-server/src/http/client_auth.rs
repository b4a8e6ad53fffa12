//! Who calls, and with which form: one extractor for every endpoint that clients authenticate at.
//!
//! `Authorization: Basic`, `client_id` and `client_secret` in the form, or a `client_id` alone
//! (RFC 6749 section 2.3). One of them at a time.

use ambient::Secret;
use axum::{
    extract::{FromRequest, Request},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;
use shared::oauth::ErrorCode;
use store::StoreError;
use url::form_urlencoded;

use super::{
    answer::{self, OAuthError},
    params::{self, ParamsError},
};
use crate::{
    AuthServer,
    domain::{Authentication, Client, ClientSecret, ClientUrl},
};

/// A caller who claims to be a client, and the form without the client's credentials.
pub(super) struct ClientAuth<T> {
    credentials: Credentials,
    form: T,
}

/// What a caller shows.
#[derive(Debug, PartialEq, Eq)]
struct Credentials {
    client_id: String,
    secret: Option<Secret>,
}

/// Why a caller is not let in.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClientAuthError {
    #[error(transparent)]
    Params(#[from] ParamsError),
    #[error("there are no client credentials")]
    Nobody,
    #[error("the Authorization header is not HTTP Basic with an identifier and a secret")]
    MalformedBasic,
    #[error("the client authenticates in two ways at once")]
    TwoWays,
    #[error("the client is unknown, or its registration has expired")]
    UnknownClient,
    #[error("the client secret is wrong, missing, or not expected")]
    WrongSecret,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl<T> ClientAuth<T> {
    /// The registered client that calls, and its form.
    pub(super) async fn client(self, server: &AuthServer) -> Result<(Client, T), ClientAuthError> {
        let Credentials { client_id, secret } = self.credentials;
        let found = server.client(&client_id).await?;
        let client = found.ok_or(ClientAuthError::UnknownClient)?;
        let is_right = match (&client.authentication, secret) {
            (Authentication::Public, None) => true,
            (Authentication::Secret { digest, .. }, Some(secret)) => {
                ClientSecret::parse(secret.expose()).is_some_and(|secret| digest.is_of(&secret))
            }
            (Authentication::Given(hashes), Some(secret)) => {
                hashes.iter().any(|hash| hash.is_of(&secret))
            }
            _ => false,
        };
        if is_right { Ok((client, self.form)) } else { Err(ClientAuthError::WrongSecret) }
    }

    /// The name of the client that calls, the client, and its form. A public client that is known by
    /// a document, and that no user has let in yet, is nothing but a name here: its document is
    /// fetched where a person is waiting.
    pub(super) async fn claimant(
        self,
        server: &AuthServer,
    ) -> Result<(String, Option<Client>, T), ClientAuthError> {
        let Credentials { client_id, secret } = &self.credentials;
        if ClientUrl::is_meant(client_id) && secret.is_none() {
            let url = ClientUrl::parse(client_id, server.config().documents.allow_private);
            let url = url.map_err(|_| ClientAuthError::UnknownClient)?;
            let known = server.client(url.as_str()).await?;
            return Ok((url.as_str().to_owned(), known, self.form));
        }
        let (client, form) = self.client(server).await?;
        Ok((client.id.clone(), Some(client), form))
    }

    /// The form, if the resource server calls.
    pub(super) fn resource_server(self, server: &AuthServer) -> Result<T, ClientAuthError> {
        let known = &server.config().resource_server;
        if self.credentials.client_id != known.id {
            return Err(ClientAuthError::UnknownClient);
        }
        // Compared in constant time.
        let is_right = self.credentials.secret.is_some_and(|secret| secret == known.secret);
        if is_right { Ok(self.form) } else { Err(ClientAuthError::WrongSecret) }
    }
}

impl<T: DeserializeOwned> FromRequest<AuthServer> for ClientAuth<T> {
    type Rejection = ClientAuthError;

    async fn from_request(request: Request, server: &AuthServer) -> Result<Self, ClientAuthError> {
        let header = Credentials::in_header(request.headers())?;
        let mut params = params::body(request, server).await?;
        let id = params.take("client_id")?;
        let secret = params.take("client_secret")?.map(Secret::new);
        let credentials = match (header, id, secret) {
            (Some(_), _, Some(_)) => return Err(ClientAuthError::TwoWays),
            (Some(basic), Some(id), None) if basic.client_id != id => {
                return Err(ClientAuthError::TwoWays);
            }
            (Some(basic), _, None) => basic,
            (None, Some(client_id), secret) => Credentials { client_id, secret },
            (None, None, _) => return Err(ClientAuthError::Nobody),
        };
        Ok(Self { credentials, form: params.read()? })
    }
}

impl Credentials {
    /// RFC 6749 section 2.3.1: both parts are form-encoded before they are joined.
    fn in_header(headers: &HeaderMap) -> Result<Option<Self>, ClientAuthError> {
        let mut sent = headers.get_all(header::AUTHORIZATION).iter();
        let Some(header) = sent.next() else { return Ok(None) };
        let basic = header.to_str().ok().and_then(|text| text.split_once(' '));
        let basic = basic.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("Basic"));
        let (Some((_, encoded)), None) = (basic, sent.next()) else {
            return Err(ClientAuthError::MalformedBasic);
        };
        let decoded = STANDARD.decode(encoded.trim()).ok();
        let decoded = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
        let parts = decoded.as_deref().and_then(|text| text.split_once(':'));
        let (id, secret) = parts.ok_or(ClientAuthError::MalformedBasic)?;
        let secret = Some(form_decode(secret)).filter(|secret| !secret.is_empty());
        Ok(Some(Self { client_id: form_decode(id), secret: secret.map(Secret::new) }))
    }
}

fn form_decode(text: &str) -> String {
    // As the value of a form whose name is empty; `&` would end it and does not come unencoded.
    let form = format!("={}", text.replace('&', "%26"));
    form_urlencoded::parse(form.as_bytes()).map(|(_, value)| value.into_owned()).collect()
}

impl IntoResponse for ClientAuthError {
    fn into_response(self) -> Response {
        let code = match self {
            Self::Store(error) => return answer::store_failure(error),
            Self::Params(error) => return error.into_response(),
            Self::TwoWays => ErrorCode::InvalidRequest,
            Self::Nobody | Self::MalformedBasic | Self::UnknownClient | Self::WrongSecret => {
                ErrorCode::InvalidClient
            }
        };
        tracing::warn!(reason = %self, "client refused");
        let error = OAuthError::new(code, self.to_string());
        match code {
            // Clients that are told 401 register anew; told 400, they are stuck for ever.
            ErrorCode::InvalidClient => error.with_status(StatusCode::UNAUTHORIZED).into(),
            _ => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basic(text: &str) -> Result<Option<Credentials>, ClientAuthError> {
        let value = format!("Basic {}", STANDARD.encode(text)).parse().unwrap();
        Credentials::in_header(&HeaderMap::from_iter([(header::AUTHORIZATION, value)]))
    }

    #[test]
    fn basic_credentials_are_form_encoded() {
        let read = basic("a%3Ab:p%26q+r&s").unwrap().unwrap();
        assert_eq!(read.client_id, "a:b");
        assert_eq!(read.secret.unwrap().expose(), "p&q r&s");
        assert_eq!(basic("id:").unwrap().unwrap().secret, None);
    }

    #[test]
    fn anything_else_in_the_header_is_refused() {
        assert!(basic("no colon").is_err());
        for text in ["Bearer x", "Basic", "Basic ???"] {
            let headers = HeaderMap::from_iter([(header::AUTHORIZATION, text.parse().unwrap())]);
            assert!(Credentials::in_header(&headers).is_err(), "{text}");
        }
        assert_eq!(Credentials::in_header(&HeaderMap::new()).unwrap(), None);
    }
}
