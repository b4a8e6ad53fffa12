//! Who calls, and with which form: one extractor for every endpoint that clients authenticate at.
//!
//! `Authorization: Basic`, `client_id` and `client_secret` in the form, or a `client_id` alone
//! (RFC 6749 section 2.3), or a signature of the client (RFC 7523 section 2.2). One of them at a time.

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
    client_assertion,
    params::{self, Params, ParamsError},
};
use crate::{
    AuthServer,
    assertions::AssertionError,
    domain::{Authentication, Client, ClientSecret, ClientUrl, PreviousSecret},
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
    proof: Proof,
}

/// What proves who calls.
#[derive(Debug, PartialEq, Eq)]
enum Proof {
    None,
    Secret(Secret),
    /// A JWT that the client has signed.
    Assertion(Secret),
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
    #[error("client_assertion and the client_assertion_type of RFC 7523 come together")]
    AssertionType,
    #[error("{0}")]
    Assertion(#[from] AssertionError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl<T> ClientAuth<T> {
    /// Whether the caller shows anything. If the client is found then, what it shows is right.
    pub(super) const fn has_proof(&self) -> bool {
        !matches!(self.credentials.proof, Proof::None)
    }

    /// What is asked for, by whoever it is.
    pub(super) const fn form(&self) -> &T {
        &self.form
    }

    /// The registered client that calls, and its form.
    pub(super) async fn client(self, server: &AuthServer) -> Result<(Client, T), ClientAuthError> {
        let Credentials { client_id, proof } = self.credentials;
        let found = server.client(&client_id).await?;
        let client = found.ok_or(ClientAuthError::UnknownClient)?;
        let is_right = match (&client.authentication, proof) {
            (Authentication::Public | Authentication::Keys { or_none: true, .. }, Proof::None) => {
                true
            }
            (Authentication::Secret { digest, previous, .. }, Proof::Secret(secret)) => {
                ClientSecret::parse(secret.expose()).is_some_and(|secret| {
                    let was = |previous: &PreviousSecret| previous.is(&secret, server.now());
                    digest.is_of(&secret) || previous.as_ref().is_some_and(was)
                })
            }
            (Authentication::Given(hashes), Proof::Secret(secret)) => {
                hashes.iter().any(|hash| hash.is_of(&secret))
            }
            (Authentication::Keys { keys, .. }, Proof::Assertion(text)) => {
                client_assertion::check(server, &client_id, keys, &text).await?;
                true
            }
            _ => false,
        };
        if is_right { Ok((client, self.form)) } else { Err(ClientAuthError::WrongSecret) }
    }

    /// The name of the client that calls, the client, and its form. A client that is known by a
    /// document, and that no user has let in yet, is nothing but a name here, whatever it has signed:
    /// its document is fetched where a person is waiting. Who is known has to prove who it is.
    pub(super) async fn claimant(
        self,
        server: &AuthServer,
    ) -> Result<(String, Option<Client>, T), ClientAuthError> {
        let Credentials { client_id, proof } = &self.credentials;
        let reads_documents = server.config().strangers.by_document;
        let is_url = reads_documents && ClientUrl::is_meant(client_id);
        if is_url && !matches!(proof, Proof::Secret(_)) {
            let url = ClientUrl::parse(client_id, server.config().documents.allow_private);
            let url = url.map_err(|_| ClientAuthError::UnknownClient)?;
            if server.client(url.as_str()).await?.is_none() {
                return Ok((url.as_str().to_owned(), None, self.form));
            }
        }
        let (client, form) = self.client(server).await?;
        Ok((client.id.clone(), Some(client), form))
    }

    /// The form, if the resource server calls.
    pub(super) async fn resource_server(self, server: &AuthServer) -> Result<T, ClientAuthError> {
        let known = &server.config().resource_server;
        let Credentials { client_id, proof } = self.credentials;
        if client_id != known.id {
            return Err(ClientAuthError::UnknownClient);
        }
        let is_right = match (proof, &known.keys) {
            // Compared in constant time.
            (Proof::Secret(secret), _) => [&known.secret, &known.previous_secret]
                .into_iter()
                .flatten()
                .any(|it| *it == secret),
            (Proof::Assertion(text), Some(keys)) => {
                client_assertion::check(server, &client_id, keys, &text).await?;
                true
            }
            (Proof::None, _) | (Proof::Assertion(_), None) => false,
        };
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
        let assertion = assertion(&mut params)?;
        let credentials = match (header, id, secret, assertion) {
            (Some(basic), id, None, None)
                if id.as_ref().is_none_or(|id| *id == basic.client_id) =>
            {
                basic
            }
            (None, id, None, Some(text)) => {
                // RFC 7521 section 4.2: the assertion names its client, who need not be named again.
                let client_id = match id {
                    Some(id) => id,
                    None => client_assertion::subject(&text)?,
                };
                Credentials { client_id, proof: Proof::Assertion(text) }
            }
            (None, Some(client_id), secret, None) => {
                Credentials { client_id, proof: secret.map_or(Proof::None, Proof::Secret) }
            }
            (None, None, _, None) => return Err(ClientAuthError::Nobody),
            _ => return Err(ClientAuthError::TwoWays),
        };
        Ok(Self { credentials, form: params.read()? })
    }
}

/// The signature of the client, if it comes with one.
fn assertion(params: &mut Params) -> Result<Option<Secret>, ClientAuthError> {
    let kind = params.take("client_assertion_type")?;
    let text = params.take("client_assertion")?.map(Secret::new);
    match (kind, text) {
        (None, None) => Ok(None),
        (Some(kind), Some(text)) if kind == client_assertion::TYPE => Ok(Some(text)),
        _ => Err(ClientAuthError::AssertionType),
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
        let proof = secret.map_or(Proof::None, |secret| Proof::Secret(Secret::new(secret)));
        Ok(Some(Self { client_id: form_decode(id), proof }))
    }
}

fn form_decode(text: &str) -> String {
    if !text.bytes().any(|byte| matches!(byte, b'+' | b'%')) {
        return text.to_owned();
    }
    // As the value of a form whose name is empty; `&` would end it and does not come unencoded.
    let form = format!("={}", text.replace('&', "%26"));
    form_urlencoded::parse(form.as_bytes()).map(|(_, value)| value.into_owned()).collect()
}

impl IntoResponse for ClientAuthError {
    fn into_response(self) -> Response {
        let code = match self {
            Self::Store(error) | Self::Assertion(AssertionError::Store(error)) => {
                return answer::store_failure(error);
            }
            Self::Assertion(ref error) if error.is_passing() => ErrorCode::TemporarilyUnavailable,
            Self::Params(error) => return error.into_response(),
            Self::TwoWays | Self::AssertionType => ErrorCode::InvalidRequest,
            Self::Nobody
            | Self::MalformedBasic
            | Self::UnknownClient
            | Self::WrongSecret
            | Self::Assertion(_) => ErrorCode::InvalidClient,
        };
        tracing::warn!(reason = %self, "client refused");
        let error = OAuthError::new(code, self.to_string());
        match code {
            // Clients that are told 401 register anew; told 400, they are stuck for ever.
            ErrorCode::InvalidClient => error.with_status(StatusCode::UNAUTHORIZED).into(),
            ErrorCode::TemporarilyUnavailable => answer::later(error),
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
        assert_eq!(read.proof, Proof::Secret(Secret::new("p&q r&s")));
        let plain = basic("id:p&q=r").unwrap().unwrap();
        assert_eq!(plain.proof, Proof::Secret(Secret::new("p&q=r")));
        assert_eq!(basic("id:").unwrap().unwrap().proof, Proof::None);
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
