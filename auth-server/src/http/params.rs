//! Parameters of queries and forms, parsed once and strictly: whatever is there twice is an error
//! (RFC 6749 section 3.1), so is what is no text, and whatever is empty is not there.

use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};

use axum::{
    extract::{FromRequest, Request},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use percent_encoding::percent_decode;
use serde::de::DeserializeOwned;
use serde_json::Value;
use shared::oauth::ErrorCode;

use super::answer::OAuthError;

/// Parameters by name.
#[derive(Debug, Default)]
pub(crate) struct Params {
    /// Those that are empty are none, and there: a second one is one too many.
    values: BTreeMap<String, Option<String>>,
    repeated: BTreeSet<String>,
    /// Those whose name or value is not UTF-8.
    unreadable: BTreeSet<String>,
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
    #[error("{0} is there more than once")]
    Repeated(String),
    #[error("{0} is not UTF-8")]
    NotText(String),
    #[error("{0}")]
    Malformed(String),
}

impl Params {
    /// Parses `application/x-www-form-urlencoded`.
    pub(crate) fn parse(text: &[u8]) -> Self {
        let mut params = Self::default();
        for pair in text.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            let mut halves = pair.splitn(2, |byte| *byte == b'=').map(decode);
            let (name, value) = (halves.next().unwrap_or(Ok(String::new())), halves.next());
            let (name, value) = match (name, value.unwrap_or(Ok(String::new()))) {
                (Ok(name), Ok(value)) => (name, value),
                // To go on with something in its place would be to answer another request.
                (Ok(name) | Err(name), _) => {
                    params.unreadable.insert(name);
                    continue;
                }
            };
            match params.values.entry(name) {
                Entry::Occupied(seen) => drop(params.repeated.insert(seen.key().clone())),
                Entry::Vacant(free) => drop(free.insert(Some(value).filter(|it| !it.is_empty()))),
            }
        }
        params
    }

    /// The parameters of a request that was handed in ahead of the browser.
    pub(super) fn pushed(values: BTreeMap<String, String>) -> Self {
        let values = values.into_iter().map(|(name, value)| (name, Some(value))).collect();
        Self { values, pushed: true, ..Self::default() }
    }

    /// A parameter that stays; none if it does not count.
    pub(super) fn peek(&self, name: &str) -> Option<&str> {
        self.values.get(name)?.as_deref().filter(|_| self.counts(name))
    }

    /// A parameter that must be there once, as text, if it is there.
    pub(crate) fn take(&mut self, name: &str) -> Result<Option<String>, ParamsError> {
        if self.repeated.contains(name) {
            return Err(ParamsError::Repeated(name.to_owned()));
        }
        if self.unreadable.contains(name) {
            return Err(ParamsError::NotText(name.to_owned()));
        }
        Ok(self.values.remove(name).flatten())
    }

    fn counts(&self, name: &str) -> bool {
        !self.repeated.contains(name) && !self.unreadable.contains(name)
    }

    /// What is wrong with a parameter, whichever it is, if something is.
    pub(crate) fn problem(&self) -> Option<ParamsError> {
        let repeated = self.repeated.first().cloned().map(ParamsError::Repeated);
        repeated.or_else(|| self.unreadable.first().cloned().map(ParamsError::NotText))
    }

    /// All parameters as a `T`, which ignores those it does not know.
    pub(crate) fn read<T: DeserializeOwned>(self) -> Result<T, ParamsError> {
        match self.problem() {
            Some(problem) => Err(problem),
            None => read(self.values),
        }
    }

    /// All parameters that count as a `T`.
    pub(crate) fn read_single<T: DeserializeOwned>(mut self) -> Result<T, ParamsError> {
        let values = std::mem::take(&mut self.values);
        read(values.into_iter().filter(|(name, _)| self.counts(name)).collect())
    }
}

/// Half of a pair as text; what is none with something in place of what is wrong, to be shown.
fn decode(half: &[u8]) -> Result<String, String> {
    if !half.iter().any(|byte| matches!(byte, b'+' | b'%')) {
        return text(half.to_vec());
    }
    let spaced: Vec<u8> =
        half.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    text(percent_decode(&spaced).collect())
}

fn text(bytes: Vec<u8>) -> Result<String, String> {
    String::from_utf8(bytes).map_err(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

fn read<T: DeserializeOwned>(values: BTreeMap<String, Option<String>>) -> Result<T, ParamsError> {
    let values = values.into_iter().filter_map(|(name, value)| Some((name, Value::String(value?))));
    let values = values.collect();
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
            Self::NotAForm
            | Self::Unreadable
            | Self::Repeated(_)
            | Self::NotText(_)
            | Self::Malformed(_) => StatusCode::BAD_REQUEST,
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
        assert!(matches!(params.take("d"), Err(ParamsError::NotText(name)) if name == "d"));
        assert!(Params::parse(b"a=&a=1").take("a").is_err());
    }

    #[test]
    fn what_is_text_is_taken_as_it_is_and_nothing_else_is_taken_for_it() {
        for (sent, meant) in [
            ("%EF%BF%BD", "\u{FFFD}"),
            ("a+b%2Bc", "a b+c"),
            ("%41=%", "A=%"),
            ("\u{e4}%C3%A4", "\u{e4}\u{e4}"),
        ] {
            let mut params = Params::parse(format!("&state={sent}&").as_bytes());
            assert_eq!(params.take("state").unwrap().as_deref(), Some(meant), "{sent}");
        }
        for broken in ["state=%C3", "state=%ED%A0%80", "%FF=1"] {
            let params = Params::parse(broken.as_bytes());
            assert!(matches!(params.problem(), Some(ParamsError::NotText(_))), "{broken}");
            assert!(params.peek("state").is_none(), "{broken}");
        }
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
