//! Parameters of queries and forms, parsed once and strictly: whatever is there twice is an error
//! (RFC 6749 section 3.1), and whatever is empty is not there.

use std::collections::{BTreeMap, BTreeSet};

use axum::{
    extract::{FromRequest, Request},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;
use serde_json::Value;
use shared::oauth::ErrorCode;
use url::form_urlencoded;

use super::answer::OAuthError;

/// Parameters by name.
#[derive(Debug, Default)]
pub(crate) struct Params {
    values: BTreeMap<String, String>,
    repeated: BTreeSet<String>,
    /// Whether they were handed in ahead of the browser (RFC 9126).
    pub(super) pushed: bool,
}

/// Why parameters cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ParamsError {
    #[error("the body is not a form: its content type must be application/x-www-form-urlencoded")]
    NotAForm,
    #[error("the body is too large")]
    TooLarge,
    #[error("the body could not be read")]
    Unreadable,
    #[error("{0} is there more than once, or is not UTF-8")]
    Repeated(String),
    #[error("{0}")]
    Malformed(String),
}

impl Params {
    /// Parses `application/x-www-form-urlencoded`.
    pub(crate) fn parse(text: &[u8]) -> Self {
        let mut params = Self::default();
        let mut seen = BTreeSet::new();
        for (name, value) in form_urlencoded::parse(text) {
            // What is not UTF-8 was replaced; to go on would be to answer another request.
            let is_broken = name.contains('\u{FFFD}') || value.contains('\u{FFFD}');
            if !seen.insert(name.to_string()) || is_broken {
                params.repeated.insert(name.into_owned());
            } else if !value.is_empty() {
                params.values.insert(name.into_owned(), value.into_owned());
            }
        }
        params
    }

    /// The parameters of a request that was handed in ahead of the browser.
    pub(super) fn pushed(values: BTreeMap<String, String>) -> Self {
        Self { values, repeated: BTreeSet::new(), pushed: true }
    }

    /// A parameter that stays; none if it is there twice.
    pub(super) fn peek(&self, name: &str) -> Option<&str> {
        let is_single = !self.repeated.contains(name);
        self.values.get(name).filter(|_| is_single).map(String::as_str)
    }

    /// A parameter that must not be there twice.
    pub(crate) fn take(&mut self, name: &str) -> Result<Option<String>, ParamsError> {
        if self.repeated.contains(name) {
            return Err(ParamsError::Repeated(name.to_owned()));
        }
        Ok(self.values.remove(name))
    }

    /// A parameter that is there twice, if there is one.
    pub(crate) fn repeated(&self) -> Option<&str> {
        self.repeated.first().map(String::as_str)
    }

    /// All parameters as a `T`, which ignores those it does not know.
    pub(crate) fn read<T: DeserializeOwned>(self) -> Result<T, ParamsError> {
        match self.repeated.into_iter().next() {
            Some(name) => Err(ParamsError::Repeated(name)),
            None => read(self.values),
        }
    }

    /// All parameters as a `T`, those that are there twice left out.
    pub(crate) fn read_single<T: DeserializeOwned>(mut self) -> Result<T, ParamsError> {
        self.values.retain(|name, _| !self.repeated.contains(name));
        read(self.values)
    }
}

fn read<T: DeserializeOwned>(values: BTreeMap<String, String>) -> Result<T, ParamsError> {
    let values = values.into_iter().map(|(name, value)| (name, Value::String(value))).collect();
    // What the message can name is a parameter of ours, never a value.
    serde_json::from_value(Value::Object(values))
        .map_err(|error| ParamsError::Malformed(error.to_string()))
}

/// The body of a request as a `T`.
pub(crate) struct Form<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Form<T> {
    type Rejection = ParamsError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ParamsError> {
        body(request, state).await?.read().map(Self)
    }
}

/// The parameters in the body of a request.
pub(super) async fn body<S: Send + Sync>(
    request: Request,
    state: &S,
) -> Result<Params, ParamsError> {
    if !is_form(request.headers()) {
        return Err(ParamsError::NotAForm);
    }
    match Bytes::from_request(request, state).await {
        Ok(bytes) => Ok(Params::parse(&bytes)),
        Err(why) if why.status() == StatusCode::PAYLOAD_TOO_LARGE => Err(ParamsError::TooLarge),
        Err(_) => Err(ParamsError::Unreadable),
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = value.unwrap_or_default().split(';').next().unwrap_or_default();
    media_type.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

impl ParamsError {
    /// The status that tells it.
    pub(crate) const fn status(&self) -> StatusCode {
        match self {
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NotAForm | Self::Unreadable | Self::Repeated(_) | Self::Malformed(_) => {
                StatusCode::BAD_REQUEST
            }
        }
    }
}

impl IntoResponse for ParamsError {
    fn into_response(self) -> Response {
        let error = OAuthError::new(ErrorCode::InvalidRequest, self.to_string());
        error.with_status(self.status()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_twice_is_an_error_and_what_is_empty_is_not_there() {
        let mut params = Params::parse(b"a=1&b=2&a=1&c=&d=%FF");
        assert!(matches!(params.take("a"), Err(ParamsError::Repeated(name)) if name == "a"));
        assert_eq!(params.take("b").unwrap().as_deref(), Some("2"));
        assert_eq!(params.take("c").unwrap(), None);
        assert!(params.take("d").is_err());
        assert!(Params::parse(b"a=&a=1").take("a").is_err());
    }

    #[test]
    fn an_unknown_parameter_there_twice_is_an_error_too() {
        let read = Params::parse(b"known=1&x=1&x=2").read::<BTreeMap<String, String>>();
        assert!(matches!(read, Err(ParamsError::Repeated(name)) if name == "x"));
    }

    #[test]
    fn a_message_names_the_parameter_and_not_its_value() {
        #[derive(Debug, serde::Deserialize)]
        struct Two {
            _one: String,
            _two: String,
        }
        let error = Params::parse(b"_one=hunter2").read::<Two>().unwrap_err().to_string();
        assert_eq!(error, "missing field `_two`");
    }
}
